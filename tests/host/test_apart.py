"""Concepts that are kept apart: every token against the host's own encodings of the plain and of the single prompts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

from ..helpers.kept_apart import (
    PHRASES,
    WORDS,
    Wires,
    bar,
    encoded,
    entry,
    foo,
    later_lora,
    later_merge,
    on,
    row,
    same,
    same_pooled,
    stitched,
    without,
)
from ..helpers.lora import some_lora


@pytest.mark.parametrize(
    "prompt",
    [
        "<foo> heart",
        "<foo> heart and a blue star on a yellow background",
        "a <foo> heart and a <bar_2> star",
        "a <bar_2> star and a <foo> heart",
        "(<foo> heart:1.2) and a (blue:0.5) star",
        "a (<foo> heart:0) and a (<bar_2> star:-0.7)",
        "((<foo>)) heart and a <bar_2> (star:1.4)",
        "<bar_2> star\n<foo> heart",
        "<foo> heart beside a <foo> heart and a <bar_2> star",
    ],
)
def test_each_phrase_is_its_own_encodings_and_all_else_the_plain_prompts(wires, prompt: str) -> None:
    both = bar(foo(wires))[1]
    owns = {
        "<foo>": encoded(foo(wires, keep_apart=False)[1], without(prompt, "bar_2")),
        "<bar_2>": encoded(bar(wires, keep_apart=False)[1], without(prompt, "foo")),
    }
    plain = encoded(wires[1], without(prompt, "foo", "bar_2"))
    bare = re.sub(r"[()]|:[-\d.]+", "", prompt)
    assert torch.equal(encoded(both, prompt), stitched(bare, plain, {k: v for k, v in owns.items() if k in bare}))


def test_a_neighbour_in_plain_words_is_the_plain_prompts(wires) -> None:
    """What leaks today: every token after the name, and with the LoRA those before it too."""
    prompt, plain = (
        "a green circle , <foo> heart and a blue star",
        encoded(wires[1], "a green circle , heart and a blue star"),
    )
    apart, today = (encoded(foo(wires, keep_apart=kept)[1], prompt) for kept in (True, False))
    before, phrase, after = [0, 1, 2, 3, 4], [5, 6], [7, 8, 9, 10, 11]
    assert same(apart, plain, *before) and same(apart[:, after], plain[:, [p - 1 for p in after]])
    assert not torch.allclose(today[:, after], plain[:, [p - 1 for p in after]], atol=1e-2)
    assert same(apart, today, *phrase)


def test_a_prompt_without_a_concept_keeps_its_bits(wires) -> None:
    clip = bar(foo(wires))[1]
    for prompt in ("", "a heart and a (star:1.3)", "a heart on a green background " * 14):
        found, plain = entry(clip, prompt), entry(wires[1], prompt)
        assert torch.equal(found[0], plain[0]) and same_pooled(found[1]["pooled_output"], plain[1]["pooled_output"])
        assert found[1][PHRASES] == {} and plain[1].keys() == found[1].keys() - {PHRASES, WORDS}


def test_off_is_as_before_and_tells_nothing(wires) -> None:
    import comfy.sd

    clip = foo(wires, keep_apart=False)[1]
    assert type(clip) is comfy.sd.CLIP and entry(clip, "<foo> heart")[1].keys() == {"pooled_output"}


def test_pooled_output_and_every_way_to_encode(wires) -> None:
    clip, prompt = foo(wires)[1], "a <foo> heart and a star"
    cond, values = entry(clip, prompt)
    plain = entry(wires[1], "a heart and a star")[1]["pooled_output"]
    with torch.inference_mode():
        tokens = clip.tokenize(prompt)
        assert torch.equal(clip.encode_from_tokens(tokens), cond) and torch.equal(clip.encode(prompt), cond)
        both = clip.encode_from_tokens(tokens, return_pooled=True)
        assert torch.equal(both[0], cond) and same_pooled(both[1], plain)
        told = clip.encode_from_tokens(tokens, return_pooled=True, return_dict=True)
        ((added, more),) = clip.encode_from_tokens_scheduled(tokens, add_dict={"width": 5})
    assert torch.equal(told["cond"], cond) and told[PHRASES] == values[PHRASES] == more[PHRASES]
    assert torch.equal(added, cond) and more["width"] == 5
    assert same_pooled(values["pooled_output"], plain) and not same_pooled(plain, row(0))


def test_the_clip_it_came_from_is_as_before(wires) -> None:
    before = encoded(wires[1], "a heart and a star")
    encoded(bar(foo(wires))[1], "a <foo> heart and a <bar_2> star")
    assert torch.equal(encoded(wires[1], "a heart and a star"), before)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_strength_clip_holds(wires, strength: float) -> None:
    apart, today = (
        encoded(foo(wires, keep_apart=kept, strength=strength)[1], "a <foo> heart") for kept in (True, False)
    )
    assert same(apart, today, 2, 3) and not same(apart, encoded(foo(wires)[1], "a <foo> heart"), 2, 3)


def test_a_concept_of_stage_one_alone(wires) -> None:
    apart, today = (
        encoded(foo(wires, keep_apart=kept, lora={})[1], "<foo> heart and a star") for kept in (True, False)
    )
    assert same(apart, today, 1, 2) and same(apart[:, 3:6], encoded(wires[1], "heart and a star")[:, 2:5])


# --- the chain


def later_layer(wires: Wires) -> Wires:
    import nodes

    return wires[0], nodes.CLIPSetLastLayer().set_last_layer(wires[1], -2)[0]


def later_clone(wires: Wires) -> Wires:
    return wires[0].clone(), wires[1].clone().clone()


def later_concept(wires: Wires) -> Wires:
    return bar(wires, keep_apart=False)


@pytest.mark.parametrize("later", [later_lora, later_merge, later_layer, later_clone, later_concept])
@pytest.mark.parametrize("earlier", [lambda wires: wires, later_lora])
def test_what_is_on_the_chain_acts_on_every_encoding(
    wires, later: Callable[[Wires], Wires], earlier: Callable[[Wires], Wires]
) -> None:
    """Also where it stands: the phrase has the bits that it has today on the same chain."""
    prompt = "a <foo> heart and a star"
    apart, today = (encoded(later(foo(earlier(wires), keep_apart=kept))[1], prompt) for kept in (True, False))
    plain = encoded(later(earlier(wires))[1], "a heart and a star")
    assert torch.equal(apart, stitched(prompt, plain, {"<foo>": today}))


def test_a_concept_that_is_not_kept_apart_acts_on_all(wires) -> None:
    prompt = "a <bar_2> star and a <foo> heart"
    for clip in (bar(foo(wires), keep_apart=False)[1], foo(bar(wires, keep_apart=False))[1]):
        own = encoded(bar(foo(wires, keep_apart=False), keep_apart=False)[1], prompt)
        plain = encoded(bar(wires, keep_apart=False)[1], "a <bar_2> star and a heart")
        found, values = entry(clip, prompt)
        # the order of two LoRAs' sums is another where the one that acts on all came first
        assert torch.allclose(found[:, 6:8], own[:, 6:8], atol=1e-3) and same(found[:, :6], plain[:, :6])
        assert same(found[:, 8:], plain[:, 7:-1])
        assert values[PHRASES] == {"bar_2": (2, 3), "foo": (6, 7)}


def test_each_of_three(wires) -> None:
    chain = on(bar(foo(wires)), "third", "circle", lora=some_lora(*wires, size=0.2))
    prompt = "a <third> circle , a <foo> heart and a <bar_2> star"
    values = entry(chain[1], prompt)[1]
    assert values[PHRASES] == {"third": (2, 3), "foo": (6, 7), "bar_2": (10, 11)}
    alone = encoded(foo(wires, keep_apart=False)[1], without(prompt, "third", "bar_2"))
    assert same(encoded(chain[1], prompt)[:, 6:8], alone[:, 5:7])


# --- chunks


def words_of(count: int) -> str:
    return " ".join(["red", "green", "blue"][i % 3] for i in range(count))


@pytest.mark.parametrize("before", [3, 70, 73, 74, 75, 76, 100])
def test_chunk_by_chunk(wires, before: int) -> None:
    """The chunks are the prompt's own; each is encoded without the names that stand in it, and filled up at its end."""
    prompt = f"{words_of(before)} <foo> heart {words_of(90)}"
    clip = foo(wires)[1]
    found, values = entry(clip, prompt)
    names, classes = values[PHRASES]["foo"]
    places = [1 + before + 2 * (before >= 75), 2 + before + 2 * (before >= 74)]
    assert [names, classes] == places
    with torch.inference_mode():
        own = foo(wires, keep_apart=False)[1].encode_from_tokens(clip.tokenize(prompt))
    assert same(found, own, names, classes)
    for number, tokens in enumerate(clip.tokenize(prompt)["l"]):
        kept = [(token, weight) for token, weight in tokens if not torch.is_tensor(token)]
        kept += [(49407, 1.0)] * (77 - len(kept))
        with torch.inference_mode():
            plain = wires[1].encode_from_tokens({"l": [kept]})
        shift = 77 - sum(not torch.is_tensor(token) for token, _ in tokens)
        rest = [p for p in range(77) if 77 * number + p not in places]
        there = [p - (shift and 77 * number + p > names) for p in rest]
        assert torch.allclose(found[:, [77 * number + p for p in rest]], plain[:, there], atol=1e-5)


# --- what the prompt says


@pytest.mark.parametrize(
    "prompt, phrase, words",
    [
        ("<foo> heart", (1, 2), ""),
        ("<foo>", (1,), ""),
        ("<foo> star", (1,), "star"),  # another class word: the name alone
        ("(<foo>:1.2) heart", (1, 2), ""),
        ("<foo> Hearts, <foo:0.5> heart", (1, 2, 4, 5), ""),
        ("a <foo> large red heart", (2, 5), "large red"),
        ("<foo>, heart", (1,), "heart"),
        ("<foo> and a heart", (1,), "heart"),
        ("<Foo> heart . it's 2 t-shirts & a café", (1, 2), "2 t shirts café"),
        ("red heart <foo> <foo> heart red", (3, 4, 5), "red heart red"),
        ("<foo> heart <|endoftext|> star", (1, 2), "star"),
    ],
)
def test_places_of_phrases_and_words(wires, prompt: str, phrase: tuple[int, ...], words: str) -> None:
    values = entry(foo(wires)[1], prompt)[1]
    assert values[PHRASES] == {"foo": phrase}
    assert " ".join(word for word, _ in values[WORDS]) == words


def test_words_have_their_places(wires) -> None:
    values = entry(foo(wires)[1], "a strawberryish star and <foo> heart on a green background")[1]
    tokens = wires[1].tokenizer.clip_l.tokenizer("strawberryish")["input_ids"][1:-1]
    long = len(tokens)
    assert long > 1
    assert values[WORDS] == (
        ("strawberryish", tuple(range(2, 2 + long))),
        ("star", (2 + long,)),
        ("green", (8 + long,)),
        ("background", (9 + long,)),
    )


def test_a_class_word_of_several_words_and_without_spaces(wires) -> None:
    clip = on(on(wires, "bear", "teddy bear"), "脸", "人脸")[1]
    assert entry(clip, "<bear> old teddy bears and a bear")[1][PHRASES] == {"bear": (1, 3, 4)}
    values = entry(clip, "在海滩上的<脸>漂亮人脸, 海")[1]
    assert [word for word, _ in values[WORDS]] == ["在海滩上的", "海"] and len(values[PHRASES]["脸"]) > 2


def test_two_concepts_of_one_class_word(wires) -> None:
    clip = on(foo(wires), "other", "heart", embedding=row(5), lora={})[1]
    prompt = "a <foo> heart and a <other> heart"
    owns = {
        "<foo>": encoded(foo(wires, keep_apart=False)[1], "a <foo> heart and a heart"),
        "<other>": encoded(
            on(wires, "other", embedding=row(5), lora={}, keep_apart=False)[1], "a heart and a <other> heart"
        ),
    }
    found, values = entry(clip, prompt)
    assert torch.equal(found, stitched(prompt, encoded(wires[1], "a heart and a heart"), owns))
    assert values[PHRASES] == {"foo": (2, 3), "other": (6, 7)}


def test_names_inside_names_and_nicknames(wires) -> None:
    clip = on(foo(wires), "foo_bar", "star", nicknames=("people/foo_bar",))[1]
    assert entry(clip, "<foo_bar> star and <foo> heart")[1][PHRASES] == {"foo_bar": (1, 2), "foo": (4, 5)}
    assert entry(bar(wires)[1], "<bar> star, <people/bar> star")[1][PHRASES] == {"bar_2": (1, 2, 4, 5)}


def test_a_concept_that_lost_its_name_goes_by_its_path(wires) -> None:
    first = on(wires, "x", "heart", embedding=row(1), nicknames=("people/x",))
    clip = on(first, "x", "star", embedding=row(2), nicknames=("pets/x",))[1]
    found, values = entry(clip, "<people/x> heart and <x> star")
    assert values[PHRASES] == {"people/x": (1, 2), "x": (4, 5)}
    alone = on(wires, "x", "heart", embedding=row(1), keep_apart=False)[1]
    assert same(found, encoded(alone, "<x> heart and star"), 1, 2)


def test_a_name_of_several_tokens(wires) -> None:
    rows = torch.randn(3, 96, generator=torch.Generator().manual_seed(2))
    apart, today = (foo(wires, keep_apart=kept, embedding=rows)[1] for kept in (True, False))
    found, values = entry(apart, "a <foo> heart and a star")
    assert values[PHRASES] == {"foo": (2, 3, 4, 5)} and same(
        found, encoded(today, "a <foo> heart and a star"), 2, 3, 4, 5
    )
    assert same(found[:, 6:9], encoded(wires[1], "a heart and a star")[:, 3:6])
