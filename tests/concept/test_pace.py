"""Which noise levels a training sees, and how its learning rate goes."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.concept.pace import draw_timesteps, rate_at
from single_image_studio.support.errors import InputError

from ..helpers.linear_model import LinearModel, stage1


def drawn(kind: str, count: int) -> torch.Tensor:
    return draw_timesteps(kind, count, 1000, torch.Generator().manual_seed(3))


def test_uniform_is_what_torch_draws_whole_numbers_by() -> None:
    expected = torch.randint(0, 1000, (16,), generator=torch.Generator().manual_seed(3))
    assert torch.equal(drawn("uniform", 16), expected)


@pytest.mark.parametrize("count", [1, 3, 4, 16])
def test_stratified_takes_one_from_each_equal_range(count: int) -> None:
    timesteps = drawn("stratified", count)
    assert timesteps.dtype == torch.int64
    assert (timesteps * count // 1000).tolist() == list(range(count))


def test_stratified_sees_every_level_as_often() -> None:
    generator = torch.Generator().manual_seed(0)
    many = torch.cat([draw_timesteps("stratified", 4, 8, generator) for _ in range(4000)])
    counts = torch.bincount(many, minlength=8)
    assert counts.sum() == 16_000 and (counts - 2000).abs().max() < 6 * 2000**0.5


def test_a_cosine_starts_at_the_rate_falls_and_is_half_of_it_on_average() -> None:
    rates = [rate_at("cosine", 2.0, step, 10) for step in range(10)]
    assert rates[0] == pytest.approx(2.0, rel=0.01) and rates[-1] < 0.02
    assert rates == sorted(rates, reverse=True) and sum(rates) / 10 == pytest.approx(1.0)
    assert {rate_at("constant", 2.0, step, 10) for step in range(10)} == {2.0}


def test_the_update_goes_by_the_rate() -> None:
    """Adam's first update is as long as the rate."""
    constant, cosine = (stage1(LinearModel(), steps=1, start=0.0, rate_schedule=s) for s in ("constant", "cosine"))
    assert torch.allclose(cosine.embedding, constant.embedding / 2, atol=1e-6)  # the middle of its only step


def test_each_step_has_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.AdamW.step

    def look(optimizer: torch.optim.AdamW, closure: None = None) -> None:
        rates.append(optimizer.param_groups[0]["lr"])
        step(optimizer, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", look)
    stage1(LinearModel(), steps=4, rate_schedule="cosine", learning_rate=1.0)
    assert rates == pytest.approx([0.96194, 0.69134, 0.30866, 0.03806], abs=1e-5)  # cos² of π/16, 3π/16, 5π/16, 7π/16


def test_the_losses_are_of_the_levels_that_were_drawn() -> None:
    uniform, stratified = (stage1(LinearModel(), timesteps=kind).losses["loss"] for kind in ("uniform", "stratified"))
    assert uniform != stratified and uniform == stage1(LinearModel()).losses["loss"]


@pytest.mark.parametrize("name", ["timesteps", "rate_schedule"])
def test_another_word_is_told(name: str) -> None:
    with pytest.raises(InputError, match=f"`{name}` is 'best'; expected one of"):
        stage1(LinearModel(), **{name: "best"})
