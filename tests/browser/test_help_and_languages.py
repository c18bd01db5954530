"""The help panel, and the nodes in other languages, as the page shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from lab import locales

from ..helpers.frontend import Frontend
from ..helpers.page_graphs import FAINT, place

NODE = "SIS_TrainStage1"
HELP = ".node-help-content :is(.markdown-content, .comfy-markdown-content)"
# Signs that the reader should not see; a star between spaces is meant, as in a training prompt.
MARKDOWN = re.compile(r"[`|\\]|(?m:^)\*|(?<=[^ ])\*|\*(?=[^ ])|(?<!\w)_\w|\w_(?!\w)")

SHOWN = """(id) => {
  const node = sisTest.nodeAt(id);
  const slot = (s) => [s.name, s.label ?? s.localized_name];
  return {
    title: node.title,
    inputs: Object.fromEntries(node.inputs.map(slot)),
    widgets: Object.fromEntries(node.widgets.map((w) => [w.name, w.label])),
    outputs: node.outputs.map((o) => o.label ?? o.localized_name),
  };
}"""

WIDGET = """([id, name]) => {
  const node = sisTest.nodeAt(id), widget = node.widgets.find((w) => w.name === name);
  return sisTest.onPage(node.pos[0] + node.size[0] / 2, node.pos[1] + widget.last_y + 10);
}"""


def empty(page: Frontend) -> Frontend:
    """A fresh page without the host's first workflow."""
    page.forget()
    return page


def open_help(page: Frontend, node_id: str) -> Any:
    """Clicks a node's title and then its toolbox's button. Returns the panel's text, a locator, when it is there."""
    box = page.boxes()[node_id]
    page.page.mouse.click(box.x + box.width / 3, box.y + 20)
    page.page.locator("[data-testid=info-button]").click()
    panel = page.page.locator(HELP)
    panel.locator("h1").wait_for()
    return panel


def check_help(page: Frontend, panel: Any) -> None:
    texts = locales.read(page.locale)["nodeDefs.json"][NODE]
    assert panel.locator("h1").inner_text() == texts["display_name"]
    said = panel.inner_text()
    assert all(re.sub("[`<>]", "", entry["tooltip"]) in re.sub("[<>]", "", said) for entry in texts["inputs"].values())
    pictures = panel.locator("img")
    assert pictures.count() >= 1
    pictures.first.scroll_into_view_if_needed()
    page.page.wait_for_function(
        "(css) => [...document.querySelectorAll(css)].every((picture) => picture.complete)", arg=f"{HELP} img"
    )
    assert all(panel.evaluate("(panel) => [...panel.querySelectorAll('img')].map((picture) => picture.naturalWidth)"))


@pytest.mark.parametrize("language", ["en", *locales.TRANSLATED])
def test_every_page_is_legible_in_the_panel(
    open_frontend: Callable[..., Frontend], snap: Callable[..., Any], language: str
) -> None:
    """No sign of Markdown is left over, nothing is wider than the panel, and no text is faint."""
    page, faults = empty(open_frontend("classic", locale=language)), []
    for node, texts in locales.read(language)["nodeDefs.json"].items():
        page.forget()
        panel = open_help(page, place(page, node))
        expect(panel.locator("h1")).to_have_text(texts["display_name"])
        said = panel.inner_text()
        faults += [(node, said[max(0, found.start() - 20) : found.end() + 20]) for found in MARKDOWN.finditer(said)]
        faults += [(node, words) for words in page.page.evaluate(FAINT, HELP)]
        if not panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth"):
            faults.append((node, "wider than the panel"))
        if node == NODE:
            panel.locator("h2").first.evaluate("(heading) => heading.scrollIntoView()")
            snap(page)
    assert not faults, "\n".join(map(str, faults))


@pytest.mark.parametrize(("renderer", "language"), [("classic", "en"), ("vue", "en"), ("vue", "zh"), ("classic", "ja")])
def test_the_help_panel_shows_a_nodes_page_with_its_picture(
    open_frontend: Callable[..., Frontend], snap: Callable[..., Any], renderer: str, language: str
) -> None:
    page = empty(open_frontend(renderer, locale=language))
    panel = open_help(page, place(page, NODE))
    check_help(page, panel)
    snap(page)


def test_a_language_without_a_page_falls_back_to_english(open_frontend: Callable[..., Frontend]) -> None:
    page = empty(open_frontend("classic", locale="fr"))
    panel = open_help(page, place(page, NODE))
    assert panel.locator("h1").inner_text() == "SingleInsert Train Stage I"
    page.messages[:] = [message for message in page.messages if not message.endswith("/fr.md")]


@pytest.mark.parametrize("language", locales.TRANSLATED)
@pytest.mark.parametrize("renderer", ["classic", "vue"])
def test_nodes_are_labelled_in_the_pages_language(
    open_frontend: Callable[..., Frontend], snap: Callable[..., Any], renderer: str, language: str
) -> None:
    page = empty(open_frontend(renderer, locale=language))
    for number, (node, texts) in enumerate(locales.read(language)["nodeDefs.json"].items()):
        placed = place(page, node, (400 * (number % 5), 500 * (number // 5)))
        shown = page.page.evaluate(SHOWN, placed)
        assert shown["title"] == texts["display_name"]
        names = {name: entry["name"] for name, entry in texts["inputs"].items()}
        assert {name: shown["inputs"][name] for name in names if name in shown["inputs"]} == {
            name: names[name] for name in names if name in shown["inputs"]
        }
        assert {name: label for name, label in shown["widgets"].items() if name in names}.items() <= names.items()
        assert set(names) <= set(shown["inputs"]) | set(shown["widgets"])
        assert shown["outputs"] == [entry["name"] for entry in texts["outputs"].values()]
    snap(page)
    (stage1,) = page.node_ids(NODE)
    page.frame(stage1)  # the Vue renderer draws what is in view
    if renderer == "vue":
        texts = locales.read(language)["nodeDefs.json"][NODE]
        drawn = page.page.locator(f'[data-node-id="{stage1}"]').inner_text()
        assert all(
            words in drawn
            for words in (
                texts["inputs"]["learning_rate"]["name"],
                texts["inputs"]["mask"]["name"],
                texts["outputs"]["0"]["name"],
            )
        )
    snap(page, "one")


def test_a_tooltip_speaks_the_pages_language(open_frontend: Callable[..., Frontend], snap: Callable[..., Any]) -> None:
    page = empty(open_frontend("classic", locale="ja"))
    placed = place(page, NODE)
    page.page.mouse.move(*page.page.evaluate(WIDGET, [placed, "background_weight"]))
    tooltip = page.page.locator(".node-tooltip")
    tooltip.wait_for()
    assert tooltip.inner_text() == locales.read("ja")["nodeDefs.json"][NODE]["inputs"]["background_weight"]["tooltip"]
    snap(page)


def test_a_translated_node_is_saved_under_its_own_names(open_frontend: Callable[..., Frontend]) -> None:
    page = empty(open_frontend("classic", locale="zh"))
    place(page, NODE)
    (saved,) = page.workflow()["nodes"]
    english = locales.read("en")["nodeDefs.json"][NODE]
    assert {slot["name"] for slot in saved["inputs"]} <= set(english["inputs"])
    assert [slot["name"] for slot in saved["outputs"]] == [entry["name"] for entry in english["outputs"].values()]
    (queued,) = page.prompt().values()
    assert set(queued["inputs"]) <= set(english["inputs"])


def test_a_change_of_language_reaches_new_nodes(
    open_frontend: Callable[..., Frontend], snap: Callable[..., Any]
) -> None:
    """Placed nodes keep their titles until the workflow is opened again; so do the host's own."""
    page = empty(open_frontend("classic"))
    assert page.page.evaluate(SHOWN, place(page, NODE))["title"] == "SingleInsert Train Stage I"
    page.page.evaluate("() => window.app.canvas.graph.nodes.forEach((node) => { node.sisOld = true })")
    page.page.evaluate("async () => { await window.app.extensionManager.setting.set('Comfy.Locale', 'zh') }")
    chinese = locales.read("zh")["nodeDefs.json"][NODE]
    page.page.wait_for_function(
        "([type, title]) => LiteGraph.registered_node_types[type].title === title", arg=[NODE, chinese["display_name"]]
    )
    page.page.wait_for_function("() => !window.app.canvas.graph.nodes.some((node) => node.sisOld)")  # it is opened anew
    page.forget()
    shown = page.page.evaluate(SHOWN, place(page, NODE))
    assert shown["title"] == chinese["display_name"]
    assert shown["widgets"]["background_weight"] == chinese["inputs"]["background_weight"]["name"]
    snap(page)
