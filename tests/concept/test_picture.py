"""What a picture and mask become before training."""

import pytest
import torch

from single_image_studio.concept.picture import prepare
from single_image_studio.support.errors import InputError


def box_mask(height: int, width: int, top: int, left: int, bottom: int, right: int) -> torch.Tensor:
    mask = torch.zeros(1, height, width)
    mask[:, top:bottom, left:right] = 1
    return mask


def test_a_good_picture_is_left_alone() -> None:
    image, mask = torch.rand(1, 128, 128, 3), box_mask(128, 128, 10, 20, 60, 90)
    prepared = prepare(image, mask, 512)
    assert torch.equal(prepared.picture, image)
    assert torch.equal(prepared.mask, mask)
    assert prepared.notes == ()


def test_larger_pictures_are_reduced_smaller_are_kept() -> None:
    mask = box_mask(640, 640, 100, 100, 300, 300)
    assert prepare(torch.rand(1, 640, 640, 3), mask, 512).picture.shape == (1, 512, 512, 3)
    assert prepare(torch.rand(1, 640, 640, 3), mask, 1024).picture.shape == (1, 640, 640, 3)
    assert prepare(torch.rand(1, 200, 200, 3), mask, 512).picture.shape == (1, 192, 192, 3)  # a multiple of 64


def test_wide_picture_is_cropped_over_the_subject() -> None:
    image = torch.linspace(0, 1, 256).view(1, 1, 256, 1).expand(1, 128, 256, 3).clone()
    prepared = prepare(image, box_mask(128, 256, 30, 190, 100, 250), 512)
    assert prepared.picture.shape == (1, 128, 128, 3)
    assert prepared.mask.sum() == 70 * 60  # the whole subject is in
    assert torch.allclose(prepared.picture, image[:, :, 128:])  # pushed against the right edge
    assert "cropped" in prepared.notes[0].text


def test_tall_picture_is_cropped_over_the_subject() -> None:
    prepared = prepare(torch.rand(1, 256, 128, 3), box_mask(256, 128, 100, 10, 160, 100), 512)
    assert prepared.picture.shape == (1, 128, 128, 3)
    assert prepared.mask.sum() == 60 * 90
    rows = prepared.mask[0].amax(1).nonzero()
    assert int(rows[0]) + int(rows[-1]) == pytest.approx(127, abs=1)  # centred


def test_long_subject_is_kept_whole() -> None:
    prepared = prepare(torch.rand(1, 128, 256, 3), box_mask(128, 256, 40, 10, 90, 240), 512)
    assert prepared.picture.shape == (1, 256, 256, 3)
    assert prepared.mask.sum() == 50 * 230
    assert "repeating its edge" in prepared.notes[0].text


def test_mask_of_another_size_is_resized_and_said() -> None:
    prepared = prepare(torch.rand(1, 128, 128, 3), box_mask(64, 64, 0, 0, 32, 64), 512)
    assert prepared.mask.shape == (1, 128, 128)
    assert prepared.mask.mean().item() == pytest.approx(0.5, abs=0.01)
    assert "the mask was resized" in prepared.notes[0].text


def test_full_mask_warns() -> None:
    assert "covers the whole picture" in prepare(torch.rand(1, 64, 64, 3), torch.ones(1, 64, 64), 512).notes[0].text


def test_alpha_is_dropped_and_flat_masks_are_taken() -> None:
    assert prepare(torch.rand(1, 64, 64, 4), box_mask(64, 64, 0, 0, 9, 9)[0], 512).picture.shape[-1] == 3


@pytest.mark.parametrize(
    "image, mask, words",
    [
        (torch.rand(2, 64, 64, 3), torch.ones(1, 64, 64), "batch of 2"),
        (torch.rand(1, 64, 64, 3), torch.ones(3, 64, 64), "`mask` is a batch of 3"),
        (torch.rand(1, 64, 64, 3), torch.zeros(1, 64, 64), "`mask` marks nothing"),
        (torch.rand(1, 40, 64, 3), torch.ones(1, 40, 64), "at least 64 pixels"),
        (torch.rand(64, 64, 3), torch.ones(1, 64, 64), "`image` is not one RGB picture"),
        (torch.full((1, 64, 64, 3), float("nan")), torch.ones(1, 64, 64), "`image` holds numbers that are not finite"),
    ],
)
def test_what_cannot_be_learned_from(image: torch.Tensor, mask: torch.Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        prepare(image, mask, 512)
