"""Mask from Prompt's finds on its node: numbered, and taken in and out by mouse and keys."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from ..helpers.frontend import Frontend
from ..helpers.graphs import Graph, node, sources
from ..helpers.page_graphs import FAINT, numbered

RUNS = itertools.count(1)


def finding(**changes: Any) -> Graph:
    """The demo's heart, and whatever else the demo's detector looked at. Not a reused result, which older hosts do not
    tell the page of."""
    inputs = {
        "image": ["image", 0], "prompt": "heart . star", "detector": "sis_demo_dino", "segmenter": "sis_demo_sam",
        "box_threshold": 0.0, "text_threshold": 0.0, "select": "best", "on_missing": "error", "grow": next(RUNS),
        "feather": 0, "keep_loaded": True,
    }  # fmt: skip
    found = node("SIS_MaskFromPrompt", **(inputs | changes))
    return {"image": sources()["image"], "found": found, "mask": node("MaskPreview", mask=["found", 0])}


def test_a_click_takes_a_find_in_or_out(frontend: Frontend, snap: Callable[..., Any]) -> None:
    page = frontend.page
    graph, ids = numbered(finding())
    frontend.load_api(graph)
    assert frontend.run().kind == "success"
    frontend.frame(ids["found"])
    finds = page.get_by_role("group", name="What was found").get_by_role("button", name="Find ")
    expect(finds.first).to_be_visible()
    count = finds.count()
    pressed = [finds.nth(i).get_attribute("aria-pressed") == "true" for i in range(count)]
    assert count >= 2 and 1 <= sum(pressed) <= 2  # the best heart and the best star
    snap(frontend, "found")
    assert frontend.page.evaluate(FAINT, ".sis-panel") == []

    def picked() -> str:
        return str(frontend.prompt()[ids["found"]]["inputs"]["picked"])

    assert picked() == ""
    first, other = pressed.index(True), pressed.index(False) if False in pressed else 1
    finds.nth(other).dispatch_event("click")
    finds.nth(first).focus()
    page.keyboard.press("Enter")
    chosen = [i + 1 for i, on in enumerate(pressed) if on != (i in (first, other))]
    assert picked() == (", ".join(map(str, chosen)) or "0")
    expect(finds.nth(first)).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".sis-finds-message")).to_contain_text("Press Run")
    snap(frontend, "picked")

    frontend.load(frontend.workflow())  # as saved and opened again
    frontend.frame(ids["found"])
    expect(finds.nth(first)).to_have_attribute("aria-pressed", "false")
    run = frontend.run()
    assert run.kind == "success"
    expect(finds.nth(other)).to_have_attribute("aria-pressed", str(other + 1 in chosen).lower())
    expect(page.locator(".sis-finds-message")).to_have_text(f"Picked: {picked()}.")  # nothing is left to run
    page.get_by_role("button", name="Let select decide").dispatch_event("click")
    assert picked() == "" and frontend.errors == []
