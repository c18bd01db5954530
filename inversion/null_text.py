"""Null-text inversion: one unconditional embedding a step, optimised until guided sampling retraces the inversion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule, ddim_step
from ..diffusion.guidance import guide
from ..support.errors import InputError
from .ddim import at
from .prompts import PredictEps, Prompt
from .stepping import NO_ROOM, Backward, Room, per_picture

TOLERANCE_PER_STEP = 2e-5  # the reference asks less of later steps
SLOWEST = 0.01


@dataclass(frozen=True)
class NullTextSettings:
    """learning_rate: Adam's, at the first step. tolerance: stop a step's updates when its loss is below it; grows with
    the step.

    Raises: InputError when a value does not fit.
    """

    inner_steps: int = 10
    learning_rate: float = 1e-2
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        if self.inner_steps < 1:
            raise InputError(
                f"`inner_steps` is {self.inner_steps}; null-text needs at least 1: change `inner_steps`, or `method`."
            )
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"`learning_rate` is {self.learning_rate}; it must be above 0: change `learning_rate`.")
        if not self.tolerance >= 0:
            raise InputError(f"`tolerance` is {self.tolerance}; it must be 0 or more: change `tolerance`.")

    def rate(self, step: int) -> float:
        """The reference's 1 - i/100, written for 50 steps; beyond 100 it would turn negative, so there it stays
        small."""
        return self.learning_rate * max(1 - step / 100, SLOWEST)


@dataclass(frozen=True)
class NullText:
    """embeds: (steps, B, n, width), noisiest step first. latents: (B, 4, h, w), where guided sampling with them ends.

    errors: each picture's mean squared distance from the pivot after each step. inner_steps: each picture's updates at
        each step.
    """

    embeds: Tensor
    latents: Tensor
    errors: list[list[float]]
    inner_steps: list[list[int]]


def null_text(
    predict_eps: PredictEps,
    trajectory: Tensor,
    cond: Prompt,
    uncond: Prompt,
    schedule: DDIMSchedule,
    alpha_bar: Tensor,
    guidance_scale: float,
    settings: NullTextSettings,
    room: Room = NO_ROOM,
    on_step: Callable[[int, Tensor, float], None] | None = None,
) -> NullText:
    """Optimises the unconditional embedding of every step, each picture's on its own.

    trajectory: (steps + 1, B, 4, h, w) from `ddim_invert`: its entries are the pivots.
    cond, uncond: the source prompt, and what the embeddings start from. Grad mode must be allowed.
    on_step(steps done, latents, the largest loss) may raise to cancel.
    Raises: InputError when a loss is not finite.
    Source: Mokady et al. 2022, arXiv:2211.09794, algorithm 1; the early stop after the update is the public code's.
    """
    levels = schedule.levels(alpha_bar)
    backward, latents = Backward(room), trajectory[0]
    embeds = uncond.context.detach().clone().expand(len(latents), -1, -1)
    kept: list[Tensor] = []
    errors: list[Tensor] = []
    updates: list[Tensor] = []
    for i, timestep in enumerate(schedule.timesteps):
        step = _Step(
            predict_eps, latents, at(timestep, latents), cond, uncond, levels[i], levels[i + 1], guidance_scale
        )
        embeds, losses, used = _optimise(step, embeds, trajectory[i + 1], settings, i, backward)
        with torch.no_grad():
            latents = step.land(embeds)
        kept.append(embeds)
        errors.append(per_picture(latents - trajectory[i + 1]))
        updates.append(used)
        if on_step is not None:
            on_step(i + 1, latents, losses.max().item())
    return NullText(torch.stack(kept), latents, torch.stack(errors, 1).tolist(), torch.stack(updates, 1).tolist())


class _Step:
    """One guided sampling step whose conditional prediction is known."""

    def __init__(
        self,
        predict_eps: PredictEps,
        latents: Tensor,
        timesteps: Tensor,
        cond: Prompt,
        uncond: Prompt,
        alpha_bar_from: Tensor,
        alpha_bar_to: Tensor,
        guidance_scale: float,
    ) -> None:
        self.predict_eps, self.latents, self.timesteps, self.uncond = predict_eps, latents, timesteps, uncond
        self.alpha_bar_from, self.alpha_bar_to, self.guidance_scale = alpha_bar_from, alpha_bar_to, guidance_scale
        with torch.no_grad():
            (self.eps_cond,) = predict_eps(latents, timesteps, [cond])

    def land(self, embeds: Tensor) -> Tensor:
        """Where the step leads with these unconditional embeddings."""
        (eps_uncond,) = self.predict_eps(self.latents, self.timesteps, [self.uncond.with_context(embeds)])
        return ddim_step(
            self.latents, guide(self.eps_cond, eps_uncond, self.guidance_scale), self.alpha_bar_from, self.alpha_bar_to
        )


def _optimise(
    step: _Step, start: Tensor, pivot: Tensor, settings: NullTextSettings, number: int, backward: Backward
) -> tuple[Tensor, Tensor, Tensor]:
    """One step's embeddings, last losses and numbers of updates: update first, then stop if the loss was low enough.

    Adam treats every number by itself, so that pictures optimised together get what each would get alone; one that has
    stopped keeps its embedding.
    """
    leaf = start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=settings.rate(number))
    enough = settings.tolerance + number * TOLERANCE_PER_STEP
    going = torch.ones(len(leaf), dtype=torch.bool, device=leaf.device)
    losses, used = (
        torch.zeros(len(leaf), device=leaf.device),
        torch.zeros(len(leaf), dtype=torch.int64, device=leaf.device),
    )
    for _ in range(settings.inner_steps):
        before = leaf.detach().clone()
        found = backward(lambda: per_picture(step.land(leaf) - pivot), leaf)
        optimizer.step()
        with torch.no_grad():
            leaf.copy_(torch.where(going[:, None, None], leaf, before))
        losses, used = torch.where(going, found, losses), used + going
        going = going & ~(found < enough)
        if not going.any():
            break
    return leaf.detach(), losses, used
