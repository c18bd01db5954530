"""Concepts that are kept apart, and what their prompts become, put together by hand from the host's own encodings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .lora import some_lora

Wires = tuple[Any, Any]
PHRASES, WORDS = "single_image_studio_phrases", "single_image_studio_words"


def row(seed: int) -> Tensor:
    return torch.randn(1, 96, generator=torch.Generator().manual_seed(seed))


def on(
    wires: tuple[Any, Any],
    name: str,
    class_word: str = "heart",
    *,
    embedding: Tensor | None = None,
    lora: dict[str, Tensor] | None = None,
    keep_apart: bool = True,
    strength: float = 1.0,
    nicknames: tuple[str, ...] = (),
) -> tuple[Any, Any]:
    """MODEL and CLIP with one more concept. lora: of one that changes a lot, unless given."""
    from single_image_studio.concept.data import Concept
    from single_image_studio.pipelines.use_concept import Apart, Strengths, use_concept

    embedding = row(len(name)) if embedding is None else embedding
    concept = Concept(embedding, class_word, some_lora(*wires) if lora is None else lora, stage=2)
    with torch.inference_mode():
        apart = Apart() if keep_apart else None
        return use_concept(*wires, concept, name, Strengths(strength, strength), nicknames, apart)[:2]


def encoded(clip: Any, prompt: str) -> Tensor:
    """What CLIP Text Encode gives: (1, places, width)."""
    return entry(clip, prompt)[0]


def entry(clip: Any, prompt: str) -> list[Any]:
    import nodes

    with torch.inference_mode():
        (conditioning,) = nodes.CLIPTextEncode().encode(clip, prompt)
    (only,) = conditioning
    return only


def stitched(bare: str, plain: Tensor, owns: dict[str, Tensor]) -> Tensor:
    """The plain prompt's encoding, with each `<name>` and the word after it from that concept's own.

    bare: a prompt of one chunk and of words of one token each. owns: encodings of the prompt without the other names.
    """
    words, context, taken = bare.split(), [plain[:, :1]], 1
    for number, word in enumerate(words):
        before = words[number - 1] if number else ""
        name = word if word in owns else before
        if name in owns:
            there = 1 + sum(not w.startswith("<") or w == name for w in words[:number])
            context.append(owns[name][:, there : there + 1])
        else:
            context.append(plain[:, taken : taken + 1])
        taken += not word.startswith("<")
    return torch.cat([*context, plain[:, taken:]], 1)[:, : plain.shape[1]]


def foo(wires: Wires, keep_apart: bool = True, **more: Any) -> Wires:
    return on(wires, "foo", "heart", keep_apart=keep_apart, **more)


def bar(wires: Wires, keep_apart: bool = True, **more: Any) -> Wires:
    more.setdefault("lora", some_lora(*wires, size=0.1))
    return on(wires, "bar_2", "star", keep_apart=keep_apart, **more)


def same(one: Tensor, two: Tensor, *places: int) -> bool:
    chosen = list(places) or slice(None)
    return torch.equal(one[:, chosen], two[:, chosen])


def same_pooled(one: Tensor, two: Tensor) -> bool:
    """The demo's checkpoint has no text projection, so that the host's holds whatever was in memory, also NaN."""
    return torch.equal(one.nan_to_num(), two.nan_to_num())


def without(prompt: str, *names: str) -> str:
    for name in names:
        prompt = prompt.replace(f"<{name}> ", "").replace(f"<{name}>", "")
    return prompt


def later_lora(wires: Wires) -> Wires:
    import comfy.sd

    with torch.inference_mode():
        return comfy.sd.load_lora_for_models(*wires, some_lora(*wires, size=0.2), 0.7, 0.7)


def later_merge(wires: Wires) -> Wires:
    """As the host's merge nodes do it: what was there before counts less."""
    clip = wires[1].clone()
    with torch.inference_mode():
        other = {key: (torch.full_like(weight, 0.01),) for key, weight in clip.cond_stage_model.state_dict().items()}
        clip.add_patches(other, 0.5, 0.4)
    return wires[0], clip
