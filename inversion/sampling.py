"""Guided DDIM sampling, and the blend of prompts that timestep-aware sampling does it with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.ddim import Step
from ..diffusion.guidance import guide
from ..diffusion.report import StepReport, Steps
from .model import EpsModel, Prompt


def interpolate(target: Tensor, optimized: Tensor, alpha: float) -> Tensor:
    """alpha 0 is the optimised embedding, which reconstructs; 1 is the target. Values outside extrapolate.

    target, optimized: (1 or B, n, width).
    Source: Imagic, arXiv:2210.09276, eq. 3.
    """
    return alpha * target + (1 - alpha) * optimized


def prompt_at(prompts: Sequence[Prompt], step: Step) -> Prompt:
    """A step's own prompt, of one prompt for all steps or one for each step of the schedule."""
    return prompts[min(step.index, len(prompts) - 1)]


@dataclass(frozen=True)
class Guidance:
    """What every step is guided away from, and how strongly.

    uncond: one prompt, or one for each step. offsets: (steps, B, 4, h, w) from direct inversion, or None.
    """

    uncond: Sequence[Prompt]
    scale: float
    offsets: Tensor | None = None


@torch.no_grad()
def guided_step(model: EpsModel, latents: Tensor, step: Step, cond: Prompt, guidance: Guidance) -> Tensor:
    """Where one step of guided sampling leads. latents: (B, 4, h, w), VP scale."""
    uncond, timesteps = prompt_at(guidance.uncond, step), step.timesteps(latents)
    if guidance.scale == 1 or cond is uncond:  # nothing to guide away from: one evaluation
        (eps,) = model.predict_eps(latents, timesteps, [cond])
    else:
        eps_cond, eps_uncond = model.predict_eps(latents, timesteps, [cond, uncond])
        eps = guide(eps_cond, eps_uncond, guidance.scale)
    latents = step.move(latents, eps)
    if guidance.offsets is not None:
        latents = latents + guidance.offsets[step.index].to(latents)
    return latents


def sample(
    model: EpsModel, latents: Tensor, conds: Sequence[Prompt], guidance: Guidance, steps: Iterable[Step]
) -> Steps[Tensor]:
    """Deterministic DDIM sampling along the steps of a schedule, or along some that follow one another.

    latents: (B, 4, h, w), VP scale, at the noise level where the first step begins. conds: one prompt, or one for each
    step of the whole schedule.
    Returns latents at the level where the last step ends; after a whole schedule, clean ones.
    Source: the non-rigid editing paper's algorithm 1, sampling part.
    """
    steps = list(steps)
    for done, step in enumerate(steps, start=1):
        latents = guided_step(model, latents, step, prompt_at(conds, step), guidance)
        yield StepReport("sampling", done, len(steps), latents=latents)
    return latents
