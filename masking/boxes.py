"""Arithmetic of boxes (x0, y0, x1, y1), and the choice between detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from .interfaces import Box, Detection

Selection = Literal["best", "all", "largest"]
SAME_THING = 0.8  # two boxes of one phrase that overlap by more are the same thing
SELECTIONS: tuple[str, ...] = get_args(Selection)


def corners(centred: Tensor) -> Tensor:
    """(N, 4) of cx, cy, w, h to corners."""
    centre, half = centred[:, :2], centred[:, 2:] / 2
    return torch.cat([centre - half, centre + half], -1)


def to_pixels(relative: Tensor, height: int, width: int) -> Tensor:
    """(N, 4) of cx, cy, w, h relative to a picture, as corners in its pixels, cut at its edges."""
    boxes = corners(relative) * torch.tensor([width, height, width, height])
    return torch.stack([boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)], -1).flatten(1)


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def iou(a: Box, b: Box) -> float:
    """Intersection over union; 0 for boxes without area."""
    intersection = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = area(a) + area(b) - intersection
    return intersection / union if union > 0 else 0.0


def suppress(detections: list[Detection], most: float) -> list[Detection]:
    """Non-maximum suppression: drops boxes whose IoU with an earlier one is above `most`, and boxes without area.

    detections: best first.
    """
    boxes = torch.tensor([d.box for d in detections], dtype=torch.float64).reshape(-1, 4)
    sizes = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)
    alive = sizes > 0
    kept = []
    for i, detection in enumerate(detections):
        if not alive[i]:
            continue
        kept.append(detection)
        sides = torch.minimum(boxes[i, 2:], boxes[:, 2:]) - torch.maximum(boxes[i, :2], boxes[:, :2])
        intersections = sides.clamp(min=0).prod(-1)
        alive &= intersections <= most * (sizes + sizes[i] - intersections)
    return kept


def without_doubles(detections: list[Detection], phrases: Sequence[str]) -> list[Detection]:
    """Of each phrase, in their order, the boxes that are not the same thing. detections: best first."""
    by_phrase = [[d for d in detections if d.phrase == phrase] for phrase in phrases]
    return [d for same_phrase in by_phrase for d in suppress(same_phrase, SAME_THING)]


def select(detections: list[Detection], how: Selection) -> list[Detection]:
    """Of each phrase the best or the largest, or all. Several phrases give several things: "face . hair" is a face and
    hair."""
    if how == "all":
        return detections
    selected: dict[str, Detection] = {}
    for detection in detections:
        rival = selected.get(detection.phrase)
        if rival is None or _rank(detection, how) > _rank(rival, how):
            selected[detection.phrase] = detection
    return list(selected.values())


def _rank(detection: Detection, how: Selection) -> float:
    return detection.score if how == "best" else area(detection.box)
