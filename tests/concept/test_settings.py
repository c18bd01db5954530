"""Settings: the paper's defaults, one sentence for each value that cannot work, and the way into a file and back."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import pytest

from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
from single_image_studio.support.errors import InputError


def test_defaults_are_the_papers():
    first, second = Stage1Settings(class_word="face"), Stage2Settings()
    assert (first.steps, first.batch_size, first.learning_rate, first.background_weight) == (50, 16, 1e-4, 1.0)
    assert (first.encoder, first.resolution) == ("vit_b32", 512)
    assert (second.steps, second.batch_size, second.learning_rate) == (100, 4, 5e-5)
    assert (second.background_weight, second.semantic_weight, second.rank) == (1.0, 1.0, 4)
    assert (second.train_text_encoder, second.class_text_encoder) == (True, "tuned")
    assert first.prompts == second.prompts == ("*",)
    assert second.lora_basis == "trained"


SHARED_PROBLEMS = [
    ("steps", 0),
    ("steps", -1),
    ("steps", 2.5),
    ("steps", True),
    ("steps", None),
    ("steps", 2**31),  # a seed wired into it
    ("batch_size", 0),
    ("preview_every", -1),
    ("seed", -1),
    ("seed", 2**64),
    ("seed", "0"),
    ("learning_rate", 0),
    ("learning_rate", -1e-4),
    ("learning_rate", math.nan),
    ("learning_rate", math.inf),
    ("learning_rate", "1"),
    ("background_weight", -0.1),
    ("background_weight", math.nan),
    ("precision", "fp8"),
    ("gradient_checkpointing", "maybe"),
    ("gradient_checkpointing", True),
    ("training_prompts", None),
    ("training_prompts", 5),
]
FIRST_PROBLEMS = [("encoder", "vit"), ("resolution", 0), ("resolution", 100), ("class_word", None)]
SECOND_PROBLEMS = [
    ("rank", 0),
    ("semantic_weight", -1),
    ("class_text_encoder", "both"),
    ("lora_basis", "Orthogonal"),
    ("train_text_encoder", "yes"),
    ("train_text_encoder", 1),
]


@pytest.mark.parametrize(("name", "value"), SHARED_PROBLEMS + FIRST_PROBLEMS)
def test_stage1_names_the_input_to_change(name: str, value: object):
    with pytest.raises(InputError) as error:
        Stage1Settings(**{"class_word": "face", name: value})
    assert f"`{name}` is {value!r}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "value"), SHARED_PROBLEMS + SECOND_PROBLEMS)
def test_stage2_names_the_input_to_change(name: str, value: object):
    with pytest.raises(InputError, match=f"^`{name}` is"):
        Stage2Settings(**{name: value})


def test_limits_that_are_allowed():
    Stage1Settings(
        class_word="face",
        steps=1,
        batch_size=1,
        seed=2**64 - 1,
        background_weight=0,
        learning_rate=1e-12,
        resolution=64,
    )
    Stage2Settings(semantic_weight=0, rank=1, train_text_encoder=False, class_text_encoder="frozen")


def test_training_prompts_are_lines_without_empty_ones():
    assert Stage2Settings(training_prompts=" a photo  of *\n\n\t\n* on a beach ").prompts == (
        "a photo of *",
        "* on a beach",
    )


@pytest.mark.parametrize("line", ["a beach", "* and *", "{phrase} on a beach"])
def test_a_training_prompt_without_one_place_for_the_phrase_is_told(line: str):
    with pytest.raises(InputError, match=f"`training_prompts` has the line {re.escape(repr(line))}: write \\* once"):
        Stage1Settings(class_word="face", training_prompts="* in snow\n" + line)


def test_a_long_training_prompt_is_told_in_short():
    with pytest.raises(InputError) as error:
        Stage1Settings(class_word="face", training_prompts="x" * 5000)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("word", ["", " \n\t"])
def test_a_class_word_without_letters_is_said_to_be_empty(word: str):
    with pytest.raises(InputError, match="^`class_word` is empty: name"):
        Stage1Settings(class_word=word)


@pytest.mark.parametrize("word", ["\ud800", "dog\0", "d\x1bog", "dog" * 500])
def test_a_class_word_that_no_concept_can_have_is_refused_before_training(word: str):
    with pytest.raises(InputError, match="^`class_word` is .*, which no concept can be called"):
        Stage1Settings(class_word=word)


def test_class_word_is_tidied_and_may_be_several_words():
    assert Stage1Settings(class_word="  teddy\n bear ").class_word == "teddy bear"


@pytest.mark.parametrize(
    "settings",
    [
        Stage1Settings(class_word="face", seed=2**64 - 1, learning_rate=1, encoder="cnn", resolution=128),
        Stage2Settings(rank=8, train_text_encoder=False, class_text_encoder="frozen", semantic_weight=0),
        Stage2Settings(training_prompts="* in snow\n* at sea", lora_basis="orthogonal"),
    ],
)
def test_round_trip_through_json(settings: Stage1Settings | Stage2Settings):
    saved = json.loads(json.dumps(settings.to_dict()))
    assert type(settings).from_dict(saved) == settings
    assert type(settings).from_dict({**saved, "a_field_of_a_later_version": 7}) == settings


def test_from_dict_takes_defaults_for_what_is_missing_and_still_checks():
    assert Stage2Settings.from_dict({}) == Stage2Settings()
    with pytest.raises(InputError, match="`class_word`"):
        Stage1Settings.from_dict({})
    with pytest.raises(InputError, match="`steps`"):
        Stage2Settings.from_dict({"steps": 0})


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Stage2Settings().steps = 3  # type: ignore[misc]
