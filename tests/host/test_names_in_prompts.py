"""Which concepts a prompt's names mean, and what is said of those that mean none."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
import torch

from ..helpers.tokens import same_tokens


def test_an_unknown_name_is_said(clips, caplog: pytest.LogCaptureFixture) -> None:
    clips[1].tokenize("<nobody> heart and <foo> heart")
    assert "<nobody>" in caplog.text and "<foo>, <bar>" in caplog.text


@pytest.mark.parametrize(
    "written, meant",
    [
        ("<foo:1.2> heart", "(<foo>:1.2) heart"),
        ("< foo > heart", "<foo> heart"),
        ("<FOO> heart", "<foo> heart"),
        ("＜foo＞ heart", "<foo> heart"),
        ("<foo.safetensors> heart", "<foo> heart"),
        ("<people/foo> heart", "<foo> heart"),
        (r"<people\foo> heart", "<foo> heart"),
        ("<lora:foo:0.8> heart", "<foo> heart"),
        ("(<Foo> heart:1.3) and <bar:0.5>", "(<foo> heart:1.3) and (<bar>:0.5)"),
    ],
)
def test_what_is_meant_is_taken(clips, written: str, meant: str) -> None:
    _, ours = clips
    assert same_tokens(ours.tokenize(written)["l"], ours.tokenize(meant)["l"])
    assert any(torch.is_tensor(token) for token, *_ in ours.tokenize(written)["l"][0])


@pytest.mark.parametrize("name", ["ที่รัก", "हिन्दी", unicodedata.normalize("NFD", "café")])
def test_an_unknown_name_is_said_in_every_script(clips, caplog: pytest.LogCaptureFixture, name: str) -> None:
    clips[1].tokenize(f"<{name}> heart")
    assert f"<{name}>" in caplog.text and "<foo>, <bar>" in caplog.text


@pytest.mark.parametrize("spelling", ["NFC", "NFD"])
def test_accents_are_one_letter_however_a_file_spells_them(
    demo_model, caplog: pytest.LogCaptureFixture, spelling: Any
) -> None:
    from single_image_studio.host.mentions import meant
    from single_image_studio.host.text import with_concept

    names = {form: unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}
    assert all(meant(f"other/{name.upper()}", [names[spelling]]) == names[spelling] for name in names.values())
    clip = with_concept(demo_model[1], names[spelling], torch.ones(1, 96), [f"cups/{names[spelling]}"], "tasse brûlée")
    exactly = clip.tokenize(f"<{names[spelling]}> tasse brûlée")["l"]
    assert any(torch.is_tensor(token) for token, *_ in exactly[0])
    for name in names.values():
        for prompt in (f"<{name}> tasse brûlée", f"<CUPS/{name.upper()}> tasse brûlée"):
            assert same_tokens(clip.tokenize(prompt)["l"], exactly)
            assert same_tokens(clip.tokenize(unicodedata.normalize("NFD", prompt))["l"], exactly)
    assert not [line for line in caplog.messages if "taken for" not in line]
    clip.tokenize(f"a {names['NFC']} and tea")
    assert "brackets" in caplog.text


def test_a_name_is_first_the_concept_that_is_spelled_so(demo_model) -> None:
    from single_image_studio.host.text import with_concept

    clip = demo_model[1]
    for value, form in enumerate(("NFC", "NFD")):
        clip = with_concept(clip, unicodedata.normalize(form, "café"), torch.full((1, 96), float(value)))
    for value, form in enumerate(("NFC", "NFD")):
        tokens = clip.tokenize(unicodedata.normalize(form, "<café> cup"))["l"][0]
        assert [float(token[0]) for token, _ in tokens if torch.is_tensor(token)] == [value]


def test_a_word_that_goes_on_with_a_vowel_sign_is_no_name(demo_model, caplog: pytest.LogCaptureFixture) -> None:
    from single_image_studio.host.text import with_concept

    clip = with_concept(demo_model[1], "कमल", torch.ones(1, 96), class_word="flower")
    clip.tokenize("a कमला, a flower")
    assert not caplog.messages
    clip.tokenize("a कमल, a flower")
    assert "brackets" in caplog.text


@pytest.mark.parametrize("prompt", ["<lora:other:1> heart", "a < b and c > d", "<>", "<foo heart"])
def test_other_packs_brackets_are_left_alone(clips, caplog: pytest.LogCaptureFixture, prompt: str) -> None:
    stock, ours = clips
    assert same_tokens(ours.tokenize(prompt)["l"], stock.tokenize(prompt)["l"])
    assert not caplog.records


def test_two_concepts_of_one_name(demo_model, caplog: pytest.LogCaptureFixture) -> None:
    """The later one is used, which is said; their paths tell them apart."""
    from single_image_studio.host.text import with_concept

    def first(clip: Any, prompt: str) -> float:
        return next(float(t[0]) for t, _ in clip.tokenize(prompt)["l"][0] if torch.is_tensor(t))

    people = with_concept(demo_model[1], "x", torch.full((1, 96), 1.0), ["people/x"])
    assert not caplog.records
    both = with_concept(people, "x", torch.full((1, 96), 2.0), ["pets/x"])
    assert "Two concepts are called <x>" in caplog.text
    assert [first(both, f"<{name}> y") for name in ("x", "people/x", "pets/x", "PETS\\x")] == [2.0, 1.0, 2.0, 2.0]


def with_class_words(clip: Any) -> Any:
    from single_image_studio.host.text import with_concept

    bear = with_concept(clip, "bear_2", torch.ones(1, 96), ["bear"], class_word="teddy bear")
    return with_concept(
        with_concept(bear, "foo", torch.zeros(1, 96), class_word="heart"), "脸", torch.ones(1, 96), (), "人脸"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "<foo> heart",
        "a <Foo> large red Heart on a beach",
        "(<foo>:1.2) heart",
        "((<foo> hearts:1.3))",
        "<foo>, a tag, heart",
        "<foo> beside <foo> heart",  # once is enough
        "<bear> teddy-bear and <bear_2> teddy bear",
        "<bear> teddy bears",
        "<foo:0.8> heart, <bear> teddy bear",
        "在海滩上的<脸>漂亮人脸",
        "a heart",
        "<nobody> star",
    ],
)
def test_the_class_word_may_stand_anywhere_after_the_name(
    demo_model, caplog: pytest.LogCaptureFixture, prompt: str
) -> None:
    with_class_words(demo_model[1]).tokenize(prompt)
    assert "class word" not in caplog.text


@pytest.mark.parametrize(
    "prompt, phrases",
    [
        ("<foo> star", ["<foo> heart"]),
        ("a photo of <FOO>", ["<foo> heart"]),
        ("a heart like <foo>", ["<foo> heart"]),  # it was learned the other way round
        ("<foo>. A heart beside it", ["<foo> heart"]),
        ("<foo> and <bear> hearts", ["<bear> teddy bear", "<foo> heart"]),
        ("<bear> teddy, <foo> heartless", ["<bear> teddy bear", "<foo> heart"]),
        ("<脸>在海滩上", ["<脸> 人脸"]),
    ],
)
def test_a_wrong_class_word_is_said_once(
    demo_model, caplog: pytest.LogCaptureFixture, prompt: str, phrases: list[str]
) -> None:
    with_class_words(demo_model[1]).tokenize(f"{prompt}")
    assert [re.findall("“(.*)”", line) for line in caplog.messages if "class word" in line] == [[p] for p in phrases]


@pytest.mark.parametrize(
    "prompt, phrases",
    [
        ("foo heart", ["<foo> heart"]),
        ("a photo of (Foo:1.2) on a beach", ["<foo> heart"]),
        ("foo's house, with bear_2", ["<bear_2> teddy bear", "<foo> heart"]),
        ("<bear_2> teddy bear and foo heart", ["<foo> heart"]),
    ],
)
def test_a_name_without_brackets_is_said(
    demo_model, caplog: pytest.LogCaptureFixture, prompt: str, phrases: list[str]
) -> None:
    with_class_words(demo_model[1]).tokenize(prompt)
    assert [re.findall(r"write (<.*)\.$", line) for line in caplog.messages] == [[phrase] for phrase in phrases]


@pytest.mark.parametrize(
    "prompt",
    [
        "a heart",
        "a bear and a teddy bear",  # also a nickname here, and one of its class word's words
        "<foo> heart and the foo beside it",
        "<bear> teddy bear, the bear_2 of before",
        "脸 人脸",
        "embedding:foo heart",
        "food, foo_2, foo-fighter, my/foo, foo.png, <foo heart",
    ],
)
def test_an_ordinary_word_is_no_name(demo_model, caplog: pytest.LogCaptureFixture, prompt: str) -> None:
    with_class_words(demo_model[1]).tokenize(prompt)
    assert "brackets" not in caplog.text


def test_without_a_class_word_nothing_is_said(clips, caplog: pytest.LogCaptureFixture) -> None:
    clips[1].tokenize("<foo> star, <bar>")
    assert not caplog.records
