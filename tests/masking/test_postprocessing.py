"""Masks joined, grown and feathered, against hand-made cases."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from single_image_studio.masking import postprocessing
from single_image_studio.masking.interfaces import Embedding, Thing
from single_image_studio.masking.postprocessing import cut_out, feather_mask, grow_mask, union
from single_image_studio.support.errors import InputError


def square(size: int, begin: int, end: int) -> torch.Tensor:
    out = torch.zeros(size, size)
    out[begin:end, begin:end] = 1
    return out


class Rectangles:
    """A segmenter that gives the box itself, and counts how it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def masks(self, embedding, things):
        self.asked.append(len(things))
        out = torch.full((len(things), *embedding.size), -1.0)
        for i, (x0, y0, x1, y1) in enumerate(thing.box for thing in things):
            out[i, int(y0) : int(y1), int(x0) : int(x1)] = 1.0
        return out


def test_logits_that_are_not_finite_are_refused() -> None:
    class Broken(Rectangles):
        def masks(self, embedding, things):
            return super().masks(embedding, things) * float("nan")

    with pytest.raises(InputError, match="^`segmenter` gives numbers that are not finite"):
        cut_out(Broken(), Embedding(torch.zeros(1), (10, 10), (10, 10)), [Thing((0, 0, 2, 2))])


def test_boxes_are_joined_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postprocessing, "PIXELS_AT_ONCE", 250)
    segmenter, embedding = Rectangles(), Embedding(torch.zeros(1), (10, 10), (10, 10))
    things = [Thing(box) for box in [(0, 0, 2, 2), (1, 1, 3, 3), (8, 8, 10, 10), (4, 4, 4, 4)]]
    cuts = cut_out(segmenter, embedding, things)
    assert [cut.box for cut in cuts] == [*(thing.box for thing in things[:3]), (0, 0, 0, 0)]
    out = union(cuts, 10, 10)
    assert segmenter.asked == [2, 2]
    assert out.sum() == 4 + 4 - 1 + 4 and out[9, 9] == 1 and set(out.unique().tolist()) == {0.0, 1.0}


def test_grown_by_hand() -> None:
    dot = square(7, 3, 4)
    assert torch.equal(grow_mask(dot, 0), dot)
    plus = torch.zeros(7, 7)
    plus[3, 2:5] = plus[2:5, 3] = 1
    assert torch.equal(grow_mask(dot, 1), plus)
    assert torch.equal(grow_mask(plus, -1), dot)
    assert torch.equal(
        grow_mask(torch.ones(5, 5), -3), torch.ones(5, 5)
    )  # the picture's edge is not an edge of the thing
    assert grow_mask(square(9, 4, 5), -1).sum() == 0
    assert torch.equal(grow_mask(torch.zeros(5, 5), 9), torch.zeros(5, 5))


@pytest.mark.parametrize("radius", [3, 10, 40])
def test_grown_is_nearly_a_disc(radius: int) -> None:
    size = 2 * radius + 21
    dot = torch.zeros(size, size)
    dot[size // 2, size // 2] = 1
    y, x = torch.nonzero(grow_mask(dot, radius), as_tuple=True)
    far = ((y - size // 2) ** 2 + (x - size // 2) ** 2).sqrt()
    assert far.max() <= 1.09 * radius + 1  # an octagon's corners
    disc = ((torch.arange(size)[:, None] - size // 2) ** 2 + (torch.arange(size) - size // 2) ** 2) <= (
        0.92 * radius - 1
    ) ** 2
    assert grow_mask(dot, radius)[disc].all()


def test_feathered_by_hand() -> None:
    half = torch.zeros(40, 40)
    half[:, 20:] = 1
    out = feather_mask(half, 6)
    assert torch.equal(feather_mask(half, 0), half)
    assert torch.allclose(out, out[:1].expand(40, 40), atol=1e-6)  # the edge is straight to the borders
    assert out[0, 0] == pytest.approx(0, abs=1e-6) and out[0, 39] == pytest.approx(1, abs=1e-6)
    line = torch.exp(-(torch.arange(-9, 10.0) ** 2) / 18)
    assert out[0, 19] == pytest.approx(float(line[:9].sum() / line.sum()), abs=1e-6)  # sigma 3, by its own sum
    assert torch.allclose(feather_mask(torch.ones(9, 9), 50), torch.ones(9, 9))


def stepwise(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """Growing as it was first written: a step of 3×3 or of a cross for each pixel, with the picture's edge as a
    wall."""
    area = (mask if pixels > 0 else 1 - mask)[None, None]
    for step in range(abs(pixels)):
        if math.floor((step + 1) * (math.sqrt(2) - 1)) > math.floor(step * (math.sqrt(2) - 1)):
            area = F.max_pool2d(area, 3, 1, 1)
        else:
            area = torch.maximum(F.max_pool2d(area, (3, 1), 1, (1, 0)), F.max_pool2d(area, (1, 3), 1, (0, 1)))
    return area[0, 0] if pixels > 0 else 1 - area[0, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 5), (60, 83)])
@pytest.mark.parametrize("pixels", [1, 2, 3, 4, 5, 7, 12, 29, -1, -2, -3, -6, -17])
def test_grown_as_step_by_step(size: tuple[int, int], pixels: int) -> None:
    random = torch.Generator().manual_seed(pixels + 100)
    sparse = (torch.rand(size, generator=random) > (0.99 if pixels > 0 else 0.01)).float()
    soft = torch.rand(size, generator=random) * sparse
    for mask in (sparse, soft):
        assert torch.equal(grow_mask(mask, pixels), stepwise(mask, pixels))


@pytest.mark.parametrize("pixels", [1, 9, 40])
def test_large_masks_are_feathered_in_tiles_as_small_ones(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    mask = torch.zeros(700, 1300)
    mask[300:650, :90] = mask[3:30, 600:640] = 1
    mask[500:, 1200:] = torch.rand(200, 100, generator=torch.Generator().manual_seed(1))
    plain = feather_mask(mask, pixels)
    monkeypatch.setattr(postprocessing, "SMALL", 0)
    assert (feather_mask(mask, pixels) - plain).abs().max() <= 2e-6


def exactly_feathered(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """In float64, with every weight in a matrix for each axis."""
    reach = math.ceil(1.5 * pixels)
    taps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-(taps.double() ** 2) / (2 * (pixels / 2) ** 2))
    axes = []
    for size in mask.shape:
        axis = torch.zeros(size, size, dtype=torch.float64)
        for i in range(size):
            axis[i].index_add_(0, (taps + i).clamp(0, size - 1), weights / weights.sum())
        axes.append(axis)
    return axes[0] @ mask.double() @ axes[1].T


@pytest.mark.parametrize("pixels", [130, 300, 512])  # on means of 2, 4 and 8 pixels
def test_wide_feathers_of_large_masks_are_near_the_exact_ones(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    mask = torch.zeros(501, 803)
    mask[200:430, :3] = mask[:1, 400:640] = mask[100:300, 200:321] = mask[496:, 700:] = 1  # some end at the borders
    mask[300:400, 600:700] = torch.rand(100, 100, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(postprocessing, "SMALL", 0)
    soft = feather_mask(mask, pixels)
    assert soft.shape == mask.shape and float((soft - exactly_feathered(mask, pixels)).abs().max()) <= 1e-4
