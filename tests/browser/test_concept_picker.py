"""Load Concept's face and the list that it opens, by mouse and by keyboard."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, Route, expect

from lab.hosting.client import Client
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept

from ..helpers.frontend import Frontend
from ..helpers.graphs import save, sources, stage1
from ..helpers.page_graphs import FAINT, loading, numbered

SET = (
    "(name) => { const [widget] = app.graph.nodes.find((n) => n.type === 'SIS_LoadConcept').widgets; widget.value ="
    " name; widget.callback(name) }"
)
DEMO = pathlib.Path(__file__).resolve().parents[2] / "lab" / "world" / "concepts"


def demo_concept(name: str, word: str, stage: int) -> Concept:
    def pixels(file: str) -> torch.Tensor:
        import numpy as np
        from PIL import Image

        return torch.from_numpy(np.asarray(Image.open(DEMO / file).convert("RGB"), np.float32) / 255)[None]

    return Concept(
        torch.ones(1, 96), word, picture=pixels(f"{name}.png"), mask=pixels(f"{name}_mask.png")[..., 0], stage=stage
    )


@pytest.fixture(scope="module")
def library(session_server: Client) -> Iterator[pathlib.Path]:
    """Four concepts on the host's disk and a file that is none."""
    assert session_server.base is not None
    folder = session_server.base / "models" / "single_image_studio" / "concepts"
    names = sorted(path.stem.removesuffix("_mask") for path in DEMO.glob("*_mask.png"))
    made = [
        save_concept(demo_concept(name, name.split("_")[0], 1 + index % 2), folder / f"shelf_{name}.safetensors")
        for index, name in enumerate(names[:3])
    ]
    made.append(save_concept(Concept(torch.ones(1, 96), "teddy bear"), folder / "shelf_without_picture.safetensors"))
    torn = folder / "shelf_torn.safetensors"
    torn.write_bytes(made[0].read_bytes()[:-9])
    yield folder
    for path in (*made, torn):
        path.unlink()


def chosen(frontend: Frontend) -> Any:
    return frontend.prompt()["2"]["inputs"]["concept_name"]


@pytest.fixture
def face(frontend: Frontend, library: pathlib.Path) -> Locator:
    frontend.load_api(loading("shelf_without_picture"))
    frontend.frame()
    return frontend.page.locator(".sis-face")


def test_a_concept_is_chosen_by_mouse(frontend: Frontend, face: Locator, snap: Callable[..., Any]) -> None:
    page = frontend.page
    expect(face).to_contain_text("teddy bear · Stage I")
    before = frontend.workflow()
    face.click()
    dialog = page.get_by_role("dialog", name="Choose a concept")
    options = dialog.get_by_role("option")
    expect(options.filter(has_text="shelf_")).to_have_count(5)
    expect(dialog.get_by_role("option", selected=True)).to_contain_text("shelf_without_picture")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.sis-option img')].every((img) => img.complete && img.naturalWidth"
        " === 96)"
    )
    snap(frontend, "list")
    torn = options.filter(has_text="shelf_torn")
    expect(torn).to_have_attribute("aria-disabled", "true")
    expect(torn).to_contain_text("cut short")
    torn.click(force=True)
    expect(dialog).to_be_visible()  # nothing to choose there
    options.filter(has_text="shelf_heart").click()
    expect(dialog).to_have_count(0)
    assert chosen(frontend) == "shelf_heart"
    expect(face).to_contain_text("shelf_heart")
    expect(face.locator("img")).to_have_js_property("naturalWidth", 96)
    snap(frontend, "chosen")
    # the saved workflow holds the widgets' values as without this extension
    after = frontend.workflow()
    values = [
        next(n for n in graph["nodes"] if n["type"] == "SIS_LoadConcept")["widgets_values"] for graph in (before, after)
    ]
    assert values == [["shelf_without_picture", 1, 0.5, False], ["shelf_heart", 1, 0.5, False]]
    sent = {"model", "clip", "concept_name", "strength_model", "strength_clip", "keep_apart"}
    assert set(frontend.prompt()["2"]["inputs"]) == sent


def test_a_concept_is_found_and_chosen_by_keyboard_alone(frontend: Frontend, face: Locator) -> None:
    page, keys = frontend.page, frontend.page.keyboard
    face.focus()
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name="Choose a concept")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    keys.type("SHELF hea")
    expect(dialog.get_by_role("option")).to_have_count(1)
    expect(dialog.locator(".sis-count")).to_contain_text("1 of")
    keys.press("Enter")
    expect(dialog).to_have_count(0)
    assert chosen(frontend) == "shelf_heart"
    expect(face).to_be_focused()
    # and by arrows: to the first, on, back, and out without choosing
    keys.press("Enter")
    keys.type("shelf")
    keys.press("ArrowDown")
    options = dialog.get_by_role("option")
    expect(options.filter(has_text="shelf_heart")).to_be_focused()
    keys.press("Home")
    expect(options.first).to_be_focused()
    keys.press("ArrowRight")
    expect(options.nth(1)).to_be_focused()
    keys.press("Delete")  # the host's shortcut for the selected nodes
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    assert chosen(frontend) == "shelf_heart" and len(frontend.workflow()["nodes"]) == 3
    keys.press("Enter")
    keys.type("no such thing")
    expect(dialog.get_by_role("listbox")).to_contain_text("No concept is called no such thing")
    keys.press("Enter")
    expect(dialog).to_be_visible()
    keys.press("Escape")


def test_a_list_that_comes_late_leaves_the_focus_where_it_is(frontend: Frontend, face: Locator) -> None:
    """A slow host answers while one already walks in what was known before."""
    page, keys = frontend.page, frontend.page.keyboard
    expect(face).to_contain_text("teddy bear")
    held: list[Route] = []
    # a bound method of a list will not do
    page.route("**/single_image_studio/concepts", lambda route: held.append(route))
    try:
        with page.expect_request("**/single_image_studio/concepts"):
            face.click()
        keys.type("shelf")
        keys.press("ArrowDown")
        keys.press("Home")
        option = page.get_by_role("option").filter(has_text="shelf_star")
        option.focus()
        frontend.settle()
        assert len(held) == 1
        option.evaluate("(element) => { element.sisOld = true }")
        held.pop().continue_()
        page.wait_for_function("() => ![...document.querySelectorAll('.sis-option')].some((element) => element.sisOld)")
        expect(option).to_be_focused()
        keys.press("Enter")
        assert chosen(frontend) == "shelf_star"
    finally:
        page.unroute("**/single_image_studio/concepts")


def test_concepts_that_the_host_reads_later_fill_the_open_list(frontend: Frontend, face: Locator) -> None:
    page = frontend.page
    asked = list[str]()

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        read = {"class_word": "pot", "phrase": "<shelf_star> pot", "stage": 1, "created": "2026-01-01T00:00:00"}
        route.fulfill(json=[{"name": "shelf_star", "version": "1", **(read if len(asked) > 2 else {"pending": True})}])

    expect(face).to_contain_text("teddy bear")
    page.evaluate("() => app.refreshComboInNodes()")  # who asks while another does gets the other's answer
    page.route("**/single_image_studio/concepts", answer)
    try:
        face.click()
        expect(page.get_by_role("dialog").get_by_role("option")).to_contain_text("pot · Stage")
        assert len(asked) == 3
    finally:
        page.unroute("**/single_image_studio/concepts")


def test_the_page_s_own_refresh_finds_new_files(frontend: Frontend, face: Locator, library: pathlib.Path) -> None:
    path = save_concept(Concept(torch.ones(1, 96), "kettle"), library / f"copied_{frontend.renderer}.safetensors")
    try:
        frontend.page.evaluate("() => app.refreshComboInNodes()")
        face.click()
        expect(frontend.page.get_by_role("option").filter(has_text="kettle")).to_have_count(1)
        frontend.page.keyboard.press("Escape")
        frontend.page.evaluate(SET, path.stem)
        expect(face).to_contain_text("kettle · Stage I")
    finally:
        path.unlink()


def test_the_face_follows_the_widget_and_the_wire(frontend: Frontend, face: Locator) -> None:
    page = frontend.page
    page.evaluate(SET, "gone")
    expect(face).to_contain_text("not in the list")
    page.evaluate("""() => {
      const wire = window.LiteGraph.createNode("PrimitiveNode");
      const node = app.graph.nodes.find((n) => n.type === "SIS_LoadConcept");
      app.graph.add(wire);
      wire.connect(0, node, node.inputs.findIndex((input) => input.name === "concept_name"));
    }""")
    expect(face).to_be_disabled()
    expect(face).to_contain_text("from the wire")
    page.evaluate(
        "() => { const node = app.graph.nodes.find((n) => n.type === 'SIS_LoadConcept');"
        " node.disconnectInput(node.inputs.findIndex((i) => i.name === 'concept_name')) }"
    )
    expect(face).to_be_enabled()


def test_a_concept_that_was_just_saved_is_in_the_list(
    frontend: Frontend, library: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    name = f"fresh_{frontend.renderer}"
    graph = {
        **sources(),
        "one": stage1(seed=911, steps=1),
        "save": save(name, concept=["one", 0]),
        **loading("shelf_heart"),
    }
    frontend.load_api(numbered(graph)[0])
    assert frontend.run().kind == "success"
    listed = (
        "(name) => app.graph.nodes.find((n) => n.type === 'SIS_LoadConcept').widgets[0].options.values.includes(name)"
    )
    frontend.page.wait_for_function(listed, arg=name)
    frontend.frame(*frontend.node_ids("SIS_LoadConcept"))  # nodes that are shown small take no clicks
    frontend.page.locator(".sis-face").click()
    expect(frontend.page.get_by_role("option").first).to_contain_text(name)  # the newest
    frontend.page.keyboard.press("Escape")
    (library / f"{name}.safetensors").unlink()


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_the_list_can_be_read_on_light_and_dark_pages(
    open_frontend: Callable[..., Frontend], library: pathlib.Path, palette: str, snap: Callable[..., Any]
) -> None:
    """WCAG AA: 4.5 to 1 for every text of ours, on the colours that the host's palette gives."""
    frontend = open_frontend("classic", palette=palette)
    frontend.load_api(loading("shelf_heart"))
    frontend.frame()
    expect(frontend.page.locator(".sis-face")).to_contain_text("shelf_heart")
    faint = frontend.page.evaluate(FAINT, ".sis-face")
    frontend.page.locator(".sis-face").click()
    expect(frontend.page.get_by_role("option").filter(has_text="shelf_")).to_have_count(5)
    faint += frontend.page.evaluate(FAINT, ".sis-picker")
    snap(frontend)
    assert faint == []


@pytest.mark.parametrize(
    ("locale", "heading", "summary"), [("zh", "选择概念", "heart · 第"), ("ja", "コンセプトを選ぶ", "heart · ステージ")]
)
def test_the_list_speaks_the_page_s_language(
    open_frontend: Callable[..., Frontend], library: pathlib.Path, locale: str, heading: str, summary: str
) -> None:
    frontend = open_frontend("vue", locale=locale)
    frontend.load_api(loading("shelf_heart"))
    frontend.frame()
    face = frontend.page.locator(".sis-face")
    expect(face).to_contain_text(summary)
    face.click()
    expect(frontend.page.get_by_role("dialog", name=heading)).to_be_visible()
