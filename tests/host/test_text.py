"""`<NAME>` in prompts, against the host's own `embedding:NAME`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ..helpers.tokens import same_tokens


@pytest.mark.parametrize(
    "prompt",
    [
        "<foo> heart",
        "a large <foo> heart on a green background",
        "(<foo> heart:1.2)",
        "((<foo>)) heart, (best:0.7)",
        "a <foo> heart and a <bar> star",
        "<bar> star\n<foo> heart",
        "<foo> <foo> heart",
        "a heart on a green background " * 14 + "<foo> heart",
        r"\(<foo> heart\) plain",
        "<foo>",
    ],
)
@pytest.mark.parametrize("word_ids", [False, True])
def test_a_name_is_what_embedding_is(clips, prompt: str, word_ids: bool) -> None:
    stock, ours = clips
    by_name = ours.tokenize(prompt, return_word_ids=word_ids)["l"]
    by_file = stock.tokenize(
        prompt.replace("<foo>", " embedding:foo").replace("<bar>", " embedding:bar"), return_word_ids=word_ids
    )["l"]
    if word_ids:
        by_name, by_file = counted(by_name), counted(by_file)
    assert same_tokens(by_name, by_file)


def counted(batches: list[list[Any]]) -> list[list[Any]]:
    """With each word's id by when it comes first: newer hosts count the space before `embedding:`, too."""
    order = list(dict.fromkeys(token[2] for batch in batches for token in batch))
    return [[(*token[:2], order.index(token[2])) for token in batch] for batch in batches]


@pytest.mark.parametrize("prompt", ["", "a heart", "<unknown> heart", "1 < 2 > 0", "foo bar"])
def test_prompts_without_a_concept_are_untouched(clips, prompt: str) -> None:
    stock, ours = clips
    assert same_tokens(ours.tokenize(prompt)["l"], stock.tokenize(prompt)["l"])


def test_the_clip_it_came_from_knows_nothing(clips, embedding) -> None:
    stock, ours = clips
    assert not any(torch.is_tensor(token) for token, _ in stock.tokenize("<foo> heart")["l"][0])
    assert "foo" in ours.tokenizer.clip_l.concepts


def test_encodes_to_the_same_bits(clips) -> None:
    import nodes

    stock, ours = clips
    with torch.inference_mode():
        one = nodes.CLIPTextEncode().encode(ours, "(<foo> heart:1.3) on a green background")[0][0][0]
        two = nodes.CLIPTextEncode().encode(stock, "(embedding:foo heart:1.3) on a green background")[0][0][0]
    assert torch.equal(one, two)


@pytest.mark.parametrize("words", ["*", "a photo of * on a green background", "(red:1.3) star, *"])
def test_training_encodes_as_prompts_do(clips, embedding, demo_model, words: str) -> None:
    """What is trained as "* heart" is what CLIPTextEncode gives for "<foo> heart", with the same words around it."""
    import nodes

    from single_image_studio.host.concept_model import with_concept_model
    from single_image_studio.host.vae import Posterior

    _, ours = clips
    model, clip, _ = demo_model
    picture = Posterior(torch.zeros(1, 4, 16, 16), None)
    with torch.inference_mode():
        prompt = nodes.CLIPTextEncode().encode(ours, words.replace("*", "<foo> heart"))[0][0][0]

        def work(opened: Any) -> torch.Tensor:
            return opened.encode(embedding.clone(), words).detach()

        assert torch.equal(with_concept_model(model, clip, picture, "heart", "auto", work), prompt)


def test_rare_words_do_not_clash_with_the_prompt(clips, embedding) -> None:
    _, ours = clips
    inner = ours.tokenizer.clip_l
    taken = inner._rare_words("", 1)[0][0]
    tokens = ours.tokenize(f"<foo> heart {taken}")["l"][0]
    assert sum(torch.is_tensor(token) for token, _ in tokens) == 1


def test_many_tokens_a_concept(demo_model) -> None:
    from single_image_studio.host.text import with_concept

    rows = torch.randn(3, 96)
    tokens = with_concept(demo_model[1], "many", rows).tokenize("a <many> heart")["l"][0]
    assert torch.equal(torch.stack([t for t, _ in tokens if torch.is_tensor(t)]), rows)


def test_survives_copies(clips) -> None:
    import copy

    _, ours = clips
    clone = ours.clone()
    clone.tokenizer = copy.deepcopy(ours.tokenizer)
    assert any(torch.is_tensor(token) for token, _ in clone.tokenize("<foo> heart")["l"][0])


def test_a_nickname_gives_way_to_a_name(demo_model) -> None:
    from single_image_studio.host.text import with_concept

    def first(clip: Any, prompt: str) -> float:
        return next(float(t[0]) for t, _ in clip.tokenize(prompt)["l"][0] if torch.is_tensor(t))

    second = with_concept(demo_model[1], "my_2", torch.full((1, 96), 2.0), nicknames=["my"])
    assert first(second, "<my> heart") == first(second, "<my_2> heart") == 2.0
    both = with_concept(second, "my", torch.full((1, 96), 1.0))
    assert first(both, "<my> heart") == 1.0 and first(both, "<my_2> heart") == 2.0
    turned = with_concept(
        with_concept(demo_model[1], "my", torch.full((1, 96), 1.0)), "my_2", torch.full((1, 96), 2.0), nicknames=["my"]
    )
    assert first(turned, "<my> heart") == 1.0
