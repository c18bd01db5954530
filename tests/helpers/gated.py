"""Concepts' LoRAs gated by tokens and places, sampled by the host's own sampler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..helpers.conditionings import encode, with_options
from ..helpers.kept_apart import PHRASES, WORDS
from ..helpers.stock_sampling import host_samples, published_sigmas

PROMPT = "a heart and a blue star"
LEFT = torch.zeros(1, 128, 128)
LEFT[..., :64] = 1
Models = tuple[Any, Any, Any]


def naming(clip: Any, phrases: Mapping[str, tuple[int, ...]], text: str = PROMPT) -> Any:
    """A prompt that says of itself which of its tokens are whose phrase."""
    words = (("blue", (5,)), ("star", (6,)))
    return with_options(encode(clip, text), **{PHRASES: dict(phrases), WORDS: words})


def apart(model: Any, lora: dict[str, Tensor], name: str = "one", strength: float = 0.8, **how: Any) -> Any:
    from single_image_studio.host.unet_apart import with_lora_apart

    return with_lora_apart(model, name, lora, strength, **how)


def merged(model: Any, lora: dict[str, Tensor], strength: float = 0.8) -> Any:
    import comfy.sd

    return comfy.sd.load_lora_for_models(model, None, dict(lora), strength, 0)[0]


def sampled(
    model: Any, positive: Any, negative: Any, sampler: str = "euler", pictures: int = 2, steps: int = 3, **more: Any
) -> Tensor:
    shape = (pictures, 4, 16, 16)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    sigmas = published_sigmas(model, 1000 // (1000 // steps))
    with torch.inference_mode():
        return host_samples(model, positive, negative, torch.zeros(shape), sigmas, 4.0, sampler, noise, **more)


def far(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())
