"""The way back: guided sampling from an inversion's noise, held against the way up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.report import StepReport, Steps
from .backward import per_picture
from .model import EpsModel, Prompt
from .sampling import Guidance, guided_step


@dataclass(frozen=True)
class Reconstruction:
    """How a picture is sampled again, and how well that goes.

    latents: (B, 4, h, w), where sampling ends. errors: each picture's mean squared distance from the trajectory after
        each step.
    uncond_embeds: what to guide away from: (steps, B, n, width), or (1, 1 or B, n, width) for all steps.
    offsets: (steps, B, 4, h, w) to add after each step, or None.
    inner_steps: each picture's updates of the embeddings at each step; None where nothing is optimised.
    """

    latents: Tensor
    errors: list[list[float]]
    uncond_embeds: Tensor
    offsets: Tensor | None = None
    inner_steps: list[list[int]] | None = None


def reconstruct(
    model: EpsModel, trajectory: Tensor, cond: Prompt, guidance: Guidance, schedule: DDIMSchedule
) -> Steps[Reconstruction]:
    """Samples as the guidance is, with nothing optimised or measured.

    trajectory: (steps + 1, B, 4, h, w) from `ddim_invert`. guidance: with one prompt for all steps.
    """
    (uncond,) = guidance.uncond
    latents, errors = trajectory[0], []
    for step, pivot in zip(schedule.down(model.alpha_bar), trajectory[1:], strict=True):
        latents = guided_step(model, latents, step, cond, guidance)
        errors.append(per_picture(latents - pivot))
        distance = {"distance": errors[-1].max().item()}
        yield StepReport("reconstructing", step.index + 1, schedule.steps, losses=distance, latents=latents)
    return Reconstruction(latents, torch.stack(errors, 1).tolist(), uncond.context[None])
