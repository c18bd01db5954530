"""What an algorithm hands out after each of its steps. Who runs it shows the report, or stops there to cancel."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class StepReport:
    """One finished step.

    phase: learning, inverting, optimising, measuring, reconstructing or sampling.
    step: how many of the phase's `steps` are done. cost: what the step counts beside others of the same run.
    losses: of this step, by the name of a loss term. latents: (B, 4, h, w), to show the first of.
    past: the step was taken in an earlier run, which is gone on from.
    """

    phase: str
    step: int
    steps: int
    cost: int = 1
    losses: Mapping[str, float] = field(default_factory=dict)
    latents: Tensor | None = None
    past: bool = False


Steps = Generator[StepReport, None, T]
"""An algorithm: yields a report a step, and returns its result (`result = yield from algorithm`)."""


def result_of(algorithm: Steps[T]) -> T:
    """Runs an algorithm to its end for the result alone."""
    while True:
        try:
            next(algorithm)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def counted(algorithm: Steps[T], steps: int) -> Steps[T]:
    """An algorithm of several parts, its reports counted through by their costs, up to `steps`."""
    done = 0
    while True:
        try:
            report = next(algorithm)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        done += report.cost
        yield replace(report, step=done, steps=steps)
