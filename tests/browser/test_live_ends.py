"""The live view and the nodes around a run: what is shown before it, at its end, and how small numbers are seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ..helpers import editing_graphs
from ..helpers.frontend import Frontend
from ..helpers.graphs import node
from ..helpers.live_views import shown, told, wait_until
from ..helpers.page_graphs import numbered
from ..helpers.watched_graphs import learning


def test_a_small_term_is_seen_beside_a_large_one(frontend: Frontend, snap: Callable[..., Any]) -> None:
    """The axis is logarithmic: on a linear one, what is a thousandth of the total lies on the lower edge."""
    frontend.load_api(learning())
    frontend.load(frontend.workflow(), new_tab=True)
    frontend.frame("4")
    series = {"loss": [0.5, 0.4], "foreground": [5e-4, 4e-4], "background": [0.0, 0.05]}
    curves = told(frontend, 1, series=series)["curves"]
    heights = {name: [float(y) for y in re.findall(r" ([\d.]+)", path)] for name, path in curves.items()}
    assert 0 <= heights["loss"][0] < heights["loss"][1] < 10
    assert 70 < heights["foreground"][0] < heights["foreground"][1] < 90
    assert heights["background"][0] == 100  # nothing at all is on the edge
    ends = frontend.page.locator(".sis-live").first.locator(".sis-live-top, .sis-live-bottom").all_inner_texts()
    assert ends == ["0.5", "1.0e-4"]
    snap(frontend)


def test_a_new_run_takes_the_old_end_away(frontend: Frontend) -> None:
    frontend.load_api(learning())
    assert frontend.run().kind == "success"
    assert shown(frontend, "5")["status"] == "Done"
    frontend.page.evaluate("() => { app.graph.getNodeById(4).widgets.find((w) => w.name === 'steps').value = 900 }")
    run = frontend.queue()
    waiting = wait_until(frontend, "5", "view.idle !== ''")
    assert (waiting["idle"], waiting["status"], waiting["curves"]) == ("Waiting for its turn …", "", {})
    frontend.interrupt()
    assert frontend.wait(run).kind == "interrupted"
    # it never came to the second node, which shows the run before again, and that it is that one
    again = wait_until(frontend, "5", "view.idle === ''")
    assert (again["status"], again["time"], again["last"]) == ("Not run this time. Last time:", "", 12)
    assert shown(frontend, "4")["status"].startswith("Cancelled")


# of the nodes that have run: what the host shows on them, as a person sees it
PICTURES = """(id) => {
  const node = app.graph.getNodeById(id), drawn = document.querySelector(`[data-node-id="${id}"]`);
  return drawn ? drawn.querySelectorAll('img[src*="/view"]').length : (node.imgs ?? []).length;
}"""


def test_a_picture_of_the_last_run_goes_when_its_node_runs_again(frontend: Frontend, snap: Callable[..., Any]) -> None:
    """The picture of Stage I's last run goes when it runs again, and there is a new one at its end."""
    frontend.load_api(learning(steps=4))
    frontend.load(frontend.workflow(), new_tab=True)
    frontend.frame("4", "5")
    assert frontend.run().kind == "success"
    frontend.page.wait_for_function(f"() => ({PICTURES})(4) === 1")
    frontend.page.evaluate(
        "() => { const set = (id, name, value) => {"
        " app.graph.getNodeById(id).widgets.find((w) => w.name === name).value = value };"
        " set(4, 'steps', 30); set(5, 'steps', 3000) }"
    )
    run = frontend.queue()
    wait_until(frontend, "4", "view.status.startsWith('Step')")
    frontend.page.wait_for_function(f"() => ({PICTURES})(4) === 0", timeout=20_000)
    snap(frontend, "runs again")
    wait_until(frontend, "5", "view.last > 1")
    frontend.page.wait_for_function(f"() => ({PICTURES})(4) === 1")
    frontend.interrupt()
    frontend.wait(run)


PROGRESS = """([state, text]) => {
  const tell = (type, detail) => app.api.dispatchEvent(new CustomEvent(type, { detail }));
  const facts = (id, state) => ({ value: 1, max: 2, state, node_id: id, display_node_id: id, prompt_id: "mine" });
  tell("progress_state", { prompt_id: "mine", nodes: { 4: facts("4", state), 5: facts("5", "running") } });
  if (text) for (const nodeId of ["4", "5"]) tell("progress_text", { nodeId, text });
}"""
LINES = "() => [4, 5].map((id) => app.graph.getNodeById(id).widgets.filter((w) => w.name.startsWith('$$')).length)"


def test_a_line_of_progress_goes_when_its_node_is_done(open_frontend: Callable[..., Frontend]) -> None:
    """Not only when the whole run is: what comes after it may take minutes."""
    frontend = open_frontend("classic")
    frontend.load_api(learning())
    frontend.page.evaluate(PROGRESS, ["running", "cut out picture 1 of 1"])
    frontend.page.wait_for_function(f"() => String(({LINES})()) === '1,1'")
    frontend.page.evaluate(PROGRESS, ["finished", ""])
    frontend.page.wait_for_function(f"() => String(({LINES})()) === '0,1'", timeout=20_000)


LEFT = """() => app.rootGraph.nodes.filter((node) => node.type.startsWith("SIS_")).map((node) => ({
  id: String(node.id), height: Math.round(node.size[1]),
  widgets: node.widgets.map((widget) => widget.name).filter((name) => name.startsWith("$$")),
  pictures: (node.imgs ?? []).length + (app.nodePreviewImages[node.id] ?? []).length,
  drawn: document.querySelectorAll(`[data-node-id="${node.id}"] img[src^="blob:"]`).length,
}))"""


def test_what_a_run_leaves_on_its_nodes_goes(frontend: Frontend, snap: Callable[..., Any]) -> None:
    """Rough previews and lines of progress: they are there while it runs, and not afterwards."""
    graph = editing_graphs.sources() | {
        "inv": editing_graphs.inversion(steps=6, method="ddim"),
        "edit": editing_graphs.edit(),
    }
    pictures = {
        "decode": node("VAEDecode", samples=["edit", 0], vae=["ckpt", 2]),
        "see": node("PreviewImage", images=["decode", 0]),
    }
    prompt, ids = numbered(graph | pictures)
    frontend.load_api(prompt)
    frontend.frame(ids["edit"], ids["inv"])
    before = {one["id"]: one["height"] for one in frontend.page.evaluate(LEFT)}
    frontend.page.evaluate(
        "() => { window.sisSeen = 0; app.api.addEventListener('b_preview_with_metadata', () => sisSeen++);"
        " app.api.addEventListener('progress_text', () => sisSeen++) }"
    )
    assert frontend.run().kind == "success"
    assert frontend.page.evaluate("() => sisSeen") > 0
    frontend.page.wait_for_function(
        f"() => ({LEFT})().every((one) => !one.widgets.length && !one.pictures && !one.drawn)", timeout=20_000
    )
    snap(frontend, "afterwards")
    assert {one["id"]: one["height"] for one in frontend.page.evaluate(LEFT)} == pytest.approx(before, abs=4)


def test_edit_grid_says_that_it_waits_and_how_far_it_is(frontend: Frontend, snap: Callable[..., Any]) -> None:
    """Its run is long enough for a look at it: the cancelled one leaves what was there before."""
    cells = {"alphas": "0, 0.2, 0.4, 0.6", "source_ratios": "0.2, 0.4, 0.6, 0.8"}
    graph = editing_graphs.sources() | {
        "inv": editing_graphs.inversion(steps=20, method="ddim"),
        "grid": editing_graphs.grid(**cells),
    }
    prompt, ids = numbered(graph)
    frontend.load_api(prompt)
    frontend.frame(ids["grid"])
    frontend.page.evaluate(
        "() => { window.sisSaid = []; const line = document.querySelector('.sis-say');"
        " setInterval(() => line.value !== sisSaid.at(-1) && sisSaid.push(line.value), 5) }"
    )
    run = frontend.queue()
    frontend.page.wait_for_function("() => sisSaid.some((said) => /^Sampling, [1-9]\\d* of \\d+$/.test(said))")
    snap(frontend)
    frontend.interrupt()
    assert frontend.wait(run).kind == "interrupted"
    frontend.page.wait_for_function("() => sisSaid.at(-1) === 'Run to see the edits here.'")
    assert frontend.page.evaluate("() => sisSaid.slice(0, 2)") == [
        "Run to see the edits here.",
        "Waiting for its turn …",
    ]
