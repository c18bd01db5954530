"""AdamW with its running means in the computer's memory: the same numbers, and nothing of them left on the device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from single_image_studio.concept import trainer
from single_image_studio.concept.optimizer import MOMENTS, Adam
from single_image_studio.support import warnings
from single_image_studio.support.warnings import Warned

from ..helpers.linear_model import WIDTH, LinearModel, stage1
from ..helpers.pretend import CARD, Card

SHAPES = [(3, 4), (5,), (2, 3, 1)]


def a_step(optimizer: torch.optim.Optimizer, weights: list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator).to(weight.device)
    optimizer.step()


def weights_of(seed: int = 0) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def by_torch(steps: int) -> list[nn.Parameter]:
    weights = weights_of()
    optimizer = torch.optim.AdamW(weights, lr=0.1, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
    for step in range(steps):
        a_step(optimizer, weights, step)
    return weights


@pytest.mark.parametrize("from_step", [0, 2, 5])
def test_its_numbers_are_adamws_to_the_bit(from_step: int) -> None:
    weights = weights_of()
    optimizer = Adam(weights, 0.1)
    for step in range(5):
        if step == from_step:
            optimizer.keep_moments_in_ram()
        a_step(optimizer, weights, step)
    assert all(map(torch.equal, weights, by_torch(5)))
    assert optimizer.param_groups[0]["params"] == weights


def test_on_a_card_only_the_weights_stay(host: object) -> None:
    with Card().plugged_in():
        weights = [nn.Parameter(weight.detach().to(CARD)) for weight in weights_of()]
        optimizer = Adam(weights, 0.1)
        a_step(optimizer, weights, 0)
        assert places_of(optimizer, weights) == {CARD}
        optimizer.keep_moments_in_ram()
        assert places_of(optimizer, weights) == {torch.device("cpu")}
        a_step(optimizer, weights, 1)
        assert places_of(optimizer, weights) == {torch.device("cpu")}
        found = [weight.detach().to("cpu") for weight in weights]
    assert all(map(torch.equal, found, by_torch(2)))


def places_of(optimizer: Adam, weights: list[nn.Parameter]) -> set[torch.device]:
    return {optimizer.state[weight][name].device for weight in weights for name in MOMENTS}


def test_a_failing_update_leaves_all_weights_to_the_optimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of()
    optimizer = Adam(weights, 0.1)
    optimizer.keep_moments_in_ram()

    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(torch.optim.AdamW, "step", fails)
    with pytest.raises(MemoryError):
        optimizer.step()
    assert optimizer.param_groups[0]["params"] == weights


class OneBesideNothing(LinearModel):
    """A sample fits only where the optimiser wants nothing."""

    def micro_batch(self, batch: int, reserved: int) -> int:
        self.reserved = reserved
        return 0 if reserved else 1


@pytest.fixture
def any_moments_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "WORTH_MOVING", 1)


def test_moments_go_before_anything_is_recomputed(any_moments_are_many: None) -> None:
    model = OneBesideNothing()
    stage1(model, steps=2)
    assert max(model.calls) == 1 and model.reserved == 0 and not model.checkpointing


def test_few_moments_are_not_worth_it() -> None:
    model = OneBesideNothing()
    stage1(model, steps=1)
    assert model.reserved == 2 * WIDTH * 4 and model.checkpointing


def test_when_memory_runs_out_they_go_first_too(any_moments_are_many: None) -> None:
    class Short(LinearModel):
        fits = False

        def predict_x0(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
            if not self.fits:
                raise MemoryError
            return super().predict_x0(latents, timesteps, context)

        def free_memory(self, error: BaseException) -> None:
            self.fits = self.freed == 2
            self.freed += 1

        freed = 0

    model = Short()
    with warnings.collecting("Stage I") as warned:
        found = stage1(model).embedding
    assert [one.id for one in warned] == ["micro_batches", "micro_batches", "moments_in_ram"]
    assert warned[-1] == Warned("moments_in_ram") and not model.checkpointing
    assert torch.allclose(found, stage1(LinearModel()).embedding, atol=1e-4)
