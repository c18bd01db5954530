"""Which concepts complete a prompt at the caret, without a browser."""

from __future__ import annotations

import json
import pathlib
import unicodedata
from typing import Any

import pytest

from ..helpers.page_modules import furnish, said


@pytest.fixture
def page(tmp_path: pathlib.Path) -> pathlib.Path:
    return furnish(tmp_path)


def phrases(page: pathlib.Path, concepts: list[dict[str, Any]], letters: str) -> Any:
    script = f"""
      const {{ phrasesFor }} = await import(`${{pack}}/completion/match.mjs`);
      console.log(JSON.stringify(phrasesFor({json.dumps(concepts)}, {json.dumps(letters)})));
    """
    return said(page, script)


def test_what_is_not_read_completes_nothing(page: pathlib.Path) -> None:
    read: dict[str, Any] = {"name": "anna", "version": "1", "class_word": "face", "phrase": "<anna> face"}
    unread: list[dict[str, Any]] = [
        {"name": "ben", "version": "1", "pending": True},
        {"name": "cara", "version": "1", "error": "Torn."},
    ]
    assert phrases(page, [*unread, read], "") == ["<anna> face"]
    assert phrases(page, unread, "") == []


@pytest.mark.parametrize("name", ["anna", "Ёлка", "ที่รัก", "हिन्दी", "café", unicodedata.normalize("NFD", "café")])
def test_a_name_is_begun_in_every_script(page: pathlib.Path, name: str) -> None:
    begun = [f"a <{name[:end]}" for end in range(1, len(name) + 1)]
    script = f"""
      const {{ begunName }} = await import(`${{pack}}/completion/match.mjs`);
      console.log(JSON.stringify({json.dumps(begun)}.map((text) => begunName(text, text.length)?.letters)));
    """
    assert said(page, script) == [text.removeprefix("a <") for text in begun]


@pytest.mark.parametrize("saved", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_accents_complete_however_they_are_spelled(page: pathlib.Path, saved: Any, typed: Any) -> None:
    phrase = f"<{unicodedata.normalize(saved, 'café')}> cup"
    concepts = [{"name": "x", "version": "1", "phrase": phrase}]
    for letters in ("caf", "cafe", unicodedata.normalize(typed, "CAFÉ")):
        assert phrases(page, concepts, letters) == [phrase]
    assert phrases(page, concepts, unicodedata.normalize(typed, "cafè")) == []
