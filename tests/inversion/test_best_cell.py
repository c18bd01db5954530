from __future__ import annotations

import pytest
import torch

from single_image_studio.diffusion.process import add_noise
from single_image_studio.inversion.best_cell import TIMESTEPS, CellScores, judge, preservation, text_fit, text_gains

from ..helpers.toy import ALPHA_BAR, ToyModel, picture, prompt, reports_of


def test_gains_by_hand() -> None:
    """The squared error of the source prompt's prediction minus the target's, at every timestep under one noise."""
    model, pictures = ToyModel(), torch.stack([picture(seed, 2) for seed in range(3)])
    source, target = prompt(1), prompt(2)
    reports, gains = reports_of(text_gains(model, pictures, source, target))
    generator, expected = torch.Generator().manual_seed(0), torch.zeros(3, 2)
    for t in TIMESTEPS:
        noise = torch.randn(4, 3, 5, generator=generator)
        for n in range(3):
            for b in range(2):
                noisy, at = add_noise(pictures[n, b][None], noise, ALPHA_BAR[t]), torch.tensor([t])
                one, other = ToyModel().predict_eps(noisy, at, [source, target])
                expected[n, b] += float(((one - noise) ** 2).mean() - ((other - noise) ** 2).mean())
    assert torch.allclose(gains, expected / len(TIMESTEPS), atol=1e-6)
    assert [(report.phase, report.step, report.steps) for report in reports] == [
        ("measuring", i, len(TIMESTEPS)) for i in range(1, len(TIMESTEPS) + 1)
    ]
    assert model.evaluations == 3 * 2 * len(TIMESTEPS)
    assert list(TIMESTEPS) == sorted(TIMESTEPS, reverse=True)  # hooks with keyframes only move on


def test_prompts_that_say_the_same_gain_nothing() -> None:
    same = prompt(1)
    _, gains = reports_of(text_gains(ToyModel(), picture()[None], same, same))
    assert torch.equal(gains, torch.zeros(1, 1))


def test_fit_is_a_share_of_the_way_of_each_picture_by_itself() -> None:
    gains = torch.tensor([[-1.0, 5.0], [1.0, 4.0], [0.0, 3.0]])
    fit = text_fit(gains, torch.tensor([-1.0, 6.0]))
    assert torch.equal(fit, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]))


def scene(column: int, seed: int = 0) -> torch.Tensor:
    """A patch of its own on a plain ground, (1, 4, 12, 12)."""
    latents = torch.full((1, 4, 12, 12), 0.3)
    latents[..., 4:7, column : column + 3] = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(seed))
    return latents


def test_what_only_moves_is_preserved_and_what_is_lost_or_new_is_not() -> None:
    original = scene(3)
    kept, moved, other, gone = (
        float(preservation(edit, original))
        for edit in (original, scene(7), scene(3, seed=1), torch.full_like(original, 0.3))
    )
    assert kept == pytest.approx(1, abs=1e-3) and moved == pytest.approx(1, abs=1e-3)
    assert (
        other < 0.9
        and gone < 0.9
        and float(preservation(original, torch.full_like(original, 0.3) + 0.1 * original)) < 0.9
    )


def test_each_picture_of_a_batch_is_judged_by_itself() -> None:
    pictures = torch.stack([picture(seed, 2) for seed in range(4)])
    prompts = prompt(1), prompt(2)
    _, together = reports_of(judge(ToyModel(), pictures[1:], pictures[0], *prompts))
    for i in range(2):
        _, alone = reports_of(judge(ToyModel(), pictures[1:, i : i + 1], pictures[0, i : i + 1], *prompts))
        assert torch.allclose(alone.text[:, 0], together.text[:, i], atol=1e-5)
        assert torch.allclose(alone.preservation[:, 0], together.preservation[:, i])
        assert alone.best() == [together.best()[i]]


def test_the_best_cell_fits_and_keeps() -> None:
    scores = CellScores(torch.tensor([[1.0, 0.0], [0.8, 0.0]]), torch.tensor([[0.2, 1.0], [0.5, 0.9]]))
    assert scores.best() == [1, 0]


def test_many_patches_are_compared_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    from single_image_studio.inversion import best_cell

    edit, original = torch.randn(2, 4, 12, 12), torch.randn(2, 4, 12, 12)
    whole = preservation(edit, original)
    monkeypatch.setattr(best_cell, "ROWS", 50)
    assert torch.allclose(preservation(edit, original), whole)
