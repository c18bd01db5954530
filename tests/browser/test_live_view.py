"""The live view of training and inversion, in both renderers: it moves, survives a reload, and leaves no trace."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from lab.hosting.client import Client
from single_image_studio.losses.terms import LOSS_TERMS

from ..helpers.frontend import Frontend
from ..helpers.live_views import reused, shown, told, wait_until
from ..helpers.watched_graphs import editing, learning

CONTRASTS = """() => {
  const view = document.querySelector("[data-term=semantic]").closest(".sis-live");
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    probe.clearRect(0, 0, 1, 1);
    probe.fillStyle = color;
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(view), paper = light(style.backgroundColor);
  const ratio = (color) => {
    const ink = light(color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  };
  const paths = [...view.querySelectorAll("path[data-term]")];
  const lines = paths.map((path) => [path.dataset.term, ratio(getComputedStyle(path).stroke)]);
  return { text: ratio(style.color), ...Object.fromEntries(lines) };
}"""


# Each curve of the one view that has any: its term, colour and dashes.
INKS = """() => [...document.querySelectorAll("path[data-term]")].map((path) => [
  path.dataset.term, getComputedStyle(path).stroke, path.getAttribute("stroke-dasharray"),
])"""


def kept(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes as they are saved, but for what the host itself changes: it makes room for a node's pictures, measures
    the page's pixels, and keeps Preview as Text's text."""
    nodes = [entry for entry in workflow["nodes"] if entry["type"] != "PreviewAny"]
    return [
        {key: value for key, value in entry.items() if key not in ("pos", "size")}
        | {"pos": [round(x) for x in entry["pos"]]}
        for entry in nodes
    ]


def test_the_curves_move_and_leave_no_trace(frontend: Frontend, server: Client, snap: Callable[..., Any]) -> None:
    frontend.load_api(learning(steps=80))
    frontend.frame("4", "5")
    idle = shown(frontend, "4")
    assert idle["idle"] == "Curves appear here while it runs."
    assert idle["height"] > 100
    before, prompt = frontend.workflow(), frontend.prompt()
    run = frontend.queue()
    first = wait_until(frontend, "4", "view.last >= 3")
    assert re.fullmatch(r"Step \d+ of 80", first["status"])
    later = wait_until(frontend, "4", f"view.last > {first['last']}")
    assert all(
        later["curves"][name].count("L") > first["curves"][name].count("L")
        for name in ("loss", "foreground", "background")
    )
    assert re.fullmatch(r"\d+:\d\d · ~\d+:\d\d left", later["time"])
    snap(frontend, "stage I runs")
    assert frontend.wait(run).kind == "success"
    one, two = shown(frontend, "4"), shown(frontend, "5")
    snap(frontend, "both are done")
    assert (one["status"], two["status"], one["last"], two["last"]) == ("Done", "Done", 80, 12)
    assert list(one["curves"]) == ["loss", "foreground", "background"]
    assert list(two["curves"]) == ["loss", "foreground", "background", "semantic"]
    assert two["spoken"].endswith("Done")
    # what is shown are the numbers that the graph has
    losses = server.get(f"/history/{run}")[run]["outputs"]["5"]["sis_live"][0]["series"]
    names = {"total": "loss", "subject": "foreground", "background": "background", "class word": "semantic"}
    for entry in two["legend"]:
        name, value = entry.rsplit(" ", 1)
        assert float(value) == pytest.approx(losses[names[name]][-1], rel=0.06), entry
    # neither the saved workflow nor the prompt know of any of it
    after = frontend.workflow()
    assert kept(after) == kept(before)
    assert not re.search(r"live_view|sis_live", json.dumps(after), re.IGNORECASE)
    assert {**frontend.prompt(), "7": None} == {**prompt, "7": None}


def test_history_survives_a_reload_and_cancel_is_told(frontend: Frontend, snap: Callable[..., Any]) -> None:
    frontend.load_api(learning(steps=5000, preview_every=4))
    frontend.load(frontend.workflow(), new_tab=True)
    run = frontend.queue()
    seen = wait_until(frontend, "4", "view.last >= 10 && view.previews.length > 2")
    frontend.reload()
    again = wait_until(frontend, "4", "view.last > 1")
    assert again["last"] >= seen["last"]
    assert again["first"] == 1  # from the beginning, not from the reload
    assert again["previews"][0] == "The picture and mask that it learns from"
    assert len(again["previews"]) > 2
    moving = wait_until(frontend, "4", f"view.last > {again['last']} && view.previews.length === 7")
    assert moving["status"] == f"Step {moving['last']} of 5000"
    frontend.frame("4")
    snap(frontend, "after the reload")
    frontend.interrupt()
    assert frontend.wait(run).kind == "interrupted"
    stopped = wait_until(frontend, "4", "view.status.startsWith('Cancelled')")
    assert stopped["status"] == f"Cancelled, step {stopped['last']}"
    assert "left" not in stopped["time"]
    assert shown(frontend, "5")["idle"]  # which never began
    snap(frontend, "cancelled")


def test_editing_nodes_are_shown_too(frontend: Frontend, snap: Callable[..., Any]) -> None:
    frontend.load_api(editing())
    assert frontend.run().kind == "success"
    text, inversion = shown(frontend, "4"), shown(frontend, "5")
    assert list(text["curves"]) == ["misfit"]
    assert text["last"] == 10
    assert list(inversion["curves"]) == ["distance"]
    assert (inversion["first"], inversion["last"]) == (1, 10)
    assert len(inversion["previews"]) == 4  # at the fifth and tenth step, there and back
    assert re.fullmatch(r"distance \(rises normally\) [\d.e-]+", inversion["legend"][0])
    assert text["height"] == pytest.approx(inversion["height"], rel=0.01)  # fixed, whatever stands in it
    for which in ("4", "5"):
        frontend.frame(which)
        snap(frontend, frontend.page.evaluate("(id) => app.rootGraph.getNodeById(Number(id)).type", which))


def test_inside_a_subgraph_in_two_tabs(frontend: Frontend, snap: Callable[..., Any]) -> None:
    frontend.load_api(learning())
    made = str(
        frontend.page.evaluate(
            "() => { const g = app.canvas.graph; return String(g.convertToSubgraph(new Set([g.getNodeById(4),"
            " g.getNodeById(5)])).node.id) }"
        )
    )
    frontend.load(frontend.workflow())
    assert frontend.run().kind == "success"
    (one,) = frontend.page.evaluate(
        "(id) => app.rootGraph.getNodeById(id).subgraph.nodes.filter((n) => n.type === 'SIS_TrainStage1').map((n) =>"
        " String(n.id))",
        int(made),
    )
    assert shown(frontend, f"{made}:{one}")["last"] == 12
    frontend.enter(made)
    frontend.frame()
    inside = shown(frontend, f"{made}:{one}")
    snap(frontend)
    assert (inside["status"], inside["connected"]) == ("Done", True)
    frontend.enter()
    # another workflow whose node has the same id is not the one that ran
    other = {**frontend.workflow(), "id": "11111111-2222-4333-8444-555555555555"}
    frontend.load(other)
    assert shown(frontend, f"{made}:{one}")["idle"]


def test_keys_reach_every_value(frontend: Frontend) -> None:
    frontend.load_api(learning())
    assert frontend.run().kind == "success"
    frontend.frame("5")
    chart = frontend.page.get_by_role("slider", name="Stage II")
    chart.focus()
    newest = shown(frontend, "5")
    assert newest["told"].startswith("step 12: total ")
    frontend.page.keyboard.press("Home")
    assert shown(frontend, "5")["told"].startswith("step 1: ")
    frontend.page.keyboard.press("ArrowRight")
    second = shown(frontend, "5")
    assert second["now"] == 2
    assert second["told"] != newest["told"].replace("step 12", "step 2")
    frontend.page.keyboard.press("Escape")
    assert shown(frontend, "5")["told"] == newest["told"]
    # the pointer finds the same
    box = chart.bounding_box()
    assert box is not None
    frontend.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    assert 5 <= shown(frontend, "5")["now"] <= 8
    frontend.page.mouse.move(5, 5)
    assert shown(frontend, "5")["now"] == 12


def test_a_reused_result_keeps_its_curves(frontend: Frontend) -> None:
    frontend.load_api(learning())
    assert frontend.run().kind == "success"
    # the same under another name: only Save Concept runs again
    frontend.page.evaluate(
        "(name) => { app.graph.getNodeById(6).widgets.find((widget) => widget.name === 'name').value = name }",
        "watched_again",
    )
    again = frontend.run()
    assert again.kind == "success"
    assert {"4", "5"} <= reused(frontend, again.prompt_id)
    assert [shown(frontend, node_id)["last"] for node_id in ("4", "5")] == [12, 12]


def test_terms_are_shown_as_the_server_says(frontend: Frontend, snap: Callable[..., Any]) -> None:
    frontend.load_api(learning())
    frontend.load(frontend.workflow(), new_tab=True)
    frontend.frame("4")
    series = {"likeness": [3.0, 2.0], "background": [0.3, 0.2], "loss": [0.5, 0.4], "foreground": [0.2, 0.1]}
    own = {name: numbers for name, numbers in series.items() if name != "likeness"}
    table = {name: {"colour": t.colour, "dash": t.dash, "words": t.words} for name, t in LOSS_TERMS.items()}
    assert told(frontend, 1, series=own, terms=table)["legend"] == ["total 0.4", "subject 0.1", "background 0.2"]
    inks = frontend.page.evaluate(INKS)
    assert [(name, dash) for name, _, dash in inks] == [("loss", ""), ("foreground", "7 2"), ("background", "2 2")]
    assert len({colour for _, colour, _ in inks}) == 3
    terms = {
        "likeness": {"colour": "rgb(1, 2, 3)", "words": "likeness", "dash": "1 1"},
        "loss": {"words": {"en": "sum", "ja": "総和"}},
        "foreground": {"colour": "blue", "words": {"ja": "被写体"}},
        "unused": {"colour": "green", "words": "unused"},
    }
    again = told(frontend, 2, series=series, terms=terms)  # what it leaves out: the name, and the text's colour
    assert again["legend"] == ["likeness 2", "sum 0.4", "foreground 0.1", "background 0.2"]
    assert again["told"] == "step 2: likeness 2, sum 0.4, foreground 0.1, background 0.2"
    (name, colour, dash), *others = frontend.page.evaluate(INKS)
    assert (name, colour, dash) == ("likeness", "rgb(1, 2, 3)", "1 1")
    assert others == [inks[0], ["foreground", inks[2][1], ""], ["background", inks[0][1], ""]]
    snap(frontend)


def test_every_theme_is_legible(frontend: Frontend, snap: Callable[..., Any]) -> None:
    frontend.load_api(learning(preview_every=2))
    assert frontend.run().kind == "success"
    frontend.frame("5")
    ratios = {}
    try:
        for palette in ("dark", "light", "arc", "nord", "github", "solarized"):
            frontend.page.evaluate(
                "async (name) => { await app.extensionManager.setting.set('Comfy.ColorPalette', name) }", palette
            )
            frontend.settle()
            ratios[palette] = frontend.page.evaluate(CONTRASTS)
            if palette in ("dark", "light"):
                snap(frontend, palette)
    finally:
        frontend.page.evaluate("async () => { await app.extensionManager.setting.set('Comfy.ColorPalette', 'dark') }")
    assert set(ratios["dark"]) == {"text", "loss", "foreground", "background", "semantic"}
    assert not {
        (palette, name): ratio for palette, found in ratios.items() for name, ratio in found.items() if ratio < 4.5
    }


@pytest.mark.parametrize(("locale", "word"), [("zh", "主体"), ("ja", "被写体")])
def test_in_the_artists_own_language(
    open_frontend: Callable[..., Frontend], locale: str, word: str, snap: Callable[..., Any]
) -> None:
    frontend = open_frontend("classic", locale=locale)
    frontend.load_api(learning())
    assert frontend.run().kind == "success"
    frontend.frame("4", "5")
    assert any(entry.startswith(word) for entry in shown(frontend, "4")["legend"])
    snap(frontend)
