"""Imagic's text optimisation: the target prompt's embedding, moved until it describes the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..diffusion.pace import RATE_SCHEDULES, TIMESTEPS
from ..diffusion.process import add_noise
from ..diffusion.report import StepReport, Steps
from ..support.checks import LARGEST, LARGEST_SEED, PRECISIONS, choice, number, whole
from .backward import Backward, per_picture
from .model import EpsModel, Prompt

# The reference scales its loss by 65,536 and never back, which leaves Adam's updates alone but for its eps.
ADAM_EPS = 1e-8 / 65536
DRAWN = ("uniform", "golden_ratio")
"""How timesteps may be drawn: a step has too few of them to be stratified."""
LARGEST_BATCH = 4096


@dataclass(frozen=True, kw_only=True)
class TextOptimizationSettings:
    """batch_size: noise levels a step. precision: what the model computes in; read by who runs it.

    rate_schedule: how the learning rate falls. timesteps: how noise levels are drawn. The papers': constant, uniform.
    Raises: InputError when a value does not fit.
    """

    steps: int = 200
    learning_rate: float = 1e-3
    batch_size: int = 1
    seed: int = 0
    precision: str = "auto"
    rate_schedule: str = "constant"
    timesteps: str = "uniform"

    def __post_init__(self) -> None:
        whole("steps", self.steps, 0, LARGEST)
        number("learning_rate", self.learning_rate, above_zero=True)
        whole("batch_size", self.batch_size, 1, LARGEST_BATCH)
        whole("seed", self.seed, 0, LARGEST_SEED)
        choice("precision", self.precision, PRECISIONS)
        choice("rate_schedule", self.rate_schedule, tuple(RATE_SCHEDULES))
        choice("timesteps", self.timesteps, DRAWN)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.learning_rate * RATE_SCHEDULES[self.rate_schedule](step, self.steps)


class OptimizedText(NamedTuple):
    """embeds: (B, n, width). losses: each picture's at every step."""

    embeds: Tensor
    losses: list[list[float]]


@torch.no_grad()
def optimize_text(
    model: EpsModel, latents: Tensor, target: Prompt, settings: TextOptimizationSettings
) -> Steps[OptimizedText]:
    """All numbers of the target's encoding by Adam, on the plain noise-prediction loss; the model stays as it is.

    latents: (B, 4, h, w), clean, VP scale; each picture has its own embedding, as if it were alone.
    Not in inference mode, which knows no gradients.
    Raises: InputError when the loss is not finite.
    Source: Kawar et al. 2022, Imagic, arXiv:2210.09276, eq. 2; learning rate and steps of the non-rigid editing paper.
    """
    backward = Backward(model)
    leaf = target.context.detach().clone().expand(len(latents), -1, -1).clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=settings.learning_rate, eps=ADAM_EPS)
    history: list[Tensor] = []
    for done, batch in enumerate(_batches(model, latents, target, settings), start=1):
        optimizer.param_groups[0]["lr"] = settings.rate(done - 1)
        history.append(backward(batch.losses, leaf))
        optimizer.step()
        yield StepReport("learning", done, settings.steps, losses={"misfit": history[-1].mean().item()})
    return OptimizedText(leaf.detach(), torch.stack(history, 1).tolist() if history else [[] for _ in latents])


@dataclass(frozen=True)
class _NoisyBatch:
    """What one step looks at: every picture at the same drawn noise levels, one picture's after the other's.

    latents, noise: (B · batch, 4, h, w). timesteps: (B · batch,).
    """

    model: EpsModel
    target: Prompt
    latents: Tensor
    timesteps: Tensor
    noise: Tensor

    def losses(self, embeds: Tensor) -> Tensor:
        """Each picture's mean squared error of the predicted noise: (B,). embeds: (B, n, width)."""
        pictures = len(embeds)
        batch = len(self.latents) // pictures
        prompt = self.target.with_context(embeds.repeat_interleave(batch, 0))
        (eps,) = self.model.predict_eps(self.latents, self.timesteps, [prompt])
        return per_picture(eps - self.noise).view(pictures, batch).mean(1)


def _batches(
    model: EpsModel, latents: Tensor, target: Prompt, settings: TextOptimizationSettings
) -> Iterator[_NoisyBatch]:
    """Each step draws its timesteps, then its noise, for all pictures alike, from one CPU generator."""
    pictures, batch = len(latents), settings.batch_size
    generator = torch.Generator().manual_seed(settings.seed)
    clean = latents.repeat_interleave(batch, 0)
    draw = TIMESTEPS[settings.timesteps](batch, len(model.alpha_bar), generator)
    for _ in range(settings.steps):
        timesteps = next(draw).repeat(pictures)
        noise = torch.randn((batch, *clean.shape[1:]), generator=generator).repeat(pictures, 1, 1, 1).to(clean.device)
        timesteps = timesteps.to(clean.device)
        yield _NoisyBatch(model, target, add_noise(clean, noise, model.alpha_bar[timesteps]), timesteps, noise)
