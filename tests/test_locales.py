"""The page's texts: every node, input and output has one, in every language, and none is about something that is
gone."""

from __future__ import annotations

import copy
import json
import pathlib
import re
from typing import Any

import pytest

from lab import locales

Infos = dict[str, dict[str, Any]]
ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def infos(host: pathlib.Path) -> Infos:
    return locales.schemas()


def test_every_node_input_and_output_tells_what_it_is(infos: Infos) -> None:
    silent = [
        key
        for key, text in locales.flat({name: locales.node_texts(info) for name, info in infos.items()}).items()
        if not text.strip()
    ]
    assert len(infos) >= 12 and not silent


@pytest.mark.parametrize("language", ["en", *locales.TRANSLATED])
def test_a_language_says_everything_and_nothing_stale(infos: Infos, language: str) -> None:
    assert not locales.check(infos)[language], (
        "English is written by `python -m lab.locales --write`, the others by hand"
    )


def test_languages_are_the_folders(infos: Infos) -> None:
    assert {path.name for path in locales.FOLDER.iterdir()} == set(locales.check(infos))


@pytest.mark.parametrize("language", locales.TRANSLATED)
def test_what_can_be_read_is_translated(language: str) -> None:
    english, found = (locales.flat(locales.read(name)["nodeDefs.json"]) for name in ("en", language))
    same = [key for key, text in english.items() if found[key] == text and not key.endswith(".name")]
    assert not same


@pytest.mark.parametrize("language", locales.TRANSLATED)
def test_the_workflows_are_translated_in_words_that_tell_apart(language: str) -> None:
    """The page knows a text of any language by its words alone, and translates it to any other."""
    tables = {name: locales.read(name)["main.json"][locales.WORKFLOWS] for name in ("en", language)}
    for kind in ("titles", "groups", "notes"):
        english, found = (locales.flat(tables[name][kind]) for name in ("en", language))
        assert [key for key, text in found.items() if text == english[key]] == []
        keys = {}
        for texts in (english, found):
            for key, text in texts.items():
                assert keys.setdefault(text, key) == key, text


@pytest.mark.parametrize("language", locales.TRANSLATED)
def test_notes_name_nodes_as_they_are_titled(language: str) -> None:
    """**Bold** words that are a title, and *italic* ones that are an input of the pack, as this language has them."""
    english, found = (locales.read(name) for name in ("en", language))
    titles, inputs = (found["main.json"][locales.WORKFLOWS]["titles"], {})
    for node in found["nodeDefs.json"].values():
        for name, entry in node["inputs"].items():
            inputs.setdefault(name, set()).add(entry["name"])
    notes = locales.flat(found["main.json"][locales.WORKFLOWS]["notes"])
    for key, text in locales.flat(english["main.json"][locales.WORKFLOWS]["notes"]).items():
        bold, italic = re.compile(r"[*]{2}([^*]+)[*]{2}"), re.compile(r"(?<![*])[*]([^*]+)[*](?![*])")
        assert [titles[word] for word in bold.findall(text) if word in titles and titles[word] not in notes[key]] == []
        said = set(italic.findall(notes[key])) | set(bold.findall(notes[key]))
        assert not [word for word in italic.findall(text) if word in inputs and not inputs[word] & said], key


def spoiled(texts: dict[str, Any], how: str) -> dict[str, Any]:
    texts = copy.deepcopy(texts)
    node = texts["nodeDefs.json"]["SIS_SaveConcept"]
    if how == "missing":
        del node["inputs"]["name"]["tooltip"]
    elif how == "about nothing":
        node["inputs"]["old_input"] = {"name": "old"}
    elif how == "empty":
        node["description"] = " "
    elif how == "commands":
        node["description"] = "a {b}"
    else:
        node["display_name"] = "Keep Concept"
    return texts


@pytest.mark.parametrize("how", ["missing", "about nothing", "empty", "commands", "differs"])
def test_the_check_sees_what_is_wrong(infos: Infos, how: str) -> None:
    expected = locales.english(infos)
    assert locales.complaints(expected, expected, same_words=True) == []
    (line,) = locales.complaints(expected, spoiled(expected, how), same_words=True)
    assert how in line and "SIS_SaveConcept" in line


def test_the_host_serves_them(server: Any) -> None:
    served = server.get("/i18n")
    for language in ("en", *locales.TRANSLATED):
        nodes = json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
        assert {name: served[language]["nodeDefs"][name] for name in nodes} == nodes
