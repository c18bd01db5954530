"""A demo picture's latents, its prompts, and the oracle's UNet."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def unet(loaded_demo_model) -> Any:
    """The demo model's UNet as diffusers' own class."""
    from ..helpers.oracle import unet_from

    with torch.inference_mode(False):
        return unet_from(loaded_demo_model[0])


@pytest.fixture
def encode(demo_model) -> Callable[[str], Any]:
    """`encode("a red heart")`: a CONDITIONING, as CLIPTextEncode gives it."""

    def run(text: str) -> Any:
        import nodes

        with torch.inference_mode():
            return nodes.CLIPTextEncode().encode(demo_model[1], text)[0]

    return run


@pytest.fixture
def latent(demo_model) -> dict[str, Tensor]:
    """A demo picture, as VAEEncode gives it."""
    from lab.world import painting, random_scenes

    picture, _ = painting.render(random_scenes.sample_scene(random.Random(5)))
    with torch.inference_mode():
        return {"samples": demo_model[2].encode(torch.from_numpy(picture)[None].float() / 255)}


@pytest.fixture
def clean(latent) -> Tensor:
    """The demo picture's latents, VP scale."""
    from single_image_studio.host.latents import latents_from

    return latents_from(latent)
