"""What goes into a scoring sheet, and what its goals are read from."""

from __future__ import annotations

import json
import re

import pytest

from single_image_studio.evaluation import editing_prompts, scoring_sheet


def data(page: str) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_everything_is_in_the_one_file() -> None:
    judged = [scoring_sheet.Judged("a <x> face </script>", ("one", "two"), "data:image/png;base64,AA")]
    page = scoring_sheet.scoring_sheet("sheet", judged, "data:image/png;base64,BB")
    assert data(page)["pictures"] == [
        {"prompt": "a <x> face </script>", "goals": ["one", "two"], "src": "data:image/png;base64,AA"}
    ]
    assert data(page)["reference"] == "data:image/png;base64,BB"
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|https?:""", page)


def test_other_pictures_prompts_or_goals_are_another_sheet() -> None:
    def number(*pictures: tuple[str, tuple[str, ...], str]) -> str:
        return str(data(scoring_sheet.scoring_sheet("s", [scoring_sheet.Judged(*each) for each in pictures]))["id"])

    asked = [
        [("a", ("b",), "data:1")],
        [("a", ("b",), "data:2")],
        [("ab", ("b",), "data:1")],
        [("a", ("c",), "data:1")],
        [("a", ("b", "c"), "data:1")],
        [("a", ("bc",), "data:1")],
        [("a", ("b, c",), "data:1")],
        [("a", ("b",), "data:1")] * 2,
        [("a", ("b",), "data:1data:1")],
    ]
    numbers = [number(*pictures) for pictures in asked]
    assert len(set(numbers)) == len(asked) and number(*asked[0]) == numbers[0]


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_its_words_are_in_every_language(language: str) -> None:
    text = scoring_sheet.TEMPLATE.read_text(encoding="utf-8")
    words = {
        name: dict(re.findall(r'(\w+): "([^"]*)"', body))
        for name, body in re.findall(r"^  (en|zh|ja): \{\n(.*?)^  \},", text, re.S | re.M)
    }
    assert words[language].keys() == words["en"].keys() and len(words["en"]) > 10
    for key, value in words["en"].items():
        assert sorted(re.findall(r"\{\w+\}", words[language][key])) == sorted(re.findall(r"\{\w+\}", value))


def test_goals_are_read_from_what_editing_prompts_says() -> None:
    for prompt in editing_prompts.singleinsert():
        assert editing_prompts.goals_in(prompt.score()) == prompt.goals
    assert editing_prompts.goals_in(" snow ;; red hat") == ("snow", "red hat")


def test_a_prompt_without_its_concepts_names() -> None:
    assert editing_prompts.without_names("a photo of <bear> teddy, <other>  hat") == "a photo of teddy, hat"
