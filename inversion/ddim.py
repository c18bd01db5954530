"""DDIM inversion: from clean latents to the noise that they come from."""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule, ddim_step
from .prompts import OnStep, PredictEps, Prompt, nothing


def at(timestep: int, latents: Tensor) -> Tensor:
    """One timestep for every picture: (B,) int64."""
    return torch.full((len(latents),), timestep, dtype=torch.int64, device=latents.device)


@torch.no_grad()
def ddim_invert(
    predict_eps: PredictEps,
    latents: Tensor,
    prompt: Prompt,
    schedule: DDIMSchedule,
    alpha_bar: Tensor,
    on_step: OnStep = nothing,
) -> Tensor:
    """Walks the DDIM ODE up to noise, conditional branch only.

    latents: (B, 4, h, w), clean, VP scale. alpha_bar: (1000,).
    eps is read at the latents of the *lower* noise level with the *higher* level's timestep, as the public code of
    null-text inversion and diffusers' DDIMInverseScheduler do; the paper's equation writes the lower one.
    Returns the trajectory, (steps + 1, B, 4, h, w), noisiest first, so that entry i is where sampling's step i starts.
    Source: Mokady et al. 2022, arXiv:2211.09794, section 3.
    """
    timesteps, levels = schedule.timesteps, schedule.levels(alpha_bar)
    trajectory = [latents]
    for done, i in enumerate(reversed(range(schedule.steps)), start=1):
        (eps,) = predict_eps(latents, at(timesteps[i], latents), [prompt])
        latents = ddim_step(latents, eps, levels[i + 1], levels[i])
        trajectory.append(latents)
        on_step(done, latents)
    return torch.stack(trajectory[::-1])
