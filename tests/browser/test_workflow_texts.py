"""The shipped workflows' titles and notes in the page's language, in files that are English."""

from __future__ import annotations

import copy
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab import locales
from lab.drawing import shipped
from lab.hosting.client import Client
from lab.workflow_files.sheet import NOTE

from ..helpers.frontend import RENDERERS, Frontend
from ..helpers.shipped_page import CUT_NOTES, WARNING, overlaps, queued, shipped_file

# Notes as they are read: signs that the reader should not see would be left over.
READ = """() => [...document.querySelectorAll(".comfy-markdown-content, .comfy-markdown")]
  .map((note) => note.innerText)"""
# A saved workflow leaves titles out that are those of the node's class.
SHOWN = """() => ({
  nodes: window.app.canvas.graph.nodes.map((node) => ({
    title: node.title, type: node.type, widgets_values: node.widgets?.map((widget) => widget.value),
  })),
  groups: window.app.canvas.graph.groups.map(({ title }) => ({ title })),
})"""
IS_CHANGED = "() => window.app.extensionManager.workflow.activeWorkflow.isModified"
OPEN_SAVED = """async (path) => {
  const { app } = window, saved = app.extensionManager.workflow.getWorkflowByPath(path);
  await saved.load();
  await app.loadGraphData(saved.activeState, true, true, saved);
}"""

Said = dict[str, set[str]]


@pytest.fixture
def translated(open_frontend: Callable[..., Frontend], furnished: Client) -> Iterator[Callable[..., Frontend]]:
    """Pages in a language, without the dialog on missing models."""
    furnished.request("/api/settings", {WARNING: False})
    yield lambda renderer, language: open_frontend(renderer, locale=language)
    furnished.request("/api/settings", {WARNING: True})


def said(workflow: dict[str, Any]) -> Said:
    return {
        "titles": {node["title"] for node in workflow["nodes"]},
        "groups": {group["title"] for group in workflow["groups"]},
        "notes": {node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == NOTE},
    }


def shown(page: Frontend) -> Said:
    return said(page.page.evaluate(SHOWN))


def expected(name: str, language: str) -> Said:
    texts = locales.read(language)["main.json"][locales.WORKFLOWS]
    english = said(shipped_file("workflows", name))
    return {kind: {texts[kind][text] for text in english[kind]} for kind in ("titles", "groups")} | {
        "notes": set(texts["notes"][name].values())
    }


# each language once: what draws a text does not choose it
@pytest.mark.parametrize(("renderer", "language"), list(zip(RENDERERS, locales.TRANSLATED, strict=True)))
def test_every_workflow_speaks_the_pages_language(
    translated: Callable[..., Frontend], renderer: str, language: str, snap: Callable[..., pathlib.Path]
) -> None:
    page = translated(renderer, language)
    for name in shipped.NAMES:
        page.load(shipped_file("workflows", name), new_tab=True)
        assert shown(page) == expected(name, language), name
        page.frame()
        snap(page, name)
        assert not page.page.evaluate(CUT_NOTES), name
        notes = page.page.evaluate(READ)
        assert notes and not [note for note in notes if "*" in note or "#" in note]
        assert not overlaps(page.boxes())


def test_what_a_person_wrote_stays_and_so_do_other_workflows(translated: Callable[..., Frontend]) -> None:
    page, ui = translated("classic", "zh"), shipped_file("workflows", "use_a_concept")
    own = copy.deepcopy(ui)
    note = next(node for node in own["nodes"] if node["type"] == NOTE)
    note["widgets_values"][0] += "\n\nMine."
    own["nodes"][0]["title"], own["groups"][0]["title"] = "My model", "Mine"
    page.load(own)
    kept = shown(page)
    assert "My model" in kept["titles"] and "Mine" in kept["groups"] and note["widgets_values"][0] in kept["notes"]
    assert len(kept["titles"] & expected("use_a_concept", "zh")["titles"]) == len({n["title"] for n in ui["nodes"]}) - 1
    del ui["extra"]["single_image_studio"]  # a graph of one's own, with titles such as Prompt
    page.load(ui)
    assert shown(page) == said(ui)


def test_a_workflow_goes_from_language_to_language(translated: Callable[..., Frontend]) -> None:
    """One that a Chinese reader has saved is English again on an English page, and nothing else of it has changed."""
    page, saved = translated("classic", "zh"), {}
    for name in shipped.NAMES:
        page.load(shipped_file("workflows", name))
        saved[name] = page.workflow()
        assert inputs(queued(page)) == inputs(shipped_file("workflows/api", name))
    few = shipped.NAMES[:3]
    for language, names in (("ja", few), ("en", shipped.NAMES), ("fr", few)):
        page = translated("classic", language)
        for name in names:
            page.load(saved[name])
            assert shown(page) == expected(name, "en" if language == "fr" else language), name


def inputs(prompt: dict[str, Any]) -> dict[str, Any]:
    return {node_id: node["inputs"] for node_id, node in prompt.items()}


def test_a_saved_workflow_is_not_changed_by_being_opened(translated: Callable[..., Frontend], server: Client) -> None:
    assert server.base is not None
    folder = server.base / "user" / "default" / "workflows"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "shipped in Japanese.json"
    file.write_text(json.dumps(shipped_file("workflows", "use_a_concept")), encoding="utf-8")
    try:
        page = translated("classic", "ja")
        page.page.evaluate(OPEN_SAVED, f"workflows/{file.name}")
        page.settle()
        assert shown(page) == expected("use_a_concept", "ja")
        assert not page.page.evaluate(IS_CHANGED)
    finally:
        file.unlink()
