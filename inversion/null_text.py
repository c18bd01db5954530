"""Null-text inversion: one unconditional embedding a step, optimised until guided sampling retraces the inversion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule, Step
from ..diffusion.guidance import guide
from ..diffusion.report import StepReport, Steps
from ..support.checks import number, whole
from .backward import Backward, per_picture
from .model import EpsModel, Prompt
from .reconstruction import Reconstruction
from .sampling import Guidance

TOLERANCE_PER_STEP = 2e-5  # the reference asks less of later steps
SLOWEST = 0.01


@dataclass(frozen=True, kw_only=True)
class NullTextSettings:
    """How each step's embeddings are optimised.

    inner_steps: the most updates a step. learning_rate: Adam's, at the first step.
    tolerance: stop a step's updates when its loss is below it; grows with the step.
    Raises: InputError when a value does not fit.
    """

    inner_steps: int = 10
    learning_rate: float = 1e-2
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        whole("inner_steps", self.inner_steps, 1)
        number("learning_rate", self.learning_rate, above_zero=True)
        number("tolerance", self.tolerance)

    @property
    def cost(self) -> int:
        """What a step counts beside one of sampling: an update is a forward and a backward."""
        return 3 * self.inner_steps

    def rate(self, index: int) -> float:
        """The reference's 1 - i/100, written for 50 steps; beyond 100 it would turn negative, so there it stays
        small."""
        return self.learning_rate * max(1 - index / 100, SLOWEST)

    def enough(self, index: int) -> float:
        """The loss below which the updates of step `index` stop."""
        return self.tolerance + index * TOLERANCE_PER_STEP


@torch.no_grad()
def null_text(
    model: EpsModel,
    trajectory: Tensor,
    cond: Prompt,
    guidance: Guidance,
    schedule: DDIMSchedule,
    settings: NullTextSettings,
) -> Steps[Reconstruction]:
    """Optimises the unconditional embedding of every step, each picture's on its own.

    trajectory: (steps + 1, B, 4, h, w) from `ddim_invert`: its entries are the pivots.
    guidance: its one prompt is what the embeddings start from. Not in inference mode, which knows no gradients.
    Raises: InputError when a loss is not finite.
    Source: Mokady et al. 2022, arXiv:2211.09794, algorithm 1; the early stop after the update is the public code's.
    """
    (uncond,) = guidance.uncond
    backward, latents = Backward(model), trajectory[0]
    embeds = uncond.context.detach().clone().expand(len(latents), -1, -1)
    optimized, errors, updates = [], [], []
    for step, pivot in zip(schedule.down(model.alpha_bar), trajectory[1:], strict=True):
        (eps_cond,) = model.predict_eps(latents, step.timesteps(latents), [cond])
        landing = _Landing(model, step, latents, eps_cond, uncond, guidance.scale, pivot)
        embeds, count = _optimise(landing, embeds, settings, backward)
        latents = landing.at(embeds)
        optimized.append(embeds)
        errors.append(per_picture(latents - pivot))
        updates.append(count)
        distance = {"distance": errors[-1].max().item()}
        yield StepReport("optimising", step.index + 1, schedule.steps, settings.cost, distance, latents)
    return Reconstruction(
        latents, torch.stack(errors, 1).tolist(), torch.stack(optimized), inner_steps=torch.stack(updates, 1).tolist()
    )


@dataclass(frozen=True)
class _Landing:
    """One guided step whose conditional prediction is known: where unconditional embeddings make it land."""

    model: EpsModel
    step: Step
    latents: Tensor
    eps_cond: Tensor
    uncond: Prompt
    guidance_scale: float
    pivot: Tensor

    def at(self, embeds: Tensor) -> Tensor:
        """(B, 4, h, w). embeds: (B, n, width)."""
        timesteps = self.step.timesteps(self.latents)
        (eps_uncond,) = self.model.predict_eps(self.latents, timesteps, [self.uncond.with_context(embeds)])
        return self.step.move(self.latents, guide(self.eps_cond, eps_uncond, self.guidance_scale))

    def losses(self, embeds: Tensor) -> Tensor:
        """Each picture's mean squared distance from its pivot: (B,)."""
        return per_picture(self.at(embeds) - self.pivot)


def _optimise(
    landing: _Landing, start: Tensor, settings: NullTextSettings, backward: Backward
) -> tuple[Tensor, Tensor]:
    """One step's embeddings and numbers of updates: update first, then stop if the loss was low enough.

    Adam treats every number by itself, so that pictures optimised together get what each would get alone; one that has
    stopped keeps its embedding.
    """
    leaf = start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=settings.rate(landing.step.index))
    going = torch.ones(len(leaf), dtype=torch.bool, device=leaf.device)
    updates = torch.zeros_like(going, dtype=torch.int64)
    for _ in range(settings.inner_steps):
        before = leaf.detach().clone()
        losses = backward(landing.losses, leaf)
        optimizer.step()
        leaf.copy_(torch.where(going[:, None, None], leaf, before))
        updates = updates + going
        going = going & ~(losses < settings.enough(landing.step.index))
        if not (going.any() and backward.acts):
            break
    return leaf.detach(), updates
