"""Models of SD 1.5's kind in this process, and the stock sampler to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor


@pytest.fixture
def stock_picture(host) -> Callable[..., Tensor]:
    """`stock_picture(model, clip, vae)`: what the stock CLIPTextEncode, KSampler and VAEDecode give, run as the
    executor runs them."""

    def run(
        model: Any, clip: Any, vae: Any, prompt: str = "a red heart on a green background", steps: int = 4
    ) -> Tensor:
        import nodes

        with torch.inference_mode():
            (positive,) = nodes.CLIPTextEncode().encode(clip, prompt)
            (negative,) = nodes.CLIPTextEncode().encode(clip, "")
            latent = {"samples": torch.zeros(1, 4, 16, 16)}
            (sampled,) = nodes.KSampler().sample(model, 7, steps, 5.0, "euler", "normal", positive, negative, latent)
            (image,) = nodes.VAEDecode().decode(vae, sampled)
            return image.clone()

    return run


@pytest.fixture
def concept_picture(host) -> tuple[Tensor, Tensor, str]:
    """(image, mask, class word) of one of the demo's concepts, as LoadImage would give them."""
    import random

    from lab.world import painting, random_scenes

    picture, masks = painting.render(random_scenes.sample_concept(random.Random(3), "heart"))
    return torch.from_numpy(picture)[None].float() / 255, torch.from_numpy(masks[:1]), "heart"
