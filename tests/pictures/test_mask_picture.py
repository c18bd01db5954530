from __future__ import annotations

import torch

from single_image_studio.pictures.mask_picture import EDGE, OUTSIDE, mask_picture

COLOUR = torch.tensor([0.2, 0.6, 1.0])
GREY = 0.299 * 0.2 + 0.587 * 0.6 + 0.114


def test_subject_keeps_its_colours_and_the_rest_is_dark_and_grey() -> None:
    mask = torch.zeros(1, 32, 48)
    mask[:, 8:24, 16:40] = 1
    shown = mask_picture(COLOUR.expand(1, 32, 48, 3), mask)[0]
    inside = mask[0] == 1
    assert torch.allclose(shown[inside], COLOUR)
    edge = (shown - torch.tensor(EDGE)).abs().amax(-1) < 1e-6
    assert edge.sum() == 18 * 26 - 16 * 24  # one pixel wide, all around, none of it on the subject
    assert torch.allclose(shown[~inside & ~edge], torch.full((3,), OUTSIDE * GREY))


def test_a_soft_mask_fades() -> None:
    shown = mask_picture(COLOUR.expand(1, 64, 64, 3), torch.full((1, 64, 64), 0.25))
    assert torch.allclose(shown, (0.25 * COLOUR + 0.75 * OUTSIDE * GREY).expand_as(shown))


def test_full_and_empty_masks_have_no_edge() -> None:
    picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(mask_picture(picture, torch.ones(1, 64, 64)), picture)
    empty = mask_picture(picture, torch.zeros(1, 64, 64))
    assert torch.allclose(empty[..., 0], empty[..., 1]) and empty.max() <= OUTSIDE + 1e-6
