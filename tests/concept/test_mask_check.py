"""What is told of a mask before training."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.concept.mask_check import count_parts, odd_about


def rectangles(*sides: tuple[int, int, int, int], size: tuple[int, int] = (100, 200)) -> torch.Tensor:
    out = torch.zeros(size)
    for x0, y0, x1, y1 in sides:
        out[y0:y1, x0:x1] = 1
    return out


SPECKS = [(20 * i, 10, 20 * i + 4, 14) for i in range(1, 7)]


@pytest.mark.parametrize(
    "mask, odd",
    [
        (rectangles((50, 20, 150, 80)), {}),
        (rectangles((50, 20, 150, 100)), {}),  # a bust
        (rectangles((50, 20, 150, 100)).to(torch.float8_e4m3fn), {}),  # with which torch compares nothing
        (rectangles((0, 20, 150, 100)), {"mask_touches_edges": {"sides": 2}}),
        (rectangles((0, 0, 200, 60)), {"mask_touches_edges": {"sides": 3}}),
        (rectangles((0, 0, 200, 100)), {}),  # it has a warning of its own
        (rectangles((0, 0, 200, 92)), {"mask_too_large": {"percent": "92"}}),
        (rectangles((0, 0, 200, 100)) * 0.4, {"mask_too_small": {"percent": "0"}}),
        (rectangles((50, 20, 60, 28)), {"mask_too_small": {"percent": "0.4"}}),
        (rectangles((50, 20, 61, 30)), {}),
        (rectangles(*SPECKS[:5]), {"mask_too_small": {"percent": "0.4"}}),
        (rectangles((20, 50, 180, 90), *SPECKS), {"mask_in_parts": {"parts": 7}}),
    ],
)
def test_what_is_odd(mask: torch.Tensor, odd: dict[str, dict[str, object]]) -> None:
    assert {warned.id: warned.values for warned in odd_about(mask[None])} == odd
    assert {warned.id for warned in odd_about(mask.T)} == set(odd)


def test_parts_by_hand() -> None:
    assert count_parts(torch.zeros(9, 9, dtype=torch.bool)) == 0
    ring = rectangles((10, 10, 90, 90), size=(100, 100))
    ring[20:80, 20:80] = 0
    ring[40:60, 40:60] = 1
    assert count_parts(ring > 0) == 2
    steps = torch.eye(50) > 0  # corners touch
    assert count_parts(steps) == 1
    snake = torch.zeros(41, 41, dtype=torch.bool)
    snake[::2] = True
    snake[1::4, -1] = snake[3::4, 0] = True
    assert count_parts(snake) == 1
    large = rectangles((100, 100, 900, 900), (1500, 500, 1700, 900), size=(1000, 4000))
    assert count_parts(large > 0) == 2
