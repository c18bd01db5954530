"""Concepts that are kept apart, and what their prompts become, put together by hand from the host's own encodings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .lora import some_lora


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
    from single_image_studio.pipelines.use_concept import Strengths, use_concept

    embedding = row(len(name)) if embedding is None else embedding
    concept = Concept(embedding, class_word, some_lora(*wires) if lora is None else lora, stage=2)
    with torch.inference_mode():
        return use_concept(*wires, concept, name, Strengths(strength, strength), nicknames, keep_apart)[:2]


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
