"""Timestep-aware edits of one inversion: the source prompt in the first steps, the edited one in the rest. Many of them
share the steps that they have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.report import Steps, counted
from ..support.checks import share, within
from .model import EpsModel, Prompt
from .sampling import Guidance, interpolate, sample
from .together import sample_together

LARGEST_ALPHA = 1000  # far beyond what any edit looks like, and far below what overflows


@dataclass(frozen=True)
class Cell:
    """One edit: how far towards the target, and for how much of sampling the source prompt holds.

    Raises: InputError when alpha is no number from -1000 to 1000, or source_ratio not in [0, 1].
    """

    alpha: float
    source_ratio: float

    def __post_init__(self) -> None:
        within("alpha", self.alpha, LARGEST_ALPHA)
        share("source_ratio", self.source_ratio)

    def source_steps(self, steps: int) -> int:
        """How many of the first steps the source prompt takes, rounded to whole steps."""
        return math.floor(self.source_ratio * steps + 0.5 + 1e-9)  # 0.29 of 50 is 14.4999… in binary


def cells_of(alphas: Sequence[float], source_ratios: Sequence[float]) -> list[Cell]:
    """Row by row: a row is a source ratio, a column an alpha."""
    return [Cell(alpha, ratio) for ratio in source_ratios for alpha in alphas]


@dataclass(frozen=True)
class _Route:
    """What tells two edits apart: the steps with the source prompt, and alpha, which has no say if these are all."""

    source_steps: int
    alpha: float | None


def _routes(cells: Sequence[Cell], steps: int) -> list[_Route]:
    """Each cell's, in order."""
    counts = [cell.source_steps(steps) for cell in cells]
    return [_Route(n, None if n == steps else cell.alpha) for n, cell in zip(counts, cells, strict=True)]


def steps_needed(cells: Sequence[Cell], steps: int) -> int:
    """Sampling steps for all cells together."""
    routes = set(_routes(cells, steps))
    return max((route.source_steps for route in routes), default=0) + sum(steps - r.source_steps for r in routes)


@dataclass(frozen=True)
class EditPrompts:
    """source: what the picture was inverted with. target: what it shall become. optimized: where alpha 0 is."""

    source: Prompt
    target: Prompt
    optimized: Prompt

    def edited(self, alpha: float | None) -> Prompt:
        """The blend of an alpha; None where the source prompt takes all steps."""
        if alpha is None:
            return self.source
        return self.target.with_context(interpolate(self.target.context, self.optimized.context, alpha))


@dataclass(frozen=True)
class GridSampler:
    """How edits are sampled. at_once: how many of one ratio share an evaluation, which changes rounding; more than 1
    for one picture alone."""

    model: EpsModel
    guidance: Guidance
    schedule: DDIMSchedule
    at_once: int = 1

    def sample(self, noise_latents: Tensor, prompts: EditPrompts, cells: Sequence[Cell]) -> Steps[list[Tensor]]:
        """The clean latents of every cell, (B, 4, h, w) each, in order; the reports count up to `steps_needed`.

        The source prompt's steps are walked once, as far as the largest ratio; every cell leaves them where its ratio
        says. Cells that come to the same are sampled once.
        """
        routes = _routes(cells, self.schedule.steps)
        return counted(self._walk(noise_latents, prompts, routes), steps_needed(cells, self.schedule.steps))

    def _walk(self, latents: Tensor, prompts: EditPrompts, routes: Sequence[_Route]) -> Steps[list[Tensor]]:
        begun = yield from self._walk_source(latents, prompts.source, {route.source_steps for route in routes})
        edited: dict[_Route, Tensor] = {}
        for group in _groups(routes, self.at_once):
            first, conds = group[0].source_steps, [prompts.edited(route.alpha) for route in group]
            edited |= zip(group, (yield from self._edit(begun[first], conds, first)), strict=True)
        return [edited[route] for route in routes]

    def _edit(self, latents: Tensor, conds: Sequence[Prompt], first: int) -> Steps[list[Tensor]]:
        """The edits of prompts from step `first` on."""
        steps = self.schedule.down(self.model.alpha_bar, first)
        if len(conds) > 1:
            return (yield from sample_together(self.model, latents, conds, self.guidance, steps))
        return [(yield from sample(self.model, latents, conds, self.guidance, steps))]

    def _walk_source(self, latents: Tensor, source: Prompt, stops: Iterable[int]) -> Steps[dict[int, Tensor]]:
        """The latents after each number of steps in `stops` with the source prompt alone."""
        reached, first = {}, 0
        for stop in sorted(stops):
            steps = self.schedule.down(self.model.alpha_bar, first, stop)
            latents = yield from sample(self.model, latents, [source], self.guidance, steps)
            reached[stop], first = latents, stop
        return reached


def _groups(routes: Sequence[_Route], at_once: int) -> list[list[_Route]]:
    """Each different route once, in order, as many of those that begin together as may be sampled at once."""
    together: dict[int, list[_Route]] = {}
    for route in dict.fromkeys(routes):
        together.setdefault(route.source_steps, []).append(route)
    return [row[i : i + at_once] for row in together.values() for i in range(0, len(row), at_once)]
