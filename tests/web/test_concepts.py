"""Which of the host's concepts a name or a search means, without a browser."""

from __future__ import annotations

import json
import pathlib
import unicodedata
from typing import Any

import pytest

from ..helpers.page_modules import DOCUMENT, furnish, said

SPELLINGS = {form: unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}  # type: ignore[arg-type]
LISTS = [[SPELLINGS["NFC"]], [SPELLINGS["NFD"]], list(SPELLINGS.values()), ["cafe"]]


@pytest.fixture
def page(tmp_path: pathlib.Path) -> pathlib.Path:
    return furnish(tmp_path)


def for_each_list(page: pathlib.Path, script: str) -> Any:
    """What a script says of each of LISTS, when the host has told it."""
    lists = json.dumps([[{"name": name, "version": "1"} for name in names] for names in LISTS])
    return said(
        page,
        f"""{DOCUMENT}
          let listed;
          api.fetchApi = async () => ({{ ok: true, json: async () => listed }});
          const {{ allConcepts, conceptOf, refresh }} = await import(`${{pack}}/picker/concepts.mjs`);
          const {{ found }} = await import(`${{pack}}/picker/order.mjs`);
          const {{ isSaved }} = await import(`${{pack}}/warnings/unloaded.mjs`);
          const answers = [];
          for (listed of {lists}) {{ await refresh(); answers.push({script}); }}
          console.log(JSON.stringify(answers));
        """,
    )


@pytest.mark.parametrize("name", SPELLINGS.values(), ids=SPELLINGS)
def test_a_concept_is_known_by_either_spelling_and_first_by_its_own(page: pathlib.Path, name: str) -> None:
    told = for_each_list(page, f"conceptOf({json.dumps(name)})?.name ?? null")
    assert told == [SPELLINGS["NFC"], SPELLINGS["NFD"], name, None]


@pytest.mark.parametrize("name", SPELLINGS.values(), ids=SPELLINGS)
def test_a_prompt_s_name_is_known_by_either_spelling(page: pathlib.Path, name: str) -> None:
    assert for_each_list(page, f"isSaved({json.dumps(name.upper())})") == [True, True, True, False]


@pytest.mark.parametrize("name", SPELLINGS.values(), ids=SPELLINGS)
def test_a_search_finds_either_spelling(page: pathlib.Path, name: str) -> None:
    assert for_each_list(page, f"found(allConcepts(), ' {name.upper()} ').length") == [1, 1, 2, 0]
    assert for_each_list(page, "found(allConcepts(), 'cafe').length") == [1, 1, 2, 1]
