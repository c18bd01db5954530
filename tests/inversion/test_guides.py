"""What people read of the inversions lists every method of the table."""

from __future__ import annotations

import json
import pathlib

import pytest

from single_image_studio.inversion.methods import METHODS, method_notes

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUIDES = [ROOT / "docs" / "editing.md", *sorted((ROOT / "web" / "docs").rglob("SIS_NullTextInvert*/*.md"))]
GUIDES.append(ROOT / "web" / "docs" / "SIS_NullTextInvert.md")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_guide_tells_of_every_method(guide: pathlib.Path) -> None:
    text = guide.read_text(encoding="utf-8")
    assert all(name in text for name in METHODS)


@pytest.mark.parametrize("texts", sorted((ROOT / "locales").glob("*/nodeDefs.json")), ids=lambda path: path.parent.name)
def test_the_tooltip_tells_of_every_method(texts: pathlib.Path) -> None:
    tooltip = json.loads(texts.read_text(encoding="utf-8"))["SIS_NullTextInvert"]["inputs"]["method"]["tooltip"]
    assert all(name in tooltip for name in METHODS)
    assert texts.parent.name != "en" or tooltip == method_notes()
