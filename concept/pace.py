"""Which noise levels a training sees, and how its learning rate goes. Uniform and constant are the paper's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TIMESTEPS = ("uniform", "stratified")
RATE_SCHEDULES = ("constant", "cosine")


def draw_timesteps(kind: str, count: int, levels: int, generator: torch.Generator) -> Tensor:
    """One timestep a sample, (count,) int64 in 0 … levels - 1; each is equally likely for each step's mean.

    kind: "uniform", each by itself; "stratified", one from each of `count` equal ranges, so that no step sees only
    clean or only noisy pictures, and the gradient's variance is lower.
    """
    if kind == "uniform":
        return torch.randint(0, levels, (count,), generator=generator)
    within = torch.rand(count, generator=generator)
    return ((torch.arange(count) + within) * levels / count).long().clamp(max=levels - 1)


def rate_at(schedule: str, rate: float, step: int, steps: int) -> float:
    """The learning rate of a step, 0 … steps - 1. "cosine" falls from `rate` to nothing along half a wave, and is half
    of it on average."""
    if schedule == "constant":
        return rate
    return rate * (1 + math.cos(math.pi * (step + 0.5) / steps)) / 2
