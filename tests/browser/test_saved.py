"""Save Concept and Save Inversion say on the node what they saved, and copy how to call it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from ..helpers import editing_graphs
from ..helpers.frontend import Frontend
from ..helpers.graphs import Graph, node, save, sources, stage1
from ..helpers.page_graphs import FAINT, numbered

NAMES = itertools.count(1)
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"
# What lies on the clipboard: pasted where a person would.
PASTED = """async () => {
  const field = document.body.appendChild(Object.assign(document.createElement("textarea"), { id: "pasted" }));
  field.focus();
}"""

TAKE_PASTED = """() => {
  const field = document.querySelector("#pasted");
  field.remove();
  return field.value;
}"""


def saving() -> tuple[Graph, dict[str, str]]:
    """Both savers, under names that are free; and what each says."""
    name = f"copied_{next(NAMES)}"
    graph = {
        **sources(),
        **editing_graphs.sources(),
        "one": stage1(seed=77, resolution=64),
        "concept": save(name, concept=["one", 0], export_for_other_tools=False),
        "inv": editing_graphs.inversion(steps=2, method="ddim"),
        "inversion": node("SIS_SaveInversion", inversion=["inv", 0], name=name),
    }
    return graph, {"SIS_SaveConcept": f"<{name}> heart", "SIS_SaveInversion": name}


def pasted(frontend: Frontend) -> str:
    frontend.page.evaluate(PASTED)
    frontend.page.keyboard.press("Control+v")
    return str(frontend.page.evaluate(TAKE_PASTED))


def line(frontend: Frontend, text: str) -> Locator:
    return frontend.page.locator(".sis-saved").filter(has=frontend.page.get_by_text(text, exact=True))


def ran(frontend: Frontend) -> dict[str, str]:
    graph, said = saving()
    frontend.load_api(numbered(graph)[0])
    assert frontend.run().kind == "success"
    return said


def test_it_is_said_and_copied(frontend: Frontend, snap: Callable[..., Any]) -> None:
    frontend.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    said = ran(frontend)
    nodes = [name for kind in said for name in frontend.node_ids(kind)]
    frontend.frame(*nodes)
    snap(frontend, "saved")
    for kind, text in said.items():
        frontend.frame(*frontend.node_ids(kind))
        button = line(frontend, text).get_by_role("button", name=f"Copy {text}")
        button.focus()
        frontend.page.keyboard.press("Enter")
        expect(line(frontend, text).get_by_role("button")).to_have_text("Copied")
        expect(line(frontend, text).get_by_role("status")).to_have_text("Copied")
        assert pasted(frontend) == text
    assert frontend.page.evaluate(FAINT, ".sis-panel") == []
    snap(frontend, "copied")
    # run again, the savers say the new names: nothing is overwritten
    assert frontend.page.locator(".sis-saved").count() == 2


def test_it_is_copied_where_the_browser_has_no_clipboard(
    open_frontend: Callable[..., Frontend], snap: Callable[..., Any]
) -> None:
    """As on every page that comes over a local network without https."""
    page = open_frontend("vue", locale="zh")
    page.context.add_init_script(NO_CLIPBOARD)
    page.reload()
    page.forget()
    assert page.page.evaluate("() => navigator.clipboard === undefined")
    said = ran(page)
    page.frame(*page.node_ids("SIS_SaveConcept"))
    text = said["SIS_SaveConcept"]
    button = line(page, text).get_by_role("button", name=f"复制 {text}")
    button.focus()
    page.page.keyboard.press("Enter")
    expect(line(page, text).get_by_role("button")).to_have_text("已复制")
    expect(line(page, text).get_by_role("button")).to_be_focused()
    assert pasted(page) == text
    snap(page)


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_it_can_be_read_on_light_and_dark_pages(
    open_frontend: Callable[..., Frontend], palette: str, snap: Callable[..., Any]
) -> None:
    page = open_frontend("classic", locale="ja", palette=palette)
    said = ran(page)
    page.frame(*[name for kind in said for name in page.node_ids(kind)])
    assert page.page.evaluate(FAINT, ".sis-panel") == []
    snap(page)
