"""The prompt sets, against what the papers print and count."""

from __future__ import annotations

import re

import pytest

from single_image_studio.evaluation.editing_prompts import PROMPT_SETS, EditingPrompt, checklist, own, prompt_set

COUNTS = {"singleinsert": 10, "dreambooth_object": 25, "dreambooth_live": 25}
# appendix A.2, with the paper's * for the phrase "* face"
PAPER = """A NBA/WNBA player, * face
* face funko pop
A tattoo of * face on the back
A person wearing police uniform and a blue beret, * face
A person wearing sunglasses smiling, * face
A side view * face with long/short hair
An oil painting of * face in a wooden frame
A * face person took a selfie with Obama in the forest
A book with a person wearing a crown on it, * face
* face with teal hair, in front of a pink wall""".splitlines()


@pytest.mark.parametrize(("second_choice", "kept"), [(False, r"\1"), (True, r"\2")])
def test_singleinserts_prompts_are_the_papers(second_choice: bool, kept: str) -> None:
    written = [prompt.text("* face") for prompt in prompt_set("singleinsert", second_choice)]
    assert written == [re.sub(r"(\w+)/(\w+)", kept, line) for line in PAPER]


@pytest.mark.parametrize("name", PROMPT_SETS)
def test_every_prompt_is_one_of_its_kind_and_names_the_subject_once(name: str) -> None:
    prompts = prompt_set(name)
    assert len({prompt.template for prompt in prompts}) == len(prompts) == COUNTS[name]
    assert all(prompt.text("<a> dog").count("<a> dog") == 1 and "{" not in prompt.text("<a> dog") for prompt in prompts)


def test_dreambooths_sets_share_places_and_looks() -> None:
    things, live = (
        {prompt.template for prompt in prompt_set(name)} for name in ("dreambooth_object", "dreambooth_live")
    )
    assert len(things & live) == 15
    assert {
        "a {} floating in an ocean of milk",
        "a cube shaped {}",
        "a {} on top of a purple rug in a forest",
    } <= things
    assert {"a {} wearing a black top hat and a monocle", "a wet {}", "a {} in a purple wizard outfit"} <= live


def test_two_goals_share_a_point() -> None:
    """The paper: three prompts have one goal, seven have two, and each prompt is worth one point."""
    assert [len(prompt.goals) for prompt in prompt_set("singleinsert")] == [1, 1, 1] + [2] * 7
    assert EditingPrompt("{}", ("teal hair", "pink wall")).score() == "half a point: teal hair; half a point: pink wall"
    assert EditingPrompt("{}", ("funko pop",)).score() == "1 point: funko pop"


@pytest.mark.parametrize("phrase", ["(<a> face:1.2)", "{red|blue} <a> face", "<a> {} face"])
def test_a_phrase_goes_in_as_it_is(phrase: str) -> None:
    assert EditingPrompt("{} funko pop", ("funko pop",)).text(phrase) == f"{phrase} funko pop"


def test_the_checklist_holds_everything_and_the_rule() -> None:
    prompts = prompt_set("singleinsert")
    lines = checklist(prompts, "<a> face").splitlines()
    assert len(lines) == 2 * 10 + 2 and lines[0] == "1. `A NBA player, <a> face`" and "10 x 10 = 100" in lines[-1]
    assert "25 x 10 = 250" in checklist(prompt_set("dreambooth_live"), "<a> dog")


def test_an_unknown_set() -> None:
    with pytest.raises(KeyError):
        prompt_set("imagenet")


def test_own_prompts_are_lines_with_the_phrase_and_its_class_word() -> None:
    prompts = own("  PHRASE on a beach\n\na drawing of a CLASS\r\nPHRASES of the moon {x}\n")
    assert [prompt.text("(<my_cat> black cat:1.2)") for prompt in prompts] == [
        "(<my_cat> black cat:1.2) on a beach",
        "a drawing of a black cat",
        "PHRASES of the moon {x}",
    ]
    assert [prompt.text("cat") for prompt in prompts][:2] == ["cat on a beach", "a drawing of a cat"]
    assert {prompt.score() for prompt in prompts} == {"1 point: all that the prompt says"}
    assert own(" \n") == ()
