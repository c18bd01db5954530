"""The three losses against hand arithmetic and their limits."""

import pytest
import torch

from single_image_studio.losses.terms import LOSS_TERMS, background_loss, foreground_loss, semantic_loss


def latents(*values: float) -> torch.Tensor:
    """(1, 4, 1, 2): the two pixels hold the first two values in every channel."""
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, 2).expand(1, 4, 1, 2).clone()


def test_foreground_is_the_mean_over_the_whole_tensor() -> None:
    mask = torch.tensor([[[[1.0, 0.0]]]])
    # only the first pixel counts, (3 - 1)^2 = 4, but both pixels divide: 4 / 2
    assert foreground_loss(latents(3, 9), latents(1, 2), mask).item() == pytest.approx(2.0)


def test_background_is_the_rest() -> None:
    mask = torch.tensor([[[[1.0, 0.0]]]])
    assert background_loss(latents(3, 9), latents(1, 2), mask).item() == pytest.approx(49 / 2)


def test_semantic_is_the_plain_mean() -> None:
    assert semantic_loss(latents(3, 9), latents(1, 2)).item() == pytest.approx((4 + 49) / 2)


def test_soft_masks_weigh() -> None:
    mask = torch.full((1, 1, 1, 2), 0.25)
    assert foreground_loss(latents(3, 9), latents(1, 2), mask).item() == pytest.approx(0.25 * 53 / 2)
    assert background_loss(latents(3, 9), latents(1, 2), mask).item() == pytest.approx(0.75 * 53 / 2)


def test_limits() -> None:
    ones, zeros = torch.ones(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)
    x, y = torch.randn(2, 4, 1, 2), torch.randn(2, 4, 1, 2)
    plain = (x - y).square().mean()
    assert foreground_loss(x, y, ones) == plain
    assert background_loss(x, y, ones) == 0
    assert foreground_loss(x, y, zeros) == 0
    assert background_loss(x, y, zeros) == plain
    assert foreground_loss(x, x, ones) == semantic_loss(x, x) == 0


def test_one_mask_serves_a_batch_and_a_batch_has_its_own() -> None:
    x, y = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    mask = torch.rand(3, 1, 2, 2)
    each = torch.stack([foreground_loss(x[i : i + 1], y[i : i + 1], mask[i : i + 1]) for i in range(3)]).mean()
    assert foreground_loss(x, y, mask).item() == pytest.approx(each.item())
    assert foreground_loss(x, y, mask[:1]).item() == pytest.approx(
        foreground_loss(x, y, mask[:1].expand(3, -1, -1, -1)).item()
    )


def test_wrong_shapes_are_refused() -> None:
    x = torch.zeros(2, 4, 2, 2)
    with pytest.raises(ValueError, match="mask has shape"):
        foreground_loss(x, x, torch.zeros(2, 2, 2))
    with pytest.raises(ValueError, match="mask has shape"):
        background_loss(x, x, torch.zeros(3, 1, 2, 2))
    with pytest.raises(ValueError, match="expected the same"):
        semantic_loss(x, torch.zeros(1, 4, 2, 2))


def test_gradients_reach_only_the_prediction() -> None:
    x, y = torch.randn(1, 4, 1, 2, requires_grad=True), torch.randn(1, 4, 1, 2)
    mask = torch.tensor([[[[1.0, 0.0]]]])
    foreground_loss(x, y, mask).backward()
    assert x.grad is not None
    expected = 2 * (x - y).detach() * mask / x.numel()
    assert torch.allclose(x.grad, expected)


def test_every_weight_is_a_setting() -> None:
    """A misspelt one would silently weigh nothing."""
    from dataclasses import fields

    from single_image_studio.concept.settings import Stage1Settings, Stage2Settings

    settings = {field.name for stage in (Stage1Settings, Stage2Settings) for field in fields(stage)}
    assert {term.weight for term in LOSS_TERMS.values() if term.weight} <= settings
    assert {"en", "zh", "ja"} == set.intersection(*(set(term.words) for term in LOSS_TERMS.values()))
