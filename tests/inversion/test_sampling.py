from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.report import StepReport, result_of
from single_image_studio.inversion.grid import Cell, EditPrompts, GridSampler, cells_of, steps_needed
from single_image_studio.inversion.sampling import Guidance, interpolate, sample
from single_image_studio.support.errors import InputError

from ..helpers.toy import ALPHA_BAR, ToyModel, ToyPrompt, picture, prompt, reports_of

SCHEDULE = DDIMSchedule(10)


def timestep_aware(source, edited, steps: int, ratio: float):  # type: ignore[no-untyped-def]
    """The prompt of every step, as the paper has it: what the grid's shared walk must come to."""
    injected = Cell(0.0, ratio).source_steps(steps)
    return [source if step < injected else edited for step in range(steps)]


def sampled(model, conds, guidance, latents=None, first=0, stop=None):  # type: ignore[no-untyped-def]
    steps = SCHEDULE.down(ALPHA_BAR, first, stop)
    return result_of(sample(model, picture() if latents is None else latents, conds, guidance, steps))


def test_interpolation_ends_and_beyond() -> None:
    target, optimized = torch.tensor([[[4.0]]]), torch.tensor([[[2.0]]])
    assert [interpolate(target, optimized, a).item() for a in (0, 0.5, 1, 2, -1)] == [2, 3, 4, 6, 0]


@pytest.mark.parametrize(("ratio", "expected"), [(0, 0), (0.1, 5), (0.2, 10), (0.29, 15), (0.5, 25), (1, 50)])
def test_source_steps(ratio: float, expected: int) -> None:
    assert Cell(0.0, ratio).source_steps(50) == expected


@pytest.mark.parametrize("ratio", [-0.1, 1.01, math.nan])
def test_a_ratio_outside_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match="`source_ratio`"):
        Cell(0.3, ratio)


@pytest.mark.parametrize("alpha", [math.nan, math.inf])
def test_an_alpha_that_is_no_number_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match="`alpha`"):
        Cell(alpha, 0.2)


def test_ratio_one_is_the_source_alone_and_zero_the_edit_alone() -> None:
    source, edited, guidance = prompt(1), prompt(2), Guidance([prompt(3)], 3.0)

    def run(conds):  # type: ignore[no-untyped-def]
        return sampled(ToyModel(), conds, guidance)

    assert torch.equal(run(timestep_aware(source, edited, 10, 1)), run([source]))
    assert torch.equal(run(timestep_aware(source, edited, 10, 0)), run([edited]))
    assert not torch.equal(run(timestep_aware(source, edited, 10, 0.5)), run([edited]))


def test_sampling_in_two_parts_is_sampling_at_once() -> None:
    model, guidance = ToyModel(), Guidance([prompt(i) for i in range(10)], 3.0, torch.randn(10, 1, 4, 3, 5) * 0.1)
    half = sampled(model, [prompt(50)], guidance, stop=4)
    assert torch.equal(sampled(model, [prompt(50)], guidance, half, first=4), sampled(model, [prompt(50)], guidance))


@pytest.mark.parametrize(("scale", "per_step"), [(1.0, 1), (3.0, 2)])
def test_no_prediction_is_made_that_has_no_say(scale: float, per_step: int) -> None:
    model = ToyModel()
    sampled(model, [prompt(1)], Guidance([prompt(2)], scale))
    assert model.evaluations == 10 * per_step


def test_guiding_away_from_itself_is_one_prediction() -> None:
    model, same = ToyModel(), prompt(1)
    sampled(model, [same], Guidance([same], 7.5))
    assert model.evaluations == 10


def test_a_grid_is_its_cells_and_cheaper() -> None:
    source, target, start, guidance = prompt(1), prompt(2), prompt(3), Guidance([prompt(4)], 3.0)
    cells = cells_of([0.0, 0.3, 1.5], [0.2, 0.5, 1.0])
    assert cells[1] == Cell(0.3, 0.2) and cells[3] == Cell(0.0, 0.5)
    model, alone = ToyModel(), ToyModel()
    prompts = EditPrompts(source, target, start)
    reports, edits = reports_of(GridSampler(model, guidance, SCHEDULE).sample(picture(), prompts, cells))
    for cell, latents in zip(cells, edits, strict=True):
        edited = target.with_context(interpolate(target.context, start.context, cell.alpha))
        expected = sampled(alone, timestep_aware(source, edited, 10, cell.source_ratio), guidance)
        assert torch.equal(latents, expected)
    # the source once to its end: 10; three cells leave at 2 and three at 5: 3·8 + 3·5; ratio 1 costs nothing more
    assert steps_needed(cells, 10) == 10 + 24 + 15 == len(model.calls)
    assert [(report.step, report.steps) for report in reports] == [(i, 49) for i in range(1, 50)]
    assert len(alone.calls) == 90


@dataclass
class SmallModel(ToyModel):
    """Holds only so many pictures at once. sizes: of the batches that fitted."""

    room: int = 1
    out_of_memory: tuple[type[BaseException], ...] = (MemoryError, RuntimeError)
    sizes: list[int] = field(default_factory=list)
    error: type[BaseException] = MemoryError

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[ToyPrompt]) -> list[Tensor]:
        if len(latents) > self.room:
            raise self.error("too many")
        self.sizes.append(len(latents))
        return super().predict_eps(latents, timesteps, prompts)


def grid_of(model: ToyModel, at_once: int, offsets: bool = False) -> tuple[list[StepReport], list[Tensor]]:
    guidance = Guidance([prompt(i) for i in range(10)], 3.0, torch.randn(10, 1, 4, 3, 5) * 0.1 if offsets else None)
    cells = cells_of([0.0, 0.3, 0.8, 1.2, 1.5], [0.2, 0.5, 1.0])
    prompts = EditPrompts(prompt(1), prompt(2), prompt(3))
    return reports_of(GridSampler(model, guidance, SCHEDULE, at_once).sample(picture(), prompts, cells))


@pytest.mark.parametrize("offsets", [False, True])
def test_edits_sampled_together_are_the_same_in_fewer_calls(offsets: bool) -> None:
    alone, together = ToyModel(), ToyModel()
    torch.manual_seed(0)
    reports, expected = grid_of(alone, 1, offsets)
    torch.manual_seed(0)
    fewer, edits = grid_of(together, 3, offsets)
    for one, other in zip(edits, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert len(alone.calls) == 10 + 5 * 8 + 5 * 5  # the source once; five cells leave at 2 and five at 5
    assert len(together.calls) == 10 + 2 * 8 + 2 * 5  # three cells and two
    assert (fewer[-1].step, fewer[-1].steps) == (reports[-1].step, reports[-1].steps) == (75, 75)
    assert sum(report.cost for report in fewer) == 75


def test_edits_that_do_not_fit_together_go_on_in_smaller_parts() -> None:
    expected, model = grid_of(ToyModel(), 1)[1], SmallModel(room=2)
    reports, edits = grid_of(model, 5)
    for one, other in zip(edits, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert set(model.sizes) == {1, 2}  # 5 do not fit, nor 3: two, two and one
    assert reports[-1].step == 75


@pytest.mark.parametrize(("room", "error"), [(0, MemoryError), (4, RuntimeError)])
def test_too_little_memory_for_one_and_other_errors_are_raised(room: int, error: type[BaseException]) -> None:
    with pytest.raises(error, match="too many"):
        grid_of(SmallModel(room=room, error=error), 5)
