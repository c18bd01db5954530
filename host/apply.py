"""Puts a concept's LoRA on MODEL and CLIP wires."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import comfy.sd
from torch import Tensor


def with_lora(
    model: Any, clip: Any, lora: Mapping[str, Tensor], strength_model: float, strength_clip: float
) -> tuple[Any, Any]:
    """Clones of MODEL and CLIP with the LoRA on them, as the stock LoraLoader puts it there, to the bit.

    lora: by kohya's names, may be empty.
    """
    if not lora or not (strength_model or strength_clip):
        return model.clone(), clip.clone()
    patched: tuple[Any, Any] = comfy.sd.load_lora_for_models(model, clip, dict(lora), strength_model, strength_clip)
    return patched


@dataclass(frozen=True, eq=False)
class TextPatches:
    """What a LoRA adds to a text encoder, kept to be put on at need where it stands in the chain of what is on CLIP.

    added: for each weight, how many patches were on it before, and the LoRA's own.
    """

    added: Mapping[str, tuple[int, tuple[Any, ...]]]

    @classmethod
    def between(cls, clip: Any, patched: Any) -> TextPatches:
        """What is on `patched` beyond what is on `clip`, which it was made of."""
        added = {}
        for key, patches in patched.patcher.patches.items():
            before = len(clip.patcher.patches.get(key, ()))
            if len(patches) > before:
                added[key] = before, tuple(patches[before:])
        return cls(added)

    def put_on(self, clip: Any) -> None:
        """Puts the LoRA on a clone of the CLIP, before what came later in the chain.

        In its place and not at the end, since a merge weighs all that came before it.
        """
        on = clip.patcher.patches
        for key, (before, added) in self.added.items():
            there = on.get(key, [])
            on[key] = [*there[:before], *added, *there[before:]]
        if self.added:
            clip.patcher.patches_uuid = uuid.uuid4()  # by which the host knows that its weights are others
