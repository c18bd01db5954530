"""Edit Grid's cells opened large, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from ..helpers.editing_graphs import edit, grid, inversion, sources
from ..helpers.frontend import Frontend
from ..helpers.page_graphs import FAINT, numbered


def test_a_cell_is_opened_large_walked_from_and_used(frontend: Frontend, snap: Callable[..., Any]) -> None:
    cells = {"alphas": "0.2, 0.8", "source_ratios": "0.2, 0.6"}
    graph = {**sources(), "inv": inversion(steps=3, method="direct"), "grid": grid(**cells), "edit": edit()}
    prompt, ids = numbered(graph)
    frontend.load_api(prompt)
    assert frontend.run().kind == "success"
    frontend.frame(ids["grid"])
    page, keys = frontend.page, frontend.page.keyboard
    # by keys: from the cell that the arrows have come to
    first = page.locator(".sis-table button").first
    first.focus()
    keys.press("ArrowRight")
    open_large = page.get_by_role("button", name="Open large")
    open_large.focus()
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name="An edit, large")
    picture = dialog.get_by_role("img")
    expect(picture).to_have_accessible_name("alpha 0.8, source ratio 0.2")
    box, small = picture.bounding_box(), first.bounding_box()
    assert box is not None and small is not None and box["width"] > 2 * small["width"] and box["height"] > 600
    assert not page.evaluate(FAINT, ".sis-large")
    keys.press("ArrowDown")
    expect(picture).to_have_accessible_name("alpha 0.8, source ratio 0.6")
    keys.press("ArrowRight")  # there is nothing
    snap(frontend)
    assert picture.evaluate("(picture) => picture.style.backgroundPosition") == "100% 100%"
    keys.press("Delete")
    keys.press("Enter")
    expect(dialog).to_have_count(0)
    inputs = frontend.prompt()[ids["edit"]]["inputs"]
    assert [inputs["alpha"], inputs["source_ratio"]] == [0.8, 0.6]
    # the button opens the cell whose values are used, and the one that was clicked last
    open_large.click()
    expect(picture).to_have_accessible_name("alpha 0.8, source ratio 0.6")
    keys.press("Escape")
    page.locator(".sis-table button").nth(2).click()
    open_large.click()
    expect(picture).to_have_accessible_name("alpha 0.2, source ratio 0.6")
    snap(frontend, "the chosen one")
    keys.press("Escape")
    # by mouse
    page.locator(".sis-table button").nth(2).dblclick()
    expect(picture).to_have_accessible_name("alpha 0.2, source ratio 0.6")
    dialog.get_by_role("button", name="Previous picture").click()
    expect(picture).to_have_accessible_name("alpha 0.8, source ratio 0.2")
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    assert len(frontend.workflow()["nodes"]) == len(graph)
