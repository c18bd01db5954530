"""Names must be safe as files on every system and as words in prompts."""

from __future__ import annotations

import unicodedata

import pytest

from single_image_studio.support.errors import InputError
from single_image_studio.support.names import check_name


@pytest.mark.parametrize(
    "name",
    [
        "heart",
        "my_concept",
        "My-Concept-2",
        "v1.5",
        "_private",
        "7",
        "a",
        "x" * 64,
        "赤いハート",
        "हिन्दी",
        "ไทย",
        "Ёлка",
        "CONcept",
        "null",
        "com",
    ],
)
def test_good_names_stay_as_they_are(name: str):
    assert check_name(name) == name


def test_spaces_around_and_the_ending_are_dropped():
    assert check_name("  heart \n") == "heart"
    assert check_name("heart.safetensors") == "heart"
    assert check_name("heart.SafeTensors ") == "heart"
    assert check_name("heart.safetensors.safetensors") == "heart"


def test_one_spelling_of_accents():
    """macOS hands out decomposed names; a prompt typed elsewhere must still find them."""
    decomposed = unicodedata.normalize("NFD", "café")
    assert check_name(decomposed) == check_name("café") == "café"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (".safetensors", "empty"),
        ("../heart", "another folder"),
        ("a/b", "another folder"),
        ("a\\b", "another folder"),
        ("/etc/passwd", "another folder"),
        ("C:\\x", "another folder"),
        ("C:x", "':'"),
        ("..", "dot"),
        (".", "dot"),
        (".hidden", "dot"),
        ("heart.", "dot"),
        ("CON", "Windows"),
        ("nul", "Windows"),
        ("Com1", "Windows"),
        ("LPT9", "Windows"),
        ("aux.txt", "Windows"),
        ("con.safetensors", "Windows"),
        ("prn.a.b", "Windows"),
        ("COM¹", "Windows"),
        ("x" * 65, "too long"),
        ("x" * 65 + ".safetensors", "too long"),
        ("𠀀" * 60, "too long"),
        ("my heart", "space"),
        ("my\theart", "space"),
        ("my\u3000heart", "space"),
        ("my\u00a0heart", "space"),
        ("a\nb", "space"),
        ("-x", "starts with"),
    ],
)
def test_bad_names_say_why(name: str, problem: str):
    with pytest.raises(InputError, match="^`name` is") as error:
        check_name(name)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    "character", list("()[]{}<>:,;'\"*?|%#~$&!=+`^@") + ["\0", "\x7f", "\u200b", "\u202e", "\ud800", "❤"]
)
def test_characters_that_prompts_or_file_systems_take_for_their_own(character: str):
    with pytest.raises(InputError, match="read in their own way"):
        check_name(f"a{character}b")


def test_not_text():
    with pytest.raises(InputError, match="expected text"):
        check_name(None)  # type: ignore[arg-type]
