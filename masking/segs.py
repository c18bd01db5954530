"""Masks as the Impact Pack hands them on (SEGS), made without that pack: its nodes read a thing's parts by their
names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .interfaces import Box
from .postprocessing import CutOut

CONTEXT = 3.0  # how much larger than a thing's box the piece of the picture is that a detailer works on; the pack's own


class SEG(NamedTuple):
    """One thing. cropped_mask: (h, w) in 0…1 of the crop region. crop_region, bbox: x0, y0, x1, y1 in pixels. The other
    two are for nodes of that pack."""

    cropped_image: None
    cropped_mask: np.ndarray[Any, Any]
    confidence: float
    crop_region: list[int]
    bbox: list[int]
    label: str
    control_net_wrapper: None = None


Segs = tuple[tuple[int, int], list[SEG]]  # the picture's (H, W), and its things


def make_segs(size: tuple[int, int], things: Sequence[tuple[CutOut, Box, float, str]]) -> Segs:
    """size: the picture's (H, W). things: each with its box, its score and what it is called."""
    return size, [_seg(size, *thing) for thing in things]


def _seg(size: tuple[int, int], cut: CutOut, box: Box, score: float, label: str) -> SEG:
    outline = [int(box[0]), int(box[1]), -int(-box[2] // 1), -int(-box[3] // 1)]
    left, right = _around(outline[0], outline[2], size[1], cut.box[0], cut.box[2])
    top, bottom = _around(outline[1], outline[3], size[0], cut.box[1], cut.box[3])
    mask = np.zeros((bottom - top, right - left), np.float32)
    x0, y0, x1, y1 = cut.box
    mask[y0 - top : y1 - top, x0 - left : x1 - left] = cut.mask.numpy()
    return SEG(None, mask, score, [left, top, right, bottom], outline, label)


def _around(begin: int, end: int, most: int, first: int, last: int) -> tuple[int, int]:
    """One side of the crop region: CONTEXT times as long as the box, moved into the picture; it holds all of the
    mask."""
    length = min(most, round(CONTEXT * (end - begin)))
    start = min(max(0, (begin + end - length) // 2), most - length)
    return (min(start, first), max(start + length, last)) if last > first else (start, start + length)
