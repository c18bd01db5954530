"""Edit Grid's proposal on the demo model: there when it can be, and never at the cost of the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.edit_grids import STEPS, Models, grid, inverted
from ..helpers.stock_sampling import star


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.pictures, other.pictures, strict=True))


def test_a_batch_gets_a_proposal_for_each_picture_by_itself(demo_model: Models) -> None:
    latent = star(demo_model[2])
    flipped = {"samples": torch.cat([latent["samples"], latent["samples"].flip(-1)])}
    made = grid(demo_model, inverted(demo_model, flipped), [0.0, 0.5, 1.0], [0.2, 0.6])
    alone = grid(demo_model, inverted(demo_model, latent), [0.0, 0.5, 1.0], [0.2, 0.6])
    assert len(made.proposal.cells) == 2 and made.proposal.cells[0] == alone.proposal.cells[0]
    assert alone.report() == f"Best of these by the model's own eyes: {words(alone)}."
    lines = made.report().splitlines()
    assert len(lines) == 2 and lines[1].startswith("Picture 2: best of these by the model's own eyes: alpha ")
    assert made.drawn().shape[0] == 2 and made.drawn(True).shape[0] == 2


def words(made: Any) -> str:
    cell = made.axes.cells()[made.proposal.cells[0]]
    return f"alpha {cell.alpha:g}, ratio {cell.source_ratio:g}"


def test_a_cell_that_does_not_edit_at_all_is_not_proposed(demo_model: Models) -> None:
    inversion = inverted(demo_model, star(demo_model[2]))
    made = grid(demo_model, inversion, [0.0, 1.0], [0.3, 1.0])  # one cell edits; the others give the picture back
    assert made.proposal.cells == (1,)


def test_the_frame_leaves_the_cells_as_they_are(demo_model: Models) -> None:
    made = grid(demo_model, inverted(demo_model, star(demo_model[2])), [0.0, 1.0], [0.3])
    plain, framed = made.drawn(), made.drawn(mark_best=True)
    height, width = plain.shape[1:3]
    changed = (framed[:, :height, :width] != plain).any(-1)
    assert framed.shape[1] > height and 0 < changed.float().mean() < 0.1
    assert torch.equal(made.drawn(), plain)


@pytest.mark.parametrize(
    ("alphas", "change", "reason"),
    [
        ([0.5], {}, "there is only one"),
        ([0.0, 0.5], {"picture": None}, "the inversion was saved without its picture; invert it again"),
    ],
)
def test_without_a_choice_or_a_picture_it_says_so(
    demo_model: Models, alphas: list[float], change: dict[str, Any], reason: str
) -> None:
    inversion = replace(inverted(demo_model, star(demo_model[2])), **change)
    made = grid(demo_model, inversion, alphas, [0.2])
    assert made.proposal.cells == () and made.report() == f"No cell is proposed: {reason}."
    assert torch.equal(made.drawn(mark_best=True), made.drawn())


def after(model: Any, calls: int, what: Callable[[], Any]) -> Any:
    """A MODEL on which something happens once the sampler is through."""
    patched, counted = model.clone(), [0]

    def wrapper(apply_model: Any, call: dict[str, Any]) -> Tensor:
        counted[0] += 1
        if counted[0] > calls:
            what()
        return apply_model(call["input"], call["timestep"], **call["c"])  # type: ignore[no-any-return]

    patched.set_model_unet_function_wrapper(wrapper)
    return patched


def sampling_calls() -> int:
    """How often the grid of two cells below calls the UNet: each step with both prompts at once."""
    from single_image_studio.inversion.grid import cells_of, steps_needed

    return steps_needed(cells_of([0.2, 0.8], [0.2]), STEPS)


def test_a_failure_costs_the_proposal_and_not_the_grid(demo_model: Models, stock_picture: Any) -> None:
    def fail() -> None:
        raise RuntimeError("another pack's patch")

    before = stock_picture(*demo_model)
    inversion = inverted(demo_model, star(demo_model[2]))
    whole = grid(demo_model, inversion, [0.2, 0.8], [0.2])
    broken = after(demo_model[0], sampling_calls(), fail)
    made = grid(demo_model, inversion, [0.2, 0.8], [0.2], broken)
    assert same(made, whole) and len(whole.proposal.cells) == 1
    assert made.report() == "No cell is proposed: judging them failed (RuntimeError)."
    assert torch.equal(stock_picture(*demo_model), before)


def test_a_cancel_while_cells_are_judged_cancels_the_node(demo_model: Models) -> None:
    import comfy.model_management

    inversion = inverted(demo_model, star(demo_model[2]))
    cancelled = after(
        demo_model[0], sampling_calls(), lambda: comfy.model_management.interrupt_current_processing(True)
    )
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        grid(demo_model, inversion, [0.2, 0.8], [0.2], cancelled)
    comfy.model_management.interrupt_current_processing(False)


def test_judging_leaves_the_edits_and_the_model_as_they_were(demo_model: Models, stock_picture: Any) -> None:
    """The cells are those of an inversion without its picture, to the bit, and so is the next stock picture."""
    before = stock_picture(*demo_model)
    inversion = inverted(demo_model, star(demo_model[2]))
    judged = grid(demo_model, inversion, [0.2, 0.8], [0.2])
    assert judged.proposal.cells and same(judged, grid(demo_model, replace(inversion, picture=None), [0.2, 0.8], [0.2]))
    assert torch.equal(stock_picture(*demo_model), before)
