"""A picture noised anew to every level: a way up that asks no model, for edit-friendly DDPM inversion."""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.process import add_noise
from .model import EpsModel


def noised(model: EpsModel, latents: Tensor, schedule: DDIMSchedule, seed: int) -> Tensor:
    """Draws each level's latents from the clean ones with noise of its own.

    Other than in DDPM's forward process, two neighbours share no noise: what sampling then has to add at each step
    holds more of the picture's structure, so that edits keep it.
    latents: (B, 4, h, w), clean, VP scale. Each picture gets what it would get alone.
    Returns (steps + 1, B, 4, h, w), noisiest first, the clean latents last.
    Source: Huberman-Spiegelglas et al. 2023, arXiv:2304.06140, eq. 6.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(latents[:1].shape, generator=generator) for _ in schedule.timesteps]
    levels = schedule.levels(model.alpha_bar)
    points = [add_noise(latents, noise.to(latents), level) for noise, level in zip(drawn, levels[:-1], strict=True)]
    return torch.stack([*points, latents])
