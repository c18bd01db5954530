"""The page's texts: every node, input and output has one, in every language, and none is about something that is
gone."""

from __future__ import annotations

import copy
import json
import pathlib
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
