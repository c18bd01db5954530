"""Puts a concept on MODEL and CLIP wires."""

from __future__ import annotations

from typing import Any

import comfy.sd
from torch import Tensor

from .text import with_concept


def apply_concept(
    model: Any,
    clip: Any,
    name: str,
    embedding: Tensor,
    lora: dict[str, Tensor],
    strength_model: float,
    strength_clip: float,
    nickname: str | None = None,
) -> tuple[Any, Any]:
    """Clones of MODEL and CLIP with the LoRA on them and `<name>` known in prompts.

    embedding: (n, width). lora: kohya-named, may be empty. The patches are the host's own, so a saved and a fresh
    concept, and the stock LoraLoader with `embedding:NAME`, give the same bits.
    """
    if lora and (strength_model or strength_clip):
        model, clip = comfy.sd.load_lora_for_models(model, clip, dict(lora), strength_model, strength_clip)
    else:
        model, clip = model.clone(), clip.clone()
    return model, with_concept(clip, name, embedding, nickname)
