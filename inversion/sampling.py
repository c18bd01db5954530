"""Timestep-aware sampling: the source prompt in the first steps, between the optimised and the target prompt
afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule, ddim_step
from ..diffusion.guidance import guide
from ..support.errors import InputError
from .ddim import at
from .prompts import OnStep, PredictEps, Prompt, nothing


def interpolate(target: Tensor, optimized: Tensor, alpha: float) -> Tensor:
    """alpha 0 is the optimised embedding, which reconstructs; 1 is the target. Values outside extrapolate.

    target, optimized: (1 or B, n, width).
    Source: Imagic, arXiv:2210.09276, eq. 3.
    """
    return alpha * target + (1 - alpha) * optimized


def source_steps(steps: int, source_ratio: float) -> int:
    """How many of the first steps the source prompt takes, rounded to whole steps.

    Raises: InputError for a ratio outside [0, 1].
    """
    if not 0 <= source_ratio <= 1:
        raise InputError(
            f"`source_ratio` is {source_ratio}; it is a share of the steps, from 0 to 1: change `source_ratio`."
        )
    return math.floor(source_ratio * steps + 0.5 + 1e-9)  # 0.29 of 50 is 14.4999… in binary


def check_alpha(alpha: float) -> float:
    """Raises: InputError when alpha is not a finite number."""
    if not math.isfinite(alpha):
        raise InputError(f"`alpha` is {alpha}; it must be a number: change `alpha`.")
    return alpha


@dataclass(frozen=True)
class Guidance:
    """What every step is guided away from, and how strongly.

    uncond: one prompt, or one for each step. offsets: (steps, B, 4, h, w) from direct inversion, or None.
    """

    uncond: Sequence[Prompt]
    scale: float
    offsets: Tensor | None = None

    def uncond_at(self, step: int) -> Prompt:
        return self.uncond[min(step, len(self.uncond) - 1)]


@torch.no_grad()
def sample(
    predict_eps: PredictEps,
    latents: Tensor,
    cond_at: Callable[[int], Prompt],
    guidance: Guidance,
    schedule: DDIMSchedule,
    alpha_bar: Tensor,
    first: int = 0,
    last: int | None = None,
    on_step: OnStep = nothing,
) -> Tensor:
    """Deterministic DDIM sampling, steps `first` up to but not including `last`.

    latents: (B, 4, h, w), VP scale, at the noise level of step `first`. cond_at(step): the prompt of a step.
    Returns latents at the level where step `last` would begin; after all steps, clean ones.
    Source: the non-rigid editing paper's algorithm 1, sampling part.
    """
    timesteps, levels = schedule.timesteps, schedule.levels(alpha_bar)
    for i in range(first, schedule.steps if last is None else last):
        cond, uncond = cond_at(i), guidance.uncond_at(i)
        t = at(timesteps[i], latents)
        if guidance.scale == 1 or cond is uncond:  # nothing to guide away from: one evaluation
            (eps,) = predict_eps(latents, t, [cond])
        else:
            eps_cond, eps_uncond = predict_eps(latents, t, [cond, uncond])
            eps = guide(eps_cond, eps_uncond, guidance.scale)
        latents = ddim_step(latents, eps, levels[i], levels[i + 1])
        if guidance.offsets is not None:
            latents = latents + guidance.offsets[i].to(latents)
        on_step(i + 1, latents)
    return latents
