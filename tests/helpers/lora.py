"""A LoRA that changes pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def some_lora(model: Any, clip: Any, size: float = 0.3) -> dict[str, Tensor]:
    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.host.weights import attention_projections

    with torch.inference_mode(False):
        lora = LoraSet(attention_projections(model, clip), 4, torch.Generator().manual_seed(0))
        with torch.no_grad():
            for layer in lora.layers.values():
                layer.up.copy_(size * torch.randn(layer.up.shape, generator=torch.Generator().manual_seed(1)))
        return lora.kohya()
