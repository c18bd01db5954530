"""A concept's LoRA as the host's HOOKS, for its nodes that apply a LoRA to single conditionings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import comfy.hooks
from torch import Tensor


def hooks_of(lora: Mapping[str, Tensor], strength_model: float, strength_clip: float) -> Any:
    """What Create Hook LoRA makes of the LoRA's file, to the bit.

    lora: by kohya's names; without one, or with no strength, there is no hook.
    """
    if not lora or not (strength_model or strength_clip):
        return comfy.hooks.HookGroup()
    return comfy.hooks.create_hook_lora(dict(lora), strength_model, strength_clip)
