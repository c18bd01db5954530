"""What text optimisation may do otherwise than the paper: a falling rate, and timesteps that are spread."""

from __future__ import annotations

import math

import pytest
import torch

from single_image_studio.diffusion.report import result_of
from single_image_studio.inversion.text_optimization import TextOptimizationSettings, optimize_text
from single_image_studio.support.errors import InputError

from ..helpers.toy import ToyModel, picture, prompt


class Watching(ToyModel):
    """Keeps every timestep it was asked at."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[int]] = []

    def predict_eps(self, latents, timesteps, prompts):  # type: ignore[no-untyped-def]
        self.seen.append(timesteps.tolist())
        return super().predict_eps(latents, timesteps, prompts)


def seen(pictures: int = 1, **settings: object) -> list[list[int]]:
    model = Watching()
    optimizing = TextOptimizationSettings(**settings)  # type: ignore[arg-type]
    result_of(optimize_text(model, picture(1, pictures), prompt(1), optimizing))
    return model.seen


@pytest.mark.parametrize("batch", [1, 3])
def test_each_golden_ratio_timestep_lies_that_far_beyond_the_one_before(batch: int) -> None:
    drawn = [t for step in seen(steps=12, batch_size=batch, timesteps="golden_ratio", seed=4) for t in step]
    for before, after in zip(drawn, drawn[1:], strict=False):
        assert (after - before - 618.034) % 1000 == pytest.approx(0, abs=2) or (
            (after - before - 618.034) % 1000 == pytest.approx(1000, abs=2)
        )


def test_a_few_golden_ratio_timesteps_leave_no_large_gap_and_every_seed_begins_elsewhere() -> None:
    """Three-distance theorem: 50 of them leave gaps of at most 1000 / (0.72 * 50); drawn freely they leave far more."""
    places = sorted(t for (t,) in seen(steps=50, timesteps="golden_ratio"))
    gaps = [after - before for before, after in zip(places, [*places[1:], places[0] + 1000], strict=True)]
    assert len(set(places)) == 50 and max(gaps) <= 36
    assert len({seen(steps=1, timesteps="golden_ratio", seed=seed)[0][0] for seed in range(5)}) > 3


def test_all_pictures_see_the_same_timesteps() -> None:
    for step in seen(pictures=2, steps=4, batch_size=3, timesteps="golden_ratio"):
        assert step[:3] == step[3:]


def test_the_rate_falls_as_the_cosine_and_is_constant_by_default() -> None:
    """Adam moves a number by its rate in the first step, and less than the sum of all rates in all."""
    falling = TextOptimizationSettings(steps=8, learning_rate=0.5, rate_schedule="cosine")
    assert [falling.rate(i) for i in (0, 2, 4)] == pytest.approx([0.5, 0.25 + 0.25 * math.sqrt(0.5), 0.25])
    assert 0 < falling.rate(7) < 0.02
    assert {TextOptimizationSettings(steps=8).rate(i) for i in range(8)} == {1e-3}

    def moved(steps: int, schedule: str) -> float:
        settings = TextOptimizationSettings(steps=steps, learning_rate=0.1, rate_schedule=schedule)
        embeds = result_of(optimize_text(ToyModel(), picture(), prompt(1), settings)).embeds
        return float((embeds - prompt(1).context)[..., :4].abs().max())

    assert moved(1, "cosine") == pytest.approx(0.1, rel=1e-3)
    assert moved(2, "cosine") <= 0.15 + 1e-3 < moved(2, "constant") + 0.06


def test_the_papers_way_is_the_default_to_the_bit() -> None:
    explicit = TextOptimizationSettings(steps=3, rate_schedule="constant", timesteps="uniform", seed=2)
    found = [
        result_of(optimize_text(ToyModel(), picture(), prompt(1), settings)).embeds
        for settings in (explicit, TextOptimizationSettings(steps=3, seed=2))
    ]
    assert torch.equal(*found)
    generator = torch.Generator().manual_seed(2)
    first = int(torch.randint(0, 1000, (1,), generator=generator))
    assert seen(steps=1, seed=2) == [[first]]


@pytest.mark.parametrize("change", [{"rate_schedule": "linear"}, {"timesteps": "every other"}])
def test_unknown_ways_are_refused(change: dict[str, str]) -> None:
    (name,) = change
    with pytest.raises(InputError, match=f"`{name}` is .*; expected one of"):
        TextOptimizationSettings(**change)  # type: ignore[arg-type]
