"""Boxes by hand."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.masking.boxes import corners, iou, select, suppress, to_pixels
from single_image_studio.masking.interfaces import Detection


def found(box, score: float, phrase: str = "dog") -> Detection:
    return Detection(tuple(float(v) for v in box), score, phrase, phrase)


def test_corners_and_iou() -> None:
    assert corners(torch.tensor([[0.5, 0.4, 0.2, 0.6]]))[0].tolist() == pytest.approx([0.4, 0.1, 0.6, 0.7])
    assert iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert iou((0, 0, 1, 1), (2, 2, 3, 3)) == iou((1, 1, 1, 1), (1, 1, 1, 1)) == 0


def test_suppress_keeps_the_first_of_what_overlaps() -> None:
    boxes = [(0, 0, 10, 10), (0, 0, 10, 9), (0, 0, 5, 10), (3, 3, 3, 8), (20, 0, 30, 10), (0, 0, 10, 8)]
    given = [found(box, 1 - i / 10) for i, box in enumerate(boxes)]
    kept = suppress(given, 0.8)  # 0.9 and 0.8 · of the first are gone (0.8 is not above 0.8), and the box without area
    assert [d.box for d in kept] == [(0, 0, 10, 10), (0, 0, 5, 10), (20, 0, 30, 10), (0, 0, 10, 8)]
    by_pairs = []  # the same from the definition
    for d in given:
        if d.box[2] > d.box[0] and all(iou(d.box, k.box) <= 0.8 for k in by_pairs):
            by_pairs.append(d)
    assert kept == by_pairs
    assert suppress([], 0.8) == []


def test_select_takes_one_of_each_phrase_or_all() -> None:
    small, large, hat = found((0, 0, 2, 2), 0.9), found((0, 0, 9, 9), 0.5), found((4, 4, 5, 5), 0.4, "hat")
    assert select([small, large, hat], "best") == [small, hat]
    assert select([small, large, hat], "largest") == [large, hat]
    assert select([small, large, hat], "all") == [small, large, hat]
    assert select([], "best") == []


def test_relative_boxes_are_cut_at_the_picture_s_edges() -> None:
    boxes = to_pixels(torch.tensor([[0.5, 0.5, 0.2, 0.4], [0.05, 0.1, 0.4, 0.2], [1.0, 1.0, 0.5, 0.5]]), 50, 100)
    assert torch.allclose(boxes, torch.tensor([[40.0, 15, 60, 35], [0, 0, 25, 10], [75, 37.5, 100, 50]]))
