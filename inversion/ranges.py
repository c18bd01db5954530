"""Timestep ranges that give each DDIM step its own prompt on the host's own samplers."""

from __future__ import annotations

import math

from ..diffusion.ddim import TRAIN_STEPS, DDIMSchedule

Range = tuple[float, float]


def step_ranges(schedule: DDIMSchedule) -> list[Range]:
    """(start, end) of every step, as shares of sampling (0 is noise, 1 clean), noisiest first.

    They touch and cover everything: a sampler with other noise levels takes the nearest step's. An edge lies half way
    between two timesteps and a little beyond, never on a whole one, so that no noise level has two prompts.
    """
    timesteps = schedule.timesteps
    edges = [
        1 - ((high + low) / 2 + 0.25) / (TRAIN_STEPS - 1) for high, low in zip(timesteps, timesteps[1:], strict=False)
    ]
    return list(zip([0.0, *edges], [*edges, 1.0], strict=True))


def split_range(schedule: DDIMSchedule, step: int) -> tuple[Range | None, Range | None]:
    """The shares of sampling before and from `step`; None for an empty one."""
    if step <= 0:
        return None, (0.0, 1.0)
    if step >= schedule.steps:
        return (0.0, 1.0), None
    edge = step_ranges(schedule)[step][0]
    return (0.0, edge), (edge, 1.0)


def stock_start(schedule: DDIMSchedule) -> int:
    """Where a stock sampler has to start (KSampler Advanced's start_at_step) to take this schedule's steps.

    At numbers that do not divide 1000, the host's ddim_uniform has one step or more before ours: it counts from the
    clean end for as long as there is noise.
    """
    return math.ceil((TRAIN_STEPS - 1) / schedule.spacing) - schedule.steps
