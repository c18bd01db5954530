"""DDIM: its timesteps, and one step along its ODE in either direction, or with part of the noise drawn anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..support.checks import share, whole
from .process import add_noise, x0_from_eps

TRAIN_STEPS = 1000


@dataclass(frozen=True)
class Step:
    """One step along the schedule.

    index: its number in sampling's order, 0 is the noisiest, whichever way it goes.
    timestep: what the model is told. alpha_bar_from, alpha_bar_to: scalar tensors, the levels that it goes between.
    eta: the share of DDPM's fresh noise for which `move` leaves room; 0 along the ODE.
    """

    index: int
    timestep: int
    alpha_bar_from: Tensor
    alpha_bar_to: Tensor
    eta: float = 0.0

    def timesteps(self, latents: Tensor) -> Tensor:
        """The timestep for every picture of latents (B, …): (B,) int64."""
        return torch.full((len(latents),), self.timestep, dtype=torch.int64, device=latents.device)

    def move(self, latents: Tensor, eps: Tensor) -> Tensor:
        """`ddim_step` between this step's levels: the mean of where it leads, if noise comes on top."""
        return ddim_step(latents, eps, self.alpha_bar_from, self.alpha_bar_to, self.eta)


@dataclass(frozen=True)
class DDIMSchedule:
    """DDIM's timesteps, "leading" spacing, as Stable Diffusion is sampled with.

    steps: 1…999. A number that does not divide 1000 rounds the spacing down, as diffusers does: 30 gives 958, 925, …,
        1.
    offset: added to each timestep. 1 is Stable Diffusion's (981, 961, …, 1 for 50 steps); with 0 the last step
        (980, …, 0) changes nothing.
    eta: how much of sampling's noise is drawn anew at each step: 0 none (DDIM), 1 as much as DDPM draws.
    Raises: InputError when a value does not fit.
    """

    steps: int = 50
    offset: int = 1
    eta: float = 0.0

    def __post_init__(self) -> None:
        whole("steps", self.steps, 1, TRAIN_STEPS - 1)
        whole("steps_offset", self.offset, 0, 1)
        share("eta", self.eta)

    @property
    def spacing(self) -> int:
        """How far two timesteps lie apart."""
        return TRAIN_STEPS // self.steps

    @property
    def timesteps(self) -> list[int]:
        """Noisiest first: `steps` of them. Sampling's step i starts at the noise level of timesteps[i]."""
        return [i * self.spacing + self.offset for i in reversed(range(self.steps))]

    def levels(self, alpha_bar: Tensor) -> Tensor:
        """alpha_bar at each level of the trajectory, noisiest first: (steps + 1,) float32.

        alpha_bar: (1000,). The clean end is alpha_bar[0] and not 1: latents of a picture count as its noise level
        (`set_alpha_to_one=False`, Stable Diffusion's own setting).
        """
        return torch.cat([alpha_bar[torch.tensor(self.timesteps)], alpha_bar[:1]])

    def down(self, alpha_bar: Tensor, first: int = 0, stop: int | None = None) -> Iterator[Step]:
        """Sampling's steps, noisiest first: number `first` up to but not including `stop` (None: to the clean end).

        alpha_bar: (1000,).
        """
        levels = self.levels(alpha_bar)
        for i, timestep in list(enumerate(self.timesteps))[first:stop]:
            yield Step(i, timestep, levels[i], levels[i + 1], self.eta)

    def up(self, alpha_bar: Tensor) -> Iterator[Step]:
        """Inversion's steps, cleanest first, each with the timestep of the *noisier* level that it leads to.

        alpha_bar: (1000,).
        """
        for step in reversed(list(self.down(alpha_bar))):
            yield Step(step.index, step.timestep, step.alpha_bar_to, step.alpha_bar_from)


def ddpm_variance(alpha_bar_from: Tensor, alpha_bar_to: Tensor) -> Tensor:
    """The variance of the noise that DDPM draws between two levels: scalar tensors in (0, 1).

    Source: Song et al. 2021, arXiv:2010.02502, eq. 16 with eta = 1.
    """
    return (1 - alpha_bar_to) / (1 - alpha_bar_from) * (1 - alpha_bar_from / alpha_bar_to)


def ddim_step(latents: Tensor, eps: Tensor, alpha_bar_from: Tensor, alpha_bar_to: Tensor, eta: float = 0.0) -> Tensor:
    """Moves latents along the DDIM ODE: to a noisier level inverts, to a cleaner one samples.

    latents, eps: (B, 4, h, w), float32, VP scale.
    alpha_bar_from, alpha_bar_to: scalar tensors in (0, 1].
    eta: above 0, to a cleaner level: the mean, to which noise of variance eta² `ddpm_variance` is to be added.
    Source: Song et al. 2021, arXiv:2010.02502, eq. 12 with sigma_t = eta sqrt(`ddpm_variance`).
    """
    x0 = x0_from_eps(latents, eps, alpha_bar_from)
    if eta == 0:
        return add_noise(x0, eps, alpha_bar_to)
    drawn = eta**2 * ddpm_variance(alpha_bar_from, alpha_bar_to)
    return alpha_bar_to.sqrt() * x0 + (1 - alpha_bar_to - drawn).sqrt() * eps
