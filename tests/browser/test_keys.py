"""Keys that are pressed in the pack's own widgets stay there: the graph keeps its nodes, selected ones included. The
wheel goes on to the canvas."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, expect

from lab.hosting.client import Client
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept

from ..helpers.editing_graphs import edit, grid, inversion
from ..helpers.editing_graphs import sources as editing_sources
from ..helpers.frontend import Frontend
from ..helpers.graphs import Graph, node, sources, stage1
from ..helpers.page_graphs import numbered

pytestmark = [pytest.mark.browser, pytest.mark.server]

# The host's shortcuts that change selected nodes, those of the canvas among them.
ARROWS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")
CLIPBOARD = ("Control+c", "Control+x", "Control+v", "Control+Shift+v")
SHORTCUTS = ("Delete", "Backspace", *ARROWS, *CLIPBOARD, "Control+b", "Control+m", "Control+g", "p", "Alt+c")

SELECT_ALL = """() => {
  const { canvas } = window.app;
  canvas.deselectAll();
  canvas.selectItems(canvas.graph.nodes);
  document.querySelector("#graph-canvas").focus(); // newer frontends look where the focus is
}"""
SELECTED = "() => [...window.app.canvas.selectedItems].map((item) => String(item.id)).sort()"


def learning() -> Graph:
    return {**sources(), "one": stage1(seed=990), "show": node("PreviewAny", source=["one", 1])}


def loading() -> Graph:
    load = node("SIS_LoadConcept", model=["ckpt", 0], clip=["ckpt", 1], strength_model=1.0, strength_clip=1.0)
    return {**sources(), "load": load, "show": node("PreviewAny", source=["load", 2])}


def choosing() -> Graph:
    grids = {"grid": grid(alphas="0.2, 0.8", source_ratios="0.2, 0.6")}
    return {**editing_sources(), "inv": inversion(steps=2, method="ddim"), **grids, "edit": edit()}


@pytest.fixture
def kettle(session_server: Client) -> Iterator[pathlib.Path]:
    """A concept in the list."""
    assert session_server.base is not None
    folder = session_server.base / "models" / "single_image_studio" / "concepts"
    path = save_concept(Concept(torch.ones(1, 96), "kettle"), folder / "guarded.safetensors")
    yield path
    path.unlink()


@pytest.fixture
def opened(frontend: Frontend) -> Callable[[Graph, str], Frontend]:
    """`opened(graph, class)`: the graph on the page, with the nodes of a class in view."""

    def opened(graph: Graph, class_type: str) -> Frontend:
        frontend.load_api(numbered(graph)[0])
        frontend.frame(*frontend.node_ids(class_type))
        return frontend

    return opened


def contents(frontend: Frontend) -> tuple[Any, ...]:
    """What a key could change: which nodes there are, where and how, their wires and groups, and what is selected."""
    workflow = frontend.workflow()
    nodes = [
        (entry["id"], [round(x) for x in entry["pos"]], entry["mode"], entry["flags"]) for entry in workflow["nodes"]
    ]
    return nodes, workflow["links"], workflow["groups"], frontend.page.evaluate(SELECTED)


def select_and_copy(frontend: Frontend) -> None:
    """Selects every node and puts them on the clipboard, as a person on the canvas does."""
    frontend.page.evaluate(SELECT_ALL)
    frontend.page.keyboard.press("Control+c")


def press_all(frontend: Frontend, focused: Locator, keys: tuple[str, ...] = SHORTCUTS) -> None:
    """Presses each key in an element of ours, and looks after each whether the graph is as it was."""
    select_and_copy(frontend)
    before = contents(frontend)
    assert len(before[0]) == len(before[3]) > 3
    for key in keys:
        focused.focus()
        frontend.page.keyboard.press(key)
        frontend.settle()
        assert contents(frontend) == before, key


def test_on_the_canvas_the_same_keys_change_the_graph(opened: Callable[..., Frontend]) -> None:
    """Otherwise the other tests would prove nothing."""
    frontend = opened(loading(), "SIS_LoadConcept")
    select_and_copy(frontend)
    count = len(frontend.workflow()["nodes"])
    frontend.page.keyboard.press("Control+v")
    frontend.page.wait_for_function("(count) => window.app.canvas.graph.nodes.length === count", arg=2 * count)
    frontend.page.evaluate(SELECT_ALL)
    frontend.page.keyboard.press("Delete")
    frontend.page.wait_for_function("() => !window.app.canvas.graph.nodes.length")


def test_in_the_live_view(opened: Callable[..., Frontend]) -> None:
    frontend = opened(learning(), "SIS_TrainStage1")
    chart = frontend.page.locator(".sis-live-chart")
    press_all(frontend, chart)  # before anything is shown
    assert frontend.run().kind == "success"
    press_all(frontend, chart)
    press_all(frontend, frontend.page.locator(".sis-live-previews button").first)


def test_in_load_concept_and_its_list(opened: Callable[..., Frontend], kettle: pathlib.Path) -> None:
    frontend = opened(loading(), "SIS_LoadConcept")
    face = frontend.page.locator(".sis-face")
    press_all(frontend, face)
    face.click()
    dialog = frontend.page.get_by_role("dialog", name="Choose a concept")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    press_all(frontend, dialog.get_by_role("option").filter(has_text=kettle.stem))
    press_all(frontend, dialog.get_by_role("button", name="Cancel"))
    press_all(frontend, dialog.get_by_role("searchbox"))
    press_all(frontend, dialog.get_by_role("button", name="Rename or delete"))
    dialog.get_by_role("searchbox").fill("")
    dialog.get_by_role("option").filter(has_text=kettle.stem).click()
    press_all(frontend, frontend.page.get_by_role("button", name=f"Copy <{kettle.stem}> kettle"))


def test_in_edit_grid(opened: Callable[..., Frontend]) -> None:
    frontend = opened(choosing(), "SIS_EditGrid")
    assert frontend.run().kind == "success"
    cells = frontend.page.locator(".sis-table button")
    expect(cells).to_have_count(4)
    press_all(frontend, cells.first)
    larger = frontend.page.get_by_role("button", name="Open large")
    press_all(frontend, larger)
    larger.click()
    press_all(frontend, frontend.page.get_by_role("button", name="Use these values"))


@pytest.mark.parametrize(
    ("graph", "class_type", "place"),
    [
        (learning(), "SIS_TrainStage1", ".sis-live-chart"),
        (loading(), "SIS_LoadConcept", ".sis-face"),
        (choosing(), "SIS_EditGrid", ".sis-say"),
    ],
)
def test_the_wheel_zooms_over_every_view(
    opened: Callable[..., Frontend], graph: Graph, class_type: str, place: str
) -> None:
    frontend = opened(graph, class_type)
    scale = frontend.page.evaluate("() => app.canvas.ds.scale")
    frontend.page.locator(place).hover()
    frontend.page.mouse.wheel(0, 100)
    frontend.page.wait_for_function("(scale) => app.canvas.ds.scale < scale * 0.95", arg=scale)
    frontend.settle()
    assert frontend.page.evaluate("() => app.canvas.ds.scale") > scale * 0.8  # one step, not two
