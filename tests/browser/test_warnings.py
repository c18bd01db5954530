"""Warnings stand on the node that they belong to, ours or a stock one, until it runs again; and so does what bypassing
does."""

from __future__ import annotations

import pathlib
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from lab.hosting.client import Client
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept
from single_image_studio.support.warnings import Warned

from ..helpers import editing_graphs
from ..helpers.frontend import Frontend
from ..helpers.graphs import Graph, loaded, node, sources
from ..helpers.page_graphs import FAINT, numbered

# Every node's warnings, by the node's title; what is said twice would be there twice.
SHOWN = """() => Object.fromEntries(window.app.canvas.graph.nodes.flatMap((node) => {
  const panel = node.widgets?.find((widget) => widget.name === "sis_panel")?.element;
  if (!panel?.isConnected) return [];
  const items = [...panel.querySelectorAll(".sis-warnings li")];
  return items.length ? [[node.title, items.map((item) => item.textContent)]] : [];
}))"""
SAME = """(one, other) => Object.keys(one).length === Object.keys(other).length
  && Object.entries(one).every(([title, texts]) => JSON.stringify(texts) === JSON.stringify(other[title]))"""
SIZES = "() => Object.fromEntries(app.canvas.graph.nodes.map((n) => [n.title, n.size.map(Math.round)]))"
SET_TEXT = """([id, text]) => {
  const widget = window.app.canvas.graph.getNodeById(Number(id)).widgets.find((widget) => widget.name === "text");
  widget.value = text;
}"""
# Panels that are taller than the node leaves them.
OUTSIDE = """() => [...document.querySelectorAll(".sis-panel")].filter((panel) => {
  const { canvas } = window.app;
  const node = canvas.graph.nodes.find((node) => node.widgets?.some(({ element }) => element === panel));
  const vue = document.querySelector(`[data-node-id="${node.id}"]`);
  const [, y, , height] = node.getBounding();
  const bottom = vue?.getBoundingClientRect().bottom ?? sisTest.onPage(0, y + height)[1];
  return panel.getBoundingClientRect().bottom > bottom || panel.scrollHeight > panel.clientHeight + 1;
}).length"""
OPACITY = """() => {
  let opacity = 1;
  for (let part = document.querySelector(".sis-bypass"); part; part = part.parentElement)
    opacity *= Number(getComputedStyle(part).opacity);
  return opacity;
}"""
TO_SUBGRAPH = """(ids) => {
  const { graph } = window.app.canvas;
  return graph.convertToSubgraph(new Set(ids.map((id) => graph.getNodeById(id)))).node.id;
}"""
SET_MODE = "([id, mode]) => { window.app.canvas.graph.getNodeById(Number(id)).mode = mode }"

UNKNOWN = Warned("unknown_concept", {"written": "nobody", "known": "<warned>"}).text
WRONG = Warned("wrong_class_word", {"name": "warned", "phrase": "<warned> kettle"}).text
ANOTHER = Warned("concept_of_another_checkpoint", {"name": "warned"}).text.replace("`", "")  # shown as code


@pytest.fixture
def concept(session_server: Client) -> Iterator[pathlib.Path]:
    """A concept in the list, of another checkpoint."""
    assert session_server.base is not None
    folder = session_server.base / "models" / "single_image_studio" / "concepts"
    path = save_concept(Concept(torch.ones(1, 96), "kettle", base_model="0123abcd"), folder / "warned.safetensors")
    yield path
    path.unlink()


def prompting(text: str) -> Graph:
    return {
        "ckpt": sources()["ckpt"],
        "load": loaded("warned"),
        "prompt": node("CLIPTextEncode", clip=["load", 1], text=text),
        "show": node("PreviewAny", source=["prompt", 0]),
    }


def queued(frontend: Frontend) -> Graph:
    """What would be queued, but for Preview as Text, which keeps its text there."""
    return {key: entry for key, entry in frontend.prompt().items() if entry["class_type"] != "PreviewAny"}


def shown(frontend: Frontend) -> dict[str, list[str]]:
    frontend.settle()
    return dict(frontend.page.evaluate(SHOWN))


def expect_shown(frontend: Frontend, expected: dict[str, list[str]]) -> None:
    """Waits until just these are shown: the page first asks the host whose a run is."""
    frontend.settle()
    frontend.page.wait_for_function(f"(expected) => ({SAME})(({SHOWN})(), expected)", arg=expected)


def test_our_nodes_and_stock_ones_show_theirs(
    frontend: Frontend, concept: pathlib.Path, snap: Callable[..., Any]
) -> None:
    graph, ids = numbered(prompting("<nobody> beside a <warned> star"))
    frontend.load_api(graph)
    frontend.frame()
    before = frontend.page.evaluate(SIZES), queued(frontend)
    assert shown(frontend) == {}
    assert frontend.run().kind == "success"
    snap(frontend, "warned")
    expect_shown(frontend, {"load": [ANOTHER], "prompt": [UNKNOWN, WRONG]})
    # neither the prompt nor the saved widgets know of it, and each node has room for it
    assert queued(frontend) == before[1]
    assert "sis_panel" not in str(frontend.workflow())
    assert not frontend.page.evaluate(OUTSIDE)
    assert frontend.page.evaluate(FAINT, ".sis-warnings") == []
    # a reused result keeps its warnings; the node that runs again loses its own
    frontend.page.evaluate(SET_TEXT, [ids["prompt"], "a <warned> kettle"])
    assert frontend.run().kind == "success"
    expect_shown(frontend, {"load": [ANOTHER]})
    if frontend.renderer == "classic":
        assert frontend.page.evaluate(SIZES)["prompt"] == before[0]["prompt"]
    snap(frontend, "mended")


def test_they_survive_a_reload_and_stay_in_their_workflow(
    frontend: Frontend, concept: pathlib.Path, snap: Callable[..., Any]
) -> None:
    graph, ids = numbered(prompting("a <warned> chair"))
    frontend.load_api(graph)
    workflow = frontend.workflow() | {"id": str(uuid.uuid4())}  # as every workflow that the page has saved
    frontend.load(workflow, new_tab=True)
    assert frontend.run().kind == "success"
    expected = {"load": [ANOTHER], "prompt": [WRONG]}
    expect_shown(frontend, expected)
    frontend.reload()
    expect_shown(frontend, expected)
    snap(frontend, "reloaded")
    frontend.load(workflow | {"id": str(uuid.uuid4())})  # the same nodes in another workflow, which has not been run
    assert shown(frontend) == {}
    frontend.load(workflow)
    assert shown(frontend) == expected
    frontend.page.evaluate(SET_TEXT, [ids["prompt"], "a <warned> kettle, black"])
    assert frontend.run().kind == "success"
    expect_shown(frontend, {"load": [ANOTHER]})


def test_inside_a_subgraph(frontend: Frontend, concept: pathlib.Path, snap: Callable[..., Any]) -> None:
    graph, ids = numbered(prompting("a <warned> table"))
    frontend.load_api(graph)
    made = str(frontend.page.evaluate(TO_SUBGRAPH, [int(ids["load"]), int(ids["prompt"])]))
    frontend.load(frontend.workflow())
    assert frontend.run().kind == "success"
    frontend.enter(made)
    frontend.frame()
    expect_shown(frontend, {"load": [ANOTHER], "prompt": [WRONG]})
    snap(frontend)
    frontend.enter()


@pytest.mark.parametrize("language", ["zh", "ja"])
@pytest.mark.parametrize("renderer", ["classic", "vue"])
def test_in_the_pages_language(
    open_frontend: Callable[..., Frontend],
    concept: pathlib.Path,
    renderer: str,
    language: str,
    snap: Callable[..., Any],
) -> None:
    page = open_frontend(renderer, locale=language, palette="light")
    page.load_api(numbered(prompting(f"<nobody> and a <warned> {language}"))[0])
    page.frame()
    assert page.run().kind == "success"
    said = shown(page)
    assert set(said) == {"load", "prompt"}
    assert all(re.search("[\u3040-\u30ff\u4e00-\u9fff]", text) for texts in said.values() for text in texts)
    assert "<warned> kettle" in said["prompt"][1] and "{" not in str(said.values())
    assert page.page.evaluate(FAINT, ".sis-warnings") == []
    snap(page)


def bypassing() -> Graph:
    """An edit by the stock sampler, with every node that is dangerous to bypass."""
    sampler = node(
        "KSampler",
        model=["ckpt", 0],
        seed=5,
        steps=2,
        cfg=5.0,
        sampler_name="ddim",
        scheduler="ddim_uniform",
        positive=["aware", 0],
        negative=["inv", 2],
        latent_image=["inv", 1],
        denoise=1.0,
    )
    aware = {"source": ["source", 0], "target": ["target", 0], "optimized": ["text", 0], "steps": 2}
    return {
        **editing_graphs.sources(),
        "text": editing_graphs.imagic(),
        "inv": editing_graphs.inversion(steps=2),
        "aware": node("SIS_TimestepAwareConditioning", alpha=0.5, source_ratio=0.2, **aware),
        "sampled": sampler,
        **editing_graphs.shown(["sampled", 0]),
    }


# What each node passes on while it is bypassed: which input of whom then gets whose output; and what is said of it.
PASSED_ON = {
    "inv": [
        ("sampled", "latent_image", "latent", "Bypassed: noise_latent is now the picture itself, without noise."),
        ("sampled", "negative", "source", "Bypassed: uncond is now the source prompt, "),
    ],
    "text": [("aware", "optimized", "target", "Bypassed: optimized is now the target prompt, ")],
    "aware": [("sampled", "positive", "source", "Bypassed: positive is now the source prompt alone, ")],
}


@pytest.mark.parametrize("name", PASSED_ON)
def test_a_dangerous_bypass_is_said(frontend: Frontend, name: str, snap: Callable[..., Any]) -> None:
    graph, ids = numbered(bypassing())
    frontend.load_api(graph)
    frontend.frame()
    assert shown(frontend) == {}
    frontend.page.evaluate(SET_MODE, [ids[name], 4])
    frontend.page.wait_for_function(f"() => Object.keys(({SHOWN})()).length")
    said = shown(frontend)
    assert set(said) == {name} and len(said[name]) == len(PASSED_ON[name])
    queued = frontend.prompt()
    for sentence, (receiver, wire, origin, beginning) in zip(said[name], PASSED_ON[name], strict=True):
        assert sentence.startswith(beginning)
        assert queued[ids[receiver]]["inputs"][wire] == [ids[origin], 0]  # else there would be nothing to say
    assert frontend.page.evaluate(OPACITY) == 1  # the Vue renderer draws bypassed nodes faint
    snap(frontend, "bypassed")
    frontend.page.evaluate(SET_MODE, [ids[name], 0])
    frontend.page.wait_for_function(f"() => !Object.keys(({SHOWN})()).length")


def test_bypassing_is_not_said_where_nothing_is_connected(frontend: Frontend) -> None:
    graph = bypassing()
    graph["sampled"]["inputs"] |= {"negative": ["empty", 0], "latent_image": ["latent", 0]}
    made, ids = numbered(graph)
    frontend.load_api(made)
    for name in ("inv", "text"):
        frontend.page.evaluate(SET_MODE, [ids[name], 4])
    frontend.page.wait_for_function(f"() => Object.keys(({SHOWN})()).length")  # both were looked at
    assert set(shown(frontend)) == {"text"}


def test_a_saved_concept_on_a_bare_checkpoint_is_said_before_it_runs(
    frontend: Frontend, concept: pathlib.Path, snap: Callable[..., Any]
) -> None:
    graph, ids = numbered(
        {
            "ckpt": sources()["ckpt"],
            "load": loaded("warned"),
            "bare": node("CLIPTextEncode", clip=["ckpt", 1], text="a <Warned:1.2> kettle, <other>"),
            "skip": node("CLIPSetLastLayer", clip=["bypassed", 1], stop_at_clip_layer=-2),
            "bypassed": loaded("warned"),
            "behind": node("CLIPTextEncode", clip=["skip", 0], text="a <warned> kettle"),
            "good": node("CLIPTextEncode", clip=["load", 1], text="a <warned> kettle"),
        }
    )
    frontend.load_api(graph)
    frontend.page.evaluate(SET_MODE, [ids["bypassed"], 4])
    frontend.page.wait_for_function(f"() => Object.keys(({SHOWN})()).length === 2")
    said = "The prompt names the concept <{}>, and no concept is loaded on its CLIP: connect that of Load Concept."
    assert shown(frontend) == {"bare": [said.format("Warned")], "behind": [said.format("warned")]}
    frontend.frame(ids["bare"], ids["behind"])
    snap(frontend)
    frontend.page.evaluate(SET_TEXT, [ids["bare"], "a kettle"])
    frontend.page.evaluate(SET_MODE, [ids["bypassed"], 0])
    frontend.page.wait_for_function(f"() => !Object.keys(({SHOWN})()).length")
