"""Direct inversion: what guided sampling misses at each step is kept, and added back while sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.guidance import guide
from ..diffusion.report import StepReport, Steps
from .model import EpsModel, Prompt
from .reconstruction import Reconstruction
from .sampling import Guidance


@torch.no_grad()
def direct(
    model: EpsModel, trajectory: Tensor, cond: Prompt, guidance: Guidance, schedule: DDIMSchedule
) -> Steps[Reconstruction]:
    """Measures the distance between each pivot and where guided sampling from the one before it lands: the offsets.

    trajectory: (steps + 1, B, 4, h, w) from `ddim_invert`: its entries are the pivots. guidance: with one prompt.
    With the source prompt, sampling plus these offsets retraces the trajectory exactly. The paper adds them to a source
    branch beside the edited one; here one branch is sampled, which they hold to the picture.
    Source: Ju et al. 2023, arXiv:2310.01506, algorithm 1.
    """
    (uncond,) = guidance.uncond
    offsets = []
    for step, latents, pivot in zip(schedule.down(model.alpha_bar), trajectory, trajectory[1:], strict=False):
        eps_cond, eps_uncond = model.predict_eps(latents, step.timesteps(latents), [cond, uncond])
        offsets.append(pivot - step.move(latents, guide(eps_cond, eps_uncond, guidance.scale)))
        yield StepReport("measuring", step.index + 1, schedule.steps, latents=pivot)
    # by definition the offsets lead to the trajectory itself
    errors = [[0.0] * schedule.steps for _ in trajectory[-1]]
    return Reconstruction(trajectory[-1], errors, uncond.context[None], torch.stack(offsets))
