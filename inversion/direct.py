"""Direct inversion: what guided sampling misses at each step is kept, and added back while sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule, ddim_step
from ..diffusion.guidance import guide
from .ddim import at
from .prompts import OnStep, PredictEps, Prompt, nothing


@torch.no_grad()
def direct_offsets(
    predict_eps: PredictEps,
    trajectory: Tensor,
    cond: Prompt,
    uncond: Prompt,
    schedule: DDIMSchedule,
    alpha_bar: Tensor,
    guidance_scale: float,
    on_step: OnStep = nothing,
) -> Tensor:
    """The distance between each pivot and where guided sampling from the one before it lands: (steps, B, 4, h, w).

    With the source prompt, sampling plus these offsets retraces the trajectory exactly. The paper adds them to a source
    branch beside the edited one; here one branch is sampled, which they hold to the picture.
    Source: Ju et al. 2023, arXiv:2310.01506, algorithm 1.
    """
    levels = schedule.levels(alpha_bar)
    offsets = []
    for i, timestep in enumerate(schedule.timesteps):
        latents = trajectory[i]
        eps_cond, eps_uncond = predict_eps(latents, at(timestep, latents), [cond, uncond])
        offsets.append(
            trajectory[i + 1]
            - ddim_step(latents, guide(eps_cond, eps_uncond, guidance_scale), levels[i], levels[i + 1])
        )
        on_step(i + 1, trajectory[i + 1])
    return torch.stack(offsets)
