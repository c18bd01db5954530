"""The page's words: every language says the same things, with the same values in them, and every word that is asked for
is there."""

from __future__ import annotations

import pathlib
import re

import pytest

WEB = pathlib.Path(__file__).resolve().parent.parent / "web"
TABLE = {
    language: dict(re.findall(r'(\w+): "([^"]*)"', body))
    for language, body in re.findall(
        r"^  (\w\w): \{\n(.*?)^  \},", (WEB / "words.mjs").read_text(encoding="utf-8"), re.S | re.M
    )
}


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_every_language_says_the_same(language: str) -> None:
    def values(text: str) -> list[str]:
        return sorted(re.findall(r"\{\w+\}", text))

    assert {key: values(text) for key, text in TABLE[language].items()} == {
        key: values(text) for key, text in TABLE["en"].items()
    }
    assert not [
        key for key, text in TABLE[language].items() if text == TABLE["en"][key] and not key.startswith("ratio")
    ]


@pytest.mark.parametrize("file", ["concept_picker.js", "edit_grid.js"])
def test_every_word_that_is_asked_for_is_there(file: str) -> None:
    asked = re.findall(r'\bsay\("(\w+)"', (WEB / file).read_text(encoding="utf-8"))
    assert len(asked) > 10 and set(asked) <= set(TABLE["en"])
