"""Noise levels and latents between the host's scale and the papers': x = latents / sqrt(alpha_bar) = x0 + sigma·eps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def sigmas_of(sampling: Any, device: torch.device | str = "cpu") -> Tensor:
    """A model sampling's noise levels, (1000,) float32, 0 is cleanest; a copy."""
    return sampling.sigmas.detach().clone().float().to(device)  # type: ignore[no-any-return]


def alpha_bar_of(sigmas: Tensor) -> Tensor:
    """The papers' alpha_bar at the host's noise levels."""
    return 1 / (1 + sigmas**2)


def x_of(latents: Tensor, sigma: Tensor) -> Tensor:
    """Latents (B, 4, h, w) in the host's scale. sigma: (B,)."""
    return latents * (1 + sigma**2).sqrt().view(-1, 1, 1, 1)
