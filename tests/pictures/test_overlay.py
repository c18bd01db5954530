"""What was found, drawn over the picture."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.pictures.overlay import CUT, OFF, ON, OTHER, SELECTED, TINT, LabelledBox, overlay


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_overlay_tints_the_mask_and_draws_selected_and_other_boxes(channels: int) -> None:
    mask = torch.zeros(200, 300)
    mask[150:, 250:] = 1
    boxes = [
        LabelledBox((20.0, 40.0, 120.0, 140.0), "dog", 0.9, True),
        LabelledBox((150.0, 60.0, 299.0, 190.0), "dog", 0.4, False),
    ]
    out = overlay(torch.zeros(200, 300, channels), mask, boxes)
    assert out.shape == (200, 300, 3)
    levels = (out * 255).round().int()
    assert levels[100, 20].tolist() == list(SELECTED) and levels[100, 150].tolist() == list(OTHER)
    assert levels[170, 270].tolist() == [round(0.45 * v) for v in TINT]
    assert levels[10, 250].tolist() == [0, 0, 0]


def test_points_and_what_is_cut_out() -> None:
    cut = LabelledBox((20.0, 40.0, 120.0, 140.0), "- dog", None, False, True)
    out = overlay(
        torch.full((200, 300, 3), 0.5), torch.zeros(200, 300), [cut], [(200.0, 50.0, True), (250.0, 150.0, False)]
    )
    levels = (out * 255).round().int()
    assert levels[100, 20].tolist() == list(CUT)
    assert levels[50, 200].tolist() == list(ON) and levels[150, 250].tolist() == list(OFF)
    assert levels[47, 203].tolist() != levels[147, 253].tolist()  # round and square


def test_what_is_cut_out_is_drawn_over_what_is_selected() -> None:
    place = (20.0, 40.0, 120.0, 140.0)
    boxes = [LabelledBox(place, "- dog", 0.5, False, True), LabelledBox(place, "dog", 0.5, True)]
    levels = (overlay(torch.zeros(200, 300, 3), torch.zeros(200, 300), boxes) * 255).round().int()
    assert levels[100, 20].tolist() == list(CUT)


def test_overlay_of_one_pixel() -> None:
    dot = LabelledBox((0.0, 0.0, 1.0, 1.0), "dot", 1.0, False)
    assert overlay(torch.rand(1, 1, 3), torch.ones(1, 1), [dot]).shape == (1, 1, 3)
