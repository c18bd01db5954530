"""The page's words: every language says the same things, with the same values in them, and every word that is asked for
is there."""

from __future__ import annotations

import pathlib
import re

import pytest

from single_image_studio.support.warnings import SENTENCES

WEB = pathlib.Path(__file__).resolve().parent.parent / "web"
WORDS = WEB / "lib" / "words"
TABLE = {
    path.stem: dict(re.findall(r'^  (\w+):\s+"([^"]*)",$', path.read_text(encoding="utf-8"), re.M))
    for path in WORDS.glob("*.mjs")
}
CODE = [path for pattern in ("*.js", "*.mjs") for path in WEB.rglob(pattern) if path.parent != WORDS]


def test_there_are_words_and_code() -> None:
    assert set(TABLE) == {"en", "ja", "zh"}
    assert len(TABLE["en"]) > 60 and len(CODE) > 20


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


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_every_warning_is_translated(language: str) -> None:
    """English comes with each warning; what stands in braces is the same."""
    text = (WEB / "warnings" / f"{language}.mjs").read_text(encoding="utf-8")
    translated = dict(re.findall(r'^  (\w+):\s+"([^"]*)",$', text, re.M))
    names = {id: sorted(set(re.findall(r"\{\w+\}", text))) for id, text in translated.items()}
    assert names == {id: sorted(set(re.findall(r"\{\w+\}", text))) for id, text in SENTENCES.items()}
    codes = {id: sorted(re.findall(r"`\w+`", text)) for id, text in translated.items()}
    assert codes == {id: sorted(re.findall(r"`\w+`", text)) for id, text in SENTENCES.items()}


@pytest.mark.parametrize("room", ["picker", "grid", "live"])
def test_every_word_that_is_asked_for_is_there(room: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in CODE if path.parent.name == room)
    asked = re.findall(r'\bsay\("(\w+)"', code)
    assert len(asked) > 10 and set(asked) <= set(TABLE["en"])


def test_every_word_is_asked_for() -> None:
    """Those that nobody asks for by name are a run's states, phases and kinds, and its terms, as Python calls them."""
    code = "".join(path.read_text(encoding="utf-8") for path in CODE)
    python = (WEB / "types" / "messages.d.ts").read_text(encoding="utf-8")
    terms = (WEB / "live" / "terms.mjs").read_text(encoding="utf-8")
    named = set(re.findall(r'"(\w+)"', code)) | set(re.findall(r'"(\w+)"', python))
    assert not set(TABLE["en"]) - named - set(re.findall(r"^  (\w+): \{", terms, re.M))
