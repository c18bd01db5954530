"""The shipped workflows as simple forms, in frontends that have an app mode."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from lab import locales
from lab.drawing import shipped
from lab.hosting.client import Client

from ..helpers.frontend import RENDERERS, Frontend
from ..helpers.shipped_page import WARNING, shipped_file

TOGGLE = "async () => { await window.app.extensionManager.command.execute('Comfy.ToggleLinear') }"
# older frontends, from 1.41.13 on, have one too, under other names for what a test can find
HAS_FORMS = """() => {
  const [major, minor] = (window.__COMFYUI_FRONTEND_VERSION__ ?? "0.0").split(".").map(Number);
  return major > 1 || minor >= 58;
}"""


def asked(name: str, titles: dict[str, str]) -> list[str]:
    """What each of a workflow's fields is called."""
    ui = shipped_file("workflows", name)
    inputs = {(node["id"], entry["name"]): entry for node in ui["nodes"] for entry in node["inputs"]}
    entries = [inputs[id, widget] for id, widget in ui["extra"]["linearData"]["inputs"]]
    return [titles[entry["label"]] if "label" in entry else entry["name"] for entry in entries]


@pytest.mark.parametrize(("renderer", "language"), [*((renderer, "en") for renderer in RENDERERS), ("vue", "zh")])
def test_every_workflow_is_a_form(
    open_frontend: Callable[..., Frontend],
    furnished: Client,
    renderer: str,
    language: str,
    snap: Callable[..., pathlib.Path],
) -> None:
    page = open_frontend(renderer, locale=language)
    if not page.page.evaluate(HAS_FORMS):
        pytest.skip("this frontend has no app mode that the test knows")
    page.page.evaluate("(name) => window.app.extensionManager.setting.set(name, false)", WARNING)
    texts = locales.read(language)["main.json"][locales.WORKFLOWS]["titles"]
    for name in shipped.NAMES:
        page.load(shipped_file("workflows", name), new_tab=True)
        page.page.evaluate(TOGGLE)
        panel = page.page.locator("[data-testid=linear-widgets]")
        expect(panel).to_be_visible()
        said = panel.inner_text().splitlines()
        for label in asked(name, texts):
            if language == "en" or label in texts.values():
                assert label in said, (name, label, said)
                said = said[said.index(label) + 1 :]
        snap(page, name)
        page.page.evaluate(TOGGLE)
    page.page.evaluate("(name) => window.app.extensionManager.setting.set(name, true)", WARNING)
