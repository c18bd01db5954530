"""Which noise levels a training sees, and how its learning rate goes."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.diffusion.pace import RATE_SCHEDULES, TIMESTEPS
from single_image_studio.support.errors import InputError

from ..helpers.linear_model import LinearModel, stage1


def drawn(kind: str, count: int) -> torch.Tensor:
    return next(TIMESTEPS[kind](count, 1000, torch.Generator().manual_seed(3)))


def test_uniform_is_what_torch_draws_whole_numbers_by() -> None:
    expected = torch.randint(0, 1000, (16,), generator=torch.Generator().manual_seed(3))
    assert torch.equal(drawn("uniform", 16), expected)


@pytest.mark.parametrize("count", [1, 3, 4, 16])
def test_stratified_takes_one_from_each_equal_range(count: int) -> None:
    timesteps = drawn("stratified", count)
    assert timesteps.dtype == torch.int64
    assert (timesteps * count // 1000).tolist() == list(range(count))


def test_stratified_sees_every_level_as_often() -> None:
    draws = TIMESTEPS["stratified"](4, 8, torch.Generator().manual_seed(0))
    many = torch.cat([next(draws) for _ in range(4000)])
    counts = torch.bincount(many, minlength=8)
    assert counts.sum() == 16_000 and (counts - 2000).abs().max() < 6 * 2000**0.5


def test_a_cosine_falls_as_torchs_own() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for step in range(10):
        assert 2 * RATE_SCHEDULES["cosine"](step, 10) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert {RATE_SCHEDULES["constant"](step, 10) for step in range(10)} == {1.0}


def test_each_step_has_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.AdamW.step

    def look(optimizer: torch.optim.AdamW, closure: None = None) -> None:
        rates.append(optimizer.param_groups[0]["lr"])
        step(optimizer, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", look)
    stage1(LinearModel(), steps=4, rate_schedule="cosine", learning_rate=1.0)
    assert rates == pytest.approx([1.0, 0.853553, 0.5, 0.146447], abs=1e-5)  # cos² of 0, π/8, π/4, 3π/8


def test_the_losses_are_of_the_levels_that_were_drawn() -> None:
    uniform, stratified = (stage1(LinearModel(), timesteps=kind).losses["loss"] for kind in ("uniform", "stratified"))
    assert uniform != stratified and uniform == stage1(LinearModel()).losses["loss"]


@pytest.mark.parametrize("name", ["timesteps", "rate_schedule"])
def test_another_word_is_told(name: str) -> None:
    with pytest.raises(InputError, match=f"`{name}` is 'best'; expected one of"):
        stage1(LinearModel(), **{name: "best"})
