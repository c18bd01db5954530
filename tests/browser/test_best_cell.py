"""The cell that Edit Grid proposes, on its node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from ..helpers.editing_graphs import edit, grid, inversion, sources
from ..helpers.frontend import Frontend
from ..helpers.graphs import Graph, node
from ..helpers.page_graphs import FAINT, numbered

CELLS = {"alphas": "0, 0.4, 1", "source_ratios": "0.2, 0.6"}


def graph() -> Graph:
    return {**sources(), "inv": inversion(steps=4, method="direct"), "grid": grid(**CELLS), "edit": edit()}


def words(index: int) -> str:
    alphas, ratios = (CELLS[name].split(", ") for name in ("alphas", "source_ratios"))
    return f"alpha {alphas[index % 3]}, source ratio {ratios[index // 3]}"


def run(frontend: Frontend, made: Graph) -> tuple[dict[str, str], dict[str, Any]]:
    """The page's ids, and what the grid put out."""
    prompt, ids = numbered(made)
    frontend.load_api(prompt)
    done = frontend.run()
    assert done.kind == "success"
    outputs = frontend.client.get(f"/history/{done.prompt_id}")[done.prompt_id]["outputs"]
    frontend.frame(ids["grid"])
    return ids, outputs[ids["grid"]]


def test_the_proposed_cell_has_a_star_and_is_named(frontend: Frontend, snap: Callable[..., Any]) -> None:
    page = frontend.page
    ids, shown = run(frontend, graph())
    (best,) = shown["best"]
    star = page.locator(".sis-table .sis-best")
    expect(star).to_have_count(1)
    expect(star).to_have_accessible_name(words(best))
    expect(star).to_have_accessible_description(f"{words(best)} (★ best of these by the model's own eyes)")
    hint = f"★ Best of these by the model's own eyes: {words(best)}. Click a picture to use its values."
    say = page.locator(".sis-say")
    expect(say).to_have_text(hint)
    snap(frontend, "proposed")
    star.click()
    inputs = frontend.prompt()[ids["edit"]]["inputs"]
    assert words(best) == f"alpha {inputs['alpha']:g}, source ratio {inputs['source_ratio']:g}"
    expect(star).to_have_attribute("aria-pressed", "true")
    snap(frontend, "chosen")
    star.dblclick()
    dialog = page.get_by_role("dialog", name="An edit, large")
    expect(dialog.locator("output")).to_have_text(f"{words(best)} (★ best of these by the model's own eyes)")
    snap(frontend, "large")
    around, picture = (part.bounding_box() for part in (dialog, dialog.get_by_role("img")))
    assert around is not None and picture is not None
    left, right = picture["x"] - around["x"], around["x"] + around["width"] - picture["x"] - picture["width"]
    assert left == pytest.approx(right, abs=1)  # the long words do not push the picture aside
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight" if best == 0 else "ArrowUp")
    expect(dialog.locator("output")).not_to_contain_text("★")


def test_the_star_is_still_there_after_a_reload(frontend: Frontend, snap: Callable[..., Any]) -> None:
    page = frontend.page
    frontend.load_api(numbered(graph())[0])
    frontend.load(frontend.workflow(), new_tab=True)  # the page brings back what it opened in a tab of its own
    assert frontend.run().kind == "success"
    page.mouse.move(0, 0)  # off the cells, whose values it would say
    say = page.locator(".sis-say")
    expect(say).to_contain_text("★ Best of these")
    before = say.inner_text()
    frontend.reload()
    frontend.settle()
    frontend.frame(*frontend.node_ids("SIS_EditGrid"))
    expect(page.locator(".sis-table .sis-best")).to_have_count(1)
    expect(say).to_have_text(before)
    snap(frontend)


def test_each_picture_of_a_batch_has_its_own(frontend: Frontend) -> None:
    made = graph()
    made["blue"] = node("EmptyImage", width=128, height=128, batch_size=1, color=0x4060C0)
    made["two"] = node("ImageBatch", image1=["image", 0], image2=["blue", 0])
    made["latent"]["inputs"]["pixels"] = ["two", 0]
    _, shown = run(frontend, made)
    assert len(shown["best"]) == 2
    page = frontend.page
    for picture, best in enumerate(shown["best"]):
        page.get_by_label("Picture of the batch").select_option(str(picture))
        expect(page.locator(".sis-table .sis-best")).to_have_accessible_name(words(best))
        expect(page.locator(".sis-say")).to_contain_text(words(best))


def test_a_grid_without_a_proposal_says_what_it_said_before(frontend: Frontend) -> None:
    prompt, ids = numbered({**graph(), "grid": grid(alphas="0.4", source_ratios="0.2")})
    frontend.load_api(prompt)
    assert frontend.run().kind == "success"
    frontend.frame(ids["grid"])
    expect(frontend.page.locator(".sis-table button")).to_have_count(1)
    expect(frontend.page.locator(".sis-best")).to_have_count(0)
    frontend.page.mouse.move(0, 0)  # off the one cell, wherever that came to lie
    expect(frontend.page.locator(".sis-say")).to_have_text("Point at a picture for its values; click it to use them.")


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_the_star_can_be_read_on_light_and_dark_pages(
    open_frontend: Callable[..., Frontend], palette: str, snap: Callable[..., Any]
) -> None:
    frontend = open_frontend("vue", palette=palette)
    run(frontend, graph())
    expect(frontend.page.locator(".sis-best")).to_have_count(1)
    snap(frontend)
    assert frontend.page.evaluate(FAINT, ".sis-grid") == []
