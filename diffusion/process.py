"""Noising, and the way back from a predicted noise to a predicted picture.

| name | symbol |
|---|---|
| x0 | x_0, clean latents |
| latents | x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps |
| alpha_bar | the cumulative product of 1 - beta at t |
| eps | the noise, drawn or predicted |
"""

from __future__ import annotations

import torch
from torch import Tensor


def scaled_linear_alpha_bar(steps: int = 1000, start: float = 0.00085, end: float = 0.012) -> Tensor:
    """Stable Diffusion's noise schedule: alpha_bar for every timestep, (steps,) float32, 0 is cleanest.

    Source: Rombach et al. 2022, "scaled linear": the square roots of beta are equally spaced.
    """
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()


def _per_sample(alpha_bar: Tensor, like: Tensor) -> Tensor:
    return alpha_bar.to(like.device, torch.float32).reshape(-1, *(1,) * (like.dim() - 1))


def add_noise(x0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Draws from q(x_t | x_0).

    x0, noise: (B, C, h, w), float32. alpha_bar: (B,) or scalar, in (0, 1].
    Source: Ho et al. 2020, arXiv:2006.11239, eq. 4.
    """
    a = _per_sample(alpha_bar, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def x0_from_eps(latents: Tensor, eps: Tensor, alpha_bar: Tensor) -> Tensor:
    """The clean latents that a predicted noise implies: `add_noise` solved for x0.

    latents, eps: (B, C, h, w), float32. alpha_bar: (B,) or scalar, in (0, 1].
    Source: SingleInsert, eq. 3, where x_theta is defined.
    """
    a = _per_sample(alpha_bar, latents)
    return (latents - (1 - a).sqrt() * eps) / a.sqrt()


def eps_from_x0(latents: Tensor, x0: Tensor, alpha_bar: Tensor) -> Tensor:
    """The noise that predicted clean latents imply: `add_noise` solved for the noise.

    latents, x0: (B, C, h, w), float32. alpha_bar: (B,) or scalar, in (0, 1).
    """
    a = _per_sample(alpha_bar, latents)
    return (latents - a.sqrt() * x0) / (1 - a).sqrt()
