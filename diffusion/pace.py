"""Which noise levels an optimisation sees, and how its learning rate goes. Uniform and constant are the papers'."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

GOLDEN_RATIO = (math.sqrt(5) - 1) / 2

Draw = Callable[[int, int, torch.Generator], Iterator[Tensor]]
"""(count, noise levels, generator): the timesteps of each step, (count,) int64 in 0 … levels - 1, without end."""


def _uniform(count: int, levels: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Each by itself."""
    while True:
        yield torch.randint(0, levels, (count,), generator=generator)


def _stratified(count: int, levels: int, generator: torch.Generator) -> Iterator[Tensor]:
    """One from each of `count` equal ranges, so that no step sees only clean or only noisy pictures, and the gradient's
    variance is lower."""
    while True:
        within = torch.rand(count, generator=generator)
        yield ((torch.arange(count) + within) * levels / count).long().clamp(max=levels - 1)


def _golden_ratio(count: int, levels: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Each timestep lies the golden ratio beyond the one before, round and round, so that any number of them in a row
    is spread over all levels. The first is drawn."""
    place = torch.rand(1, dtype=torch.float64, generator=generator)
    while True:
        places = place + GOLDEN_RATIO * torch.arange(count, dtype=torch.float64)
        yield (places.frac() * levels).long()
        place = place + GOLDEN_RATIO * count


TIMESTEPS: dict[str, Draw] = {"uniform": _uniform, "stratified": _stratified, "golden_ratio": _golden_ratio}

Schedule = Callable[[int, int], float]
"""(step, steps): the share of the learning rate that a step has, 0 … steps - 1."""
RATE_SCHEDULES: dict[str, Schedule] = {
    "constant": lambda step, steps: 1.0,
    "cosine": lambda step, steps: (1 + math.cos(math.pi * step / steps)) / 2,  # as torch's CosineAnnealingLR
}
