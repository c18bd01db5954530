"""The way to 8 bits and back."""

from __future__ import annotations

import numpy as np
import torch

from single_image_studio.pictures.eight_bits import from_levels, from_pil, to_levels, to_pil


def test_every_level_comes_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_levels(from_levels(levels)), levels)
    assert torch.equal(from_levels(levels).flatten(), torch.arange(256) / 255)


def test_levels_are_rounded_and_kept_in_range() -> None:
    values = torch.tensor([[0.49, 0.51, 254.6], [-300.0, 300.0, 127.5]]) / 255
    assert to_levels(values).tolist() == [[0, 1, 255], [0, 255, 128]]
    assert to_levels(torch.tensor([float("nan"), float("inf"), -float("inf")])).tolist() == [0, 255, 0]


def test_grey_transparent_and_broken_pixels() -> None:
    grey = torch.full((4, 4, 1), 0.5)
    rgba = torch.cat([torch.full((4, 4, 3), 0.5), torch.zeros(4, 4, 1)], -1)
    assert to_pil(grey).getpixel((0, 0)) == to_pil(rgba).getpixel((0, 0)) == (128, 128, 128)
    broken = torch.tensor([[[float("nan"), 2.0, -1.0]]])
    assert to_pil(broken).getpixel((0, 0)) == (0, 255, 0)


def test_a_picture_comes_back_from_pillow() -> None:
    picture = torch.arange(2 * 3 * 3).reshape(2, 3, 3) / 255
    assert torch.equal(from_pil(to_pil(picture)), picture)
