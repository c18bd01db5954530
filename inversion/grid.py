"""Many edits of one inversion, sharing the steps that they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from .prompts import OnStep, PredictEps, Prompt, nothing
from .sampling import Guidance, interpolate, sample, source_steps


@dataclass(frozen=True)
class Cell:
    """One edit: how far towards the target, and for how much of sampling the source prompt holds."""

    alpha: float
    source_ratio: float


def cells_of(alphas: Sequence[float], source_ratios: Sequence[float]) -> list[Cell]:
    """Row by row: a row is a source ratio, a column an alpha."""
    return [Cell(alpha, ratio) for ratio in source_ratios for alpha in alphas]


def steps_needed(cells: Sequence[Cell], steps: int) -> int:
    """Sampling steps for all cells together."""
    injected = {cell: source_steps(steps, cell.source_ratio) for cell in cells}
    different = {(None if injected[cell] == steps else cell.alpha, injected[cell]) for cell in cells}
    return max(injected.values(), default=0) + sum(steps - count for _, count in different)


def sample_grid(
    predict_eps: PredictEps,
    noise_latents: Tensor,
    source: Prompt,
    target: Prompt,
    optimized: Prompt,
    cells: Sequence[Cell],
    guidance: Guidance,
    schedule: DDIMSchedule,
    alpha_bar: Tensor,
    on_step: OnStep = nothing,
) -> list[Tensor]:
    """The clean latents of every cell, (B, 4, h, w) each, in order.

    The source prompt's steps are walked once, as far as the largest ratio; every cell leaves them where its ratio says.
    Cells that come to the same are sampled once. on_step counts up to `steps_needed`.
    """
    done = 0

    def count(_step: int, latents: Tensor) -> None:
        nonlocal done
        done += 1
        on_step(done, latents)

    injected = [source_steps(schedule.steps, cell.source_ratio) for cell in cells]
    begun: dict[int, Tensor] = {}
    latents, here = noise_latents, 0
    for stop in sorted(set(injected)):
        latents = sample(predict_eps, latents, lambda _: source, guidance, schedule, alpha_bar, here, stop, count)
        begun[stop], here = latents, stop
    finished: dict[tuple[float | None, int], Tensor] = {}
    out = []
    for cell, first in zip(cells, injected, strict=True):
        key = (None if first == schedule.steps else cell.alpha, first)
        if key not in finished:
            edited = target.with_context(interpolate(target.context, optimized.context, cell.alpha))
            finished[key] = sample(
                predict_eps,
                begun[first],
                lambda _, edited=edited: edited,
                guidance,
                schedule,
                alpha_bar,
                first,
                None,
                count,
            )  # type: ignore[misc]
        out.append(finished[key])
    return out
