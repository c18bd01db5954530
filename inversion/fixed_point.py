"""DDIM inversion that sampling takes back: each step up is corrected until the step down returns to where it began."""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.report import StepReport, Steps
from .model import EpsModel, Prompt

CORRECTIONS = 2
"""A step's further evaluations. On the demo model each brings a reconstruction some 4 to 10 dB closer."""


@torch.no_grad()
def fixed_point_invert(
    model: EpsModel, latents: Tensor, prompt: Prompt, schedule: DDIMSchedule, corrections: int = CORRECTIONS
) -> Steps[Tensor]:
    """Walks the DDIM ODE up to noise, conditional branch only, by implicit steps.

    Sampling reads eps at the noisier latents, which inversion is only looking for. `ddim_invert` reads it at the
    cleaner ones instead; here it is read again at what that finds, and the step is taken anew.
    latents: (B, 4, h, w), clean, VP scale. Returns the trajectory, (steps + 1, B, 4, h, w), noisiest first.
    Source: Pan et al. 2023, arXiv:2309.04907, section 3.1, fixed-point iteration.
    """
    trajectory = [latents]
    for done, step in enumerate(schedule.up(model.alpha_bar), start=1):
        found = latents
        for _ in range(1 + corrections):
            (eps,) = model.predict_eps(found, step.timesteps(latents), [prompt])
            found = step.move(latents, eps)
        latents = found
        trajectory.append(latents)
        yield StepReport("inverting", done, schedule.steps, cost=1 + corrections, latents=latents)
    return torch.stack(trajectory[::-1])
