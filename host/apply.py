"""Puts a concept's LoRA on MODEL and CLIP wires."""

from __future__ import annotations

from collections.abc import Mapping
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
