"""Boxes: x0, y0, x1, y1."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .interfaces import Box, Detection

Select = Literal["best", "all", "largest"]


def corners(centred: Tensor) -> Tensor:
    """(N, 4) of cx, cy, w, h to corners."""
    centre, half = centred[:, :2], centred[:, 2:] / 2
    return torch.cat([centre - half, centre + half], -1)


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    """Intersection over union; 0 for boxes without area."""
    shared = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    together = area(a) + area(b) - shared
    return shared / together if together > 0 else 0.0


def suppress(detections: list[Detection], most: float) -> list[Detection]:
    """Drops what overlaps an earlier one by more than `most`, and boxes without area. detections: best first."""
    boxes = torch.tensor([d.box for d in detections], dtype=torch.float64).reshape(-1, 4)
    sizes = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)
    alive = sizes > 0
    kept = []
    for i, detection in enumerate(detections):
        if not alive[i]:
            continue
        kept.append(detection)
        shared = (
            (torch.minimum(boxes[i, 2:], boxes[:, 2:]) - torch.maximum(boxes[i, :2], boxes[:, :2]))
            .clamp(min=0)
            .prod(-1)
        )
        alive &= shared <= most * (sizes + sizes[i] - shared)
    return kept


def select(detections: list[Detection], how: Select) -> list[Detection]:
    """Of each phrase the best or the largest, or all. Several phrases give several things: "face . hair" is a face and
    hair."""
    if how == "all":
        return detections
    chosen: dict[str, Detection] = {}
    for detection in detections:
        best = chosen.get(detection.phrase)
        if best is None or (detection.score > best.score if how == "best" else area(detection.box) > area(best.box)):
            chosen[detection.phrase] = detection
    return list(chosen.values())
