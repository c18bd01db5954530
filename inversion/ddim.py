"""DDIM inversion: from clean latents to the noise that they come from."""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.report import StepReport, Steps
from .model import EpsModel, Prompt


@torch.no_grad()
def ddim_invert(model: EpsModel, latents: Tensor, prompt: Prompt, schedule: DDIMSchedule) -> Steps[Tensor]:
    """Walks the DDIM ODE up to noise, conditional branch only.

    latents: (B, 4, h, w), clean, VP scale.
    eps is read at the latents of the *lower* noise level with the *higher* level's timestep, as the public code of
    null-text inversion and diffusers' DDIMInverseScheduler do; the paper's equation writes the lower one.
    Returns the trajectory, (steps + 1, B, 4, h, w), noisiest first, so that entry i is where sampling's step i starts.
    Source: Mokady et al. 2022, arXiv:2211.09794, section 3.
    """
    trajectory = [latents]
    for done, step in enumerate(schedule.up(model.alpha_bar), start=1):
        (eps,) = model.predict_eps(latents, step.timesteps(latents), [prompt])
        latents = step.move(latents, eps)
        trajectory.append(latents)
        yield StepReport("inverting", done, schedule.steps, latents=latents)
    return torch.stack(trajectory[::-1])
