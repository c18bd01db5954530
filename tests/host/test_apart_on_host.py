"""Concepts that are kept apart, with what the host and other packs do to a CLIP and its conditionings."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.kept_apart import PHRASES, WORDS, Wires, bar, encoded, entry, foo, later_lora, later_merge, stitched
from ..helpers.lora import some_lora

# --- what the host does with conditionings


def test_places_survive_the_hosts_conditioning_nodes(wires) -> None:
    import node_helpers
    import nodes

    clip = bar(foo(wires))[1]
    with torch.inference_mode():
        (one,), (two,) = (nodes.CLIPTextEncode().encode(clip, t) for t in ("<foo> heart", "a <bar_2> star"))
        changed = [
            nodes.ConditioningConcat().concat(one, two)[0],
            nodes.ConditioningAverage().addWeighted(one, two, 0.5)[0],
            nodes.ConditioningSetArea().append(one, 64, 64, 0, 0, 1.0)[0],
            nodes.ConditioningSetTimestepRange().set_range(one, 0.1, 0.6)[0],
            node_helpers.conditioning_set_values(one, {"mask": torch.ones(1, 8, 8)}),
            copy.deepcopy(one),
        ]
        (combined,) = nodes.ConditioningCombine().combine(one, two)
    assert [values[PHRASES] for ((_, values),) in changed] == [{"foo": (1, 2)}] * len(changed)
    assert [values[PHRASES] for _, values in combined] == [{"foo": (1, 2)}, {"bar_2": (2, 3)}]


def test_a_picture_is_sampled_from_it(demo_model, stock_picture) -> None:
    model, clip, vae = demo_model
    apart, today = (foo((model, clip), keep_apart=kept) for kept in (True, False))
    prompt = "<foo> heart and a blue star"
    assert not torch.equal(stock_picture(*apart, vae, prompt), stock_picture(*today, vae, prompt))


@pytest.mark.parametrize("scheduled", [True, False])
def test_hooks_on_the_clip_act_on_every_encoding(wires, scheduled: bool) -> None:
    """A LoRA by hooks whose strength changes while noise falls, as core's Set CLIP Hooks puts it on."""
    import comfy.hooks
    import nodes
    from comfy_extras.nodes_hooks import SetClipHooks

    def conditioning(clip: Any, prompt: str) -> list[Any]:
        hooks = comfy.hooks.create_hook_lora(some_lora(*wires, size=0.2), 1.0, 1.0)
        keyframes = comfy.hooks.HookKeyframeGroup()
        for strength, start in ((1.0, 0.0), (0.3, 0.5)):
            keyframes.add(comfy.hooks.HookKeyframe(strength=strength, start_percent=start))
        hooks.set_keyframes_on_hooks(keyframes)
        with torch.inference_mode():
            (hooked,) = SetClipHooks().apply_hooks(clip, scheduled, True, hooks)
            return nodes.CLIPTextEncode().encode(hooked, prompt)[0]

    prompt = "a <foo> heart and a star"
    apart, today = (conditioning(foo(wires, keep_apart=kept)[1], prompt) for kept in (True, False))
    plain = conditioning(wires[1], "a heart and a star")
    assert len(apart) == len(today) == (2 if scheduled else 1)
    for found, own, rest in zip(apart, today, plain, strict=True):
        assert torch.equal(found[0], stitched(prompt, rest[0], {"<foo>": own[0]}))
        assert found[1][PHRASES] == {"foo": (2, 3)} and found[1].keys() - {PHRASES, WORDS} == rest[1].keys()
    stock = encoded(wires[1], "a heart and a star")
    assert torch.equal(stock, encoded(wires[1], "a heart and a star"))
    assert not torch.equal(stock, plain[0][0])


def test_a_clip_of_another_packs_kind_stays_one(wires) -> None:
    """Its own methods go on, and its clones may be of its own class."""
    import comfy.sd

    class Louder(comfy.sd.CLIP):
        def clone(self, *args: Any, **named: Any) -> Any:
            clone = super().clone(*args, **named)
            clone.__class__ = self.__class__
            return clone

        def encode_from_tokens(self, *args: Any, **named: Any) -> Any:
            found = super().encode_from_tokens(*args, **named)
            if isinstance(found, dict):
                return found | {"cond": found["cond"] * 2}
            return found * 2

    clip = wires[1].clone()
    clip.__class__ = Louder
    chain, prompt = foo((wires[0], clip)), "<foo> heart and a star"
    assert isinstance(chain[1].clone(), Louder)
    assert torch.equal(encoded(chain[1], prompt), 2 * encoded(foo(wires)[1], prompt))
    assert type(clip) is Louder


# --- errors


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_an_error_or_a_cancel_leaves_no_trace(wires, monkeypatch, failing: int) -> None:
    import comfy.model_management

    clip, prompt = bar(foo(wires))[1], "a <foo> heart and a <bar_2> star"
    before, stock = encoded(clip, prompt), encoded(wires[1], "a heart")
    stage, calls = wires[1].cond_stage_model, []
    original = type(stage).encode_token_weights

    def cancelled(self: Any, tokens: Any) -> Any:
        calls.append(tokens)
        if len(calls) == failing:
            raise comfy.model_management.InterruptProcessingException
        return original(self, tokens)

    monkeypatch.setattr(type(stage), "encode_token_weights", cancelled)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        encoded(clip, prompt)
    monkeypatch.undo()
    assert torch.equal(encoded(wires[1], "a heart"), stock) and torch.equal(encoded(clip, prompt), before)


def test_one_encoding_more_for_each_concept_named(wires, monkeypatch) -> None:
    clip = bar(foo(wires))[1]
    stage, calls = wires[1].cond_stage_model, []
    original = type(stage).encode_token_weights

    def counted(*args: Any) -> Any:
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(type(stage), "encode_token_weights", counted)
    counts = []
    for prompt in ("a heart", "a <foo> heart", "<foo> heart and a <foo> heart", "<foo> heart and a <bar_2> star"):
        calls.clear()
        encoded(clip, prompt)
        counts.append(len(calls))
    assert counts == [1, 2, 2, 3]


# --- other packs' encoders, and our training


def test_an_encoder_that_weighs_by_words(wires) -> None:
    """As BNK's and prompt-control's do: word ids, their own weights, variants of a prompt as chunks of one."""
    clip, prompt = foo(wires)[1], "a <foo> heart and a star"
    with torch.inference_mode():
        (chunk,) = clip.tokenize(prompt, return_word_ids=True)["l"]
        again = [
            [(token, 1.0) for token, _, _ in chunk],
            [(266 if word == 5 else token, 1.0) for token, _, word in chunk],
        ]
        found = clip.encode_from_tokens({"l": again})
        alone = [clip.encode_from_tokens({"l": [variant]}) for variant in again]
    assert torch.allclose(found, torch.cat(alone, 1), atol=1e-5) and torch.equal(alone[0], encoded(clip, prompt))


def test_an_encoder_patched_onto_the_clip(wires) -> None:
    """As prompt-control's styles are: it acts on each encoding, with the word ids that it reads."""

    def styled(clip: Any) -> Any:
        clip = clip.clone()
        encode = clip.patcher.get_model_object("clip_l.encode_token_weights")

        def louder(tokens: Any) -> Any:
            cond, *rest = encode([[(token, weight) for token, weight, _ in chunk] for chunk in tokens])
            return cond * 1.5, *rest

        clip.patcher.add_object_patch("clip_l.encode_token_weights", louder)
        return clip

    def encode(clip: Any, prompt: str) -> Tensor:
        with torch.inference_mode():
            tokens = clip.tokenize(prompt, return_word_ids=True)
            ((cond, _),) = styled(clip).encode_from_tokens_scheduled(tokens)
        return cond

    prompt = "a <foo> heart and a star"
    own, plain = encode(foo(wires, keep_apart=False)[1], prompt), encode(wires[1], "a heart and a star")
    assert torch.equal(encode(foo(wires)[1], prompt), stitched(prompt, plain, {"<foo>": own}))
    assert torch.equal(encoded(wires[1], prompt), encoded(wires[1], prompt)) and not torch.equal(own, plain)


def test_an_encoder_with_two_places_a_token_does_as_before(wires, caplog: pytest.LogCaptureFixture) -> None:
    def doubled(clip: Any) -> Any:
        clip = clip.clone()
        encode = clip.patcher.get_model_object("clip_l.encode_token_weights")

        def twice(tokens: Any) -> Any:
            cond, *rest = encode(tokens)
            return cond.repeat_interleave(2, 1), *rest

        clip.patcher.add_object_patch("clip_l.encode_token_weights", twice)
        return clip

    prompt = "a <foo> heart and a star"
    apart, today = (entry(doubled(foo(wires, keep_apart=kept)[1]), prompt) for kept in (True, False))
    assert torch.equal(apart[0], today[0]) and PHRASES not in apart[1]
    assert "the concepts with `keep_apart` act on all words" in caplog.text


def test_training_sees_every_lora_as_before(wires) -> None:
    from single_image_studio.host.concept_model import with_concept_model
    from single_image_studio.host.vae import Posterior

    def class_word(chain: Wires) -> Tensor:
        picture = Posterior(torch.zeros(1, 4, 16, 16), None)
        with torch.inference_mode():
            return with_concept_model(*chain, picture, "heart", "auto", lambda opened: opened.encode(None).detach())

    def chain(kept: bool) -> Wires:
        return later_lora(bar(later_merge(foo(wires, keep_apart=kept)), keep_apart=kept))

    assert torch.equal(class_word(chain(True)), class_word(chain(False)))
    assert not torch.equal(class_word(chain(True)), class_word(later_lora(later_merge(wires))))
