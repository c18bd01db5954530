from __future__ import annotations

import math

import pytest
import torch

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.grid import Cell, cells_of, sample_grid, steps_needed
from single_image_studio.inversion.sampling import Guidance, check_alpha, interpolate, sample, source_steps
from single_image_studio.support.errors import InputError

from ..helpers.toy import ALPHA_BAR, ToyModel, picture, prompt

SCHEDULE = DDIMSchedule(10)


def timestep_aware(source, edited, steps: int, ratio: float):  # type: ignore[no-untyped-def]
    """The prompt of every step, as the paper has it: what the grid's shared walk must come to."""
    injected = source_steps(steps, ratio)
    return lambda step: source if step < injected else edited


def test_interpolation_ends_and_beyond() -> None:
    target, optimized = torch.tensor([[[4.0]]]), torch.tensor([[[2.0]]])
    assert [interpolate(target, optimized, a).item() for a in (0, 0.5, 1, 2, -1)] == [2, 3, 4, 6, 0]


@pytest.mark.parametrize(("ratio", "expected"), [(0, 0), (0.1, 5), (0.2, 10), (0.29, 15), (0.5, 25), (1, 50)])
def test_source_steps(ratio: float, expected: int) -> None:
    assert source_steps(50, ratio) == expected


@pytest.mark.parametrize("ratio", [-0.1, 1.01, math.nan])
def test_a_ratio_outside_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match="`source_ratio`"):
        source_steps(50, ratio)


@pytest.mark.parametrize("alpha", [math.nan, math.inf])
def test_an_alpha_that_is_no_number_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match="`alpha`"):
        check_alpha(alpha)


def test_ratio_one_is_the_source_alone_and_zero_the_edit_alone() -> None:
    source, edited, guidance = prompt(1), prompt(2), Guidance([prompt(3)], 3.0)
    model = ToyModel()

    def run(cond_at):  # type: ignore[no-untyped-def]
        return sample(model.predict_eps, picture(), cond_at, guidance, SCHEDULE, ALPHA_BAR)

    assert torch.equal(run(timestep_aware(source, edited, 10, 1)), run(lambda _: source))
    assert torch.equal(run(timestep_aware(source, edited, 10, 0)), run(lambda _: edited))
    assert not torch.equal(run(timestep_aware(source, edited, 10, 0.5)), run(lambda _: edited))


def test_sampling_in_two_parts_is_sampling_at_once() -> None:
    model, guidance = ToyModel(), Guidance([prompt(i) for i in range(10)], 3.0, torch.randn(10, 1, 4, 3, 5) * 0.1)
    half = sample(model.predict_eps, picture(), lambda _: prompt(50), guidance, SCHEDULE, ALPHA_BAR, 0, 4)
    assert torch.equal(
        sample(model.predict_eps, half, lambda _: prompt(50), guidance, SCHEDULE, ALPHA_BAR, 4),
        sample(model.predict_eps, picture(), lambda _: prompt(50), guidance, SCHEDULE, ALPHA_BAR),
    )


@pytest.mark.parametrize(("scale", "per_step"), [(1.0, 1), (3.0, 2)])
def test_no_prediction_is_made_that_has_no_say(scale: float, per_step: int) -> None:
    model = ToyModel()
    sample(model.predict_eps, picture(), lambda _: prompt(1), Guidance([prompt(2)], scale), SCHEDULE, ALPHA_BAR)
    assert model.evaluations == 10 * per_step


def test_guiding_away_from_itself_is_one_prediction() -> None:
    model, same = ToyModel(), prompt(1)
    sample(model.predict_eps, picture(), lambda _: same, Guidance([same], 7.5), SCHEDULE, ALPHA_BAR)
    assert model.evaluations == 10


def test_a_grid_is_its_cells_and_cheaper() -> None:
    source, target, start, guidance = prompt(1), prompt(2), prompt(3), Guidance([prompt(4)], 3.0)
    cells = cells_of([0.0, 0.3, 1.5], [0.2, 0.5, 1.0])
    assert cells[1] == Cell(0.3, 0.2) and cells[3] == Cell(0.0, 0.5)
    model, alone, seen = ToyModel(), ToyModel(), []
    found = sample_grid(
        model.predict_eps,
        picture(),
        source,
        target,
        start,
        cells,
        guidance,
        SCHEDULE,
        ALPHA_BAR,
        lambda done, _: seen.append(done),
    )
    for cell, latents in zip(cells, found, strict=True):
        edited = target.with_context(interpolate(target.context, start.context, cell.alpha))
        expected = sample(
            alone.predict_eps,
            picture(),
            timestep_aware(source, edited, 10, cell.source_ratio),
            guidance,
            SCHEDULE,
            ALPHA_BAR,
        )
        assert torch.equal(latents, expected)
    # the source once to its end: 10; three cells leave at 2 and three at 5: 3·8 + 3·5; ratio 1 costs nothing more
    assert steps_needed(cells, 10) == 10 + 24 + 15 == len(model.calls) == seen[-1]
    assert len(alone.calls) == 90
