"""In a prompt box "<" begins the name of a concept, and a list completes it, in any node."""

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
from ..helpers.graphs import node
from ..helpers.page_graphs import FAINT

BOX = ".comfy-multiline-input, [data-node-id] textarea"


@pytest.fixture
def kettles(session_server: Client) -> Iterator[list[pathlib.Path]]:
    assert session_server.base is not None
    folder = session_server.base / "models" / "single_image_studio" / "concepts"
    names = {"zinc_kettle": "kettle", "old_zinc": "bucket"}
    paths = [
        save_concept(Concept(torch.ones(1, 96), word), folder / f"{name}.safetensors") for name, word in names.items()
    ]
    yield paths
    for path in paths:
        path.unlink()


@pytest.fixture
def box(frontend: Frontend, kettles: list[pathlib.Path]) -> Locator:
    frontend.load_api(
        {
            "1": node("CheckpointLoaderSimple", ckpt_name="sis_demo_sd15.safetensors"),
            "2": node("CLIPTextEncode", clip=["1", 1], text=""),
        }
    )
    frontend.frame("2")
    return frontend.page.locator(BOX).first


def text(frontend: Frontend) -> Any:
    return frontend.prompt()["2"]["inputs"]["text"]


def test_a_name_is_completed_by_keys(frontend: Frontend, box: Locator, snap: Callable[..., Any]) -> None:
    page = frontend.page
    box.click()
    page.keyboard.type("a red <zin")
    names = page.get_by_role("listbox", name="Concepts to complete the prompt with")
    # those that begin so come first
    expect(names.get_by_role("option")).to_have_text(["<zinc_kettle> kettle", "<old_zinc> bucket"])
    snap(frontend)
    assert not page.evaluate(FAINT, ".sis-completion")
    page.keyboard.press("ArrowDown")
    expect(names.get_by_role("option", selected=True)).to_have_text("<old_zinc> bucket")
    active = box.get_attribute("aria-activedescendant")
    assert active and names.locator(f"#{active}").inner_text() == "<old_zinc> bucket"
    page.keyboard.press("ArrowDown")  # and round again
    page.keyboard.press("Enter")
    expect(names).to_have_count(0)
    page.keyboard.type(" on a table")
    expect(box).to_have_value("a red <zinc_kettle> kettle on a table")
    assert text(frontend) == "a red <zinc_kettle> kettle on a table"
    assert box.get_attribute("aria-activedescendant") is None


def test_a_name_is_completed_by_mouse_and_a_list_is_closed(frontend: Frontend, box: Locator) -> None:
    page = frontend.page
    box.click()
    names = page.locator(".sis-completion")
    page.keyboard.type("<old")
    names.get_by_role("option").click()
    assert text(frontend) == "<old_zinc> bucket"
    expect(box).to_be_focused()
    page.keyboard.type(" <zinc")
    expect(names).to_be_visible()
    page.keyboard.press("Escape")
    expect(names).to_have_count(0)
    page.keyboard.press("Enter")  # is the box's own again
    assert text(frontend) == "<old_zinc> bucket <zinc\n"
    page.keyboard.type("<nobody")
    expect(names).to_have_count(0)
    page.keyboard.type(" <zinc")
    expect(names).to_be_visible()
    page.mouse.click(400, 900)
    expect(names).to_have_count(0)


def test_what_the_host_has_not_read_yet_joins_the_list_later(frontend: Frontend, box: Locator) -> None:
    """The host reads many new files in several answers; what is selected meanwhile stays selected."""
    page = frontend.page
    asked = list[str]()

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        entries = [{**entry, "name": name} for name, entry in known.items() if len(asked) > waits[name]]
        pending = [{"name": name, "version": "1", "pending": True} for name in known if len(asked) <= waits[name]]
        route.fulfill(json=entries + pending)

    known = {name: {"version": "1", "class_word": "pot", "phrase": f"<{name}> pot"} for name in ("zinc_a", "zinc_b")}
    waits = {"zinc_a": 2, "zinc_b": 1}
    box.click()
    page.keyboard.type("<zinc_")
    names = page.locator(".sis-completion")
    expect(names.get_by_role("option")).to_have_text(["<zinc_kettle> kettle"])
    page.route("**/single_image_studio/concepts", answer)
    try:
        page.evaluate("() => void app.refreshComboInNodes()")  # the list itself has just asked, or asks every 5 s
        expect(names.get_by_role("option")).to_have_text(["<zinc_a> pot", "<zinc_b> pot"])
        expect(names.get_by_role("option", selected=True)).to_have_text("<zinc_b> pot")
    finally:
        page.unroute("**/single_image_studio/concepts")
