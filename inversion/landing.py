"""One guided step of null-text inversion, as a function of its unconditional embeddings; and what a solver finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from ..diffusion.ddim import Step
from ..diffusion.guidance import guide
from .backward import per_picture
from .model import EpsModel, Prompt


@dataclass(frozen=True)
class Landing:
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


class Solved(NamedTuple):
    """embeds: (B, n, width). latents: where they land, (B, 4, h, w). updates: each picture's, (B,) int64."""

    embeds: Tensor
    latents: Tensor
    updates: Tensor
