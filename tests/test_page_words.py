"""The page's words: every language says the same things, with the same values in them, and every word that is asked for
is there."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

from single_image_studio.support.warnings import SENTENCES

WEB = pathlib.Path(__file__).resolve().parent.parent / "web"
ROOMS = ("concept", "evaluation", "host", "inversion", "masking", "nodes", "page", "pictures", "pipelines", "support")
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


def errors(language: str) -> dict[str, str]:
    text = (WEB / "errors" / f"{language}.mjs").read_text(encoding="utf-8").replace('" +\n    "', "")
    return dict(re.findall(r'^  (\w+):\s+"([^"]*)",$', text, re.M))


def raised() -> list[re.Pattern[str]]:
    """What the pack's error sentences look like, as its code makes them: any text where a value stands."""

    def pattern(text: ast.expr) -> str:
        if isinstance(text, ast.JoinedStr):
            return "".join(map(pattern, text.values))
        return re.escape(text.value) if isinstance(text, ast.Constant) and isinstance(text.value, str) else ".*"

    trees = [ast.parse(path.read_text(encoding="utf-8")) for room in ROOMS for path in (WEB.parent / room).glob("*.py")]
    made = [
        pattern(call.args[0])
        for call in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
        if isinstance(call.func, ast.Name) and call.func.id == "InputError" and call.args
    ]
    return [re.compile(text, re.S) for text in made if len(text.replace(".*", "")) > 10 or text == "`.*`:\\ .*"]


def test_every_translated_error_is_one_that_the_pack_raises() -> None:
    patterns = raised()
    assert len(patterns) > 80 and len(errors("en")) > 35
    assert not [text for text in errors("en").values() if not any(one.fullmatch(text) for one in patterns)]


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_every_error_is_translated_with_its_values(language: str) -> None:
    def values(texts: dict[str, str]) -> dict[str, list[str]]:
        return {key: sorted(set(re.findall(r"\{\w+\}|`\w+`", text))) for key, text in texts.items()}

    assert values(errors(language)) == values(errors("en"))


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
