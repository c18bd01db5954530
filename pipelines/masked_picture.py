"""One picture with what words and hints show of it, and its mask: as a drawing, a report, boxes and SEGS."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from ..masking.hints import Hints
from ..masking.interfaces import Box, Detection, Thing
from ..masking.postprocessing import CutOut
from ..masking.segs import Segs, make_segs
from ..pictures.overlay import LabelledBox, overlay


@dataclass(frozen=True)
class Shown:
    """What is to be cut out of one picture. detections: what the words found, and which of them are `selected`.
    negatives: what is cut out of the mask."""

    detections: list[Detection] = field(default_factory=list)
    selected: list[Detection] = field(default_factory=list)
    negatives: list[Detection] = field(default_factory=list)
    hints: Hints = Hints()

    @cached_property
    def things(self) -> list[Thing]:
        return self.hints.things([detection.box for detection in self.selected])


@dataclass(frozen=True)
class MaskedPicture:
    """picture: (H, W, C). mask: (H, W). cuts: the mask of each of the shown things."""

    picture: Tensor
    mask: Tensor
    shown: Shown
    cuts: list[CutOut]

    def overlay(self) -> Tensor:
        found = [_labelled(d, d in self.shown.selected) for d in self.shown.detections]
        hinted = [LabelledBox(d.box, d.label, None, True) for d in self._hinted]
        cut = [LabelledBox(d.box, f"- {d.label or d.phrase}", d.score, False, True) for d in self.shown.negatives]
        return overlay(self.picture, self.mask, [*found, *hinted, *cut], self.shown.hints.points)

    def report(self) -> dict[str, Any]:
        height, width = self.mask.shape
        report = {
            "width": width,
            "height": height,
            "missing": not self.shown.things,
            "mask_share": round(float(self.mask.mean()), 6),
            "detections": [*self.finds()["finds"], *(_detection_report(d, True) for d in self._hinted)],
        }
        negatives = [_detection_report(d, False) for d in self.shown.negatives]
        return report | {"negative": negatives} if negatives else report

    def finds(self) -> dict[str, Any]:
        """What the words found, for a person to choose from; the first is number 1."""
        found = [_detection_report(d, d in self.shown.selected) for d in self.shown.detections]
        height, width = self.mask.shape
        return {"width": width, "height": height, "finds": found}

    def bounding_boxes(self) -> list[dict[str, Any]]:
        """What the mask is of, as the host's BOUNDING_BOX."""
        return [_bounding_box(detection) for detection, _ in self._cut_out]

    def segs(self) -> Segs:
        height, width = self.mask.shape
        things = [(cut, d.box, d.score, d.label or d.phrase) for d, cut in self._cut_out]
        return make_segs((height, width), things)

    @property
    def _cut_out(self) -> list[tuple[Detection, CutOut]]:
        """What the mask is of, each with its own part of it."""
        both = zip([*self.shown.selected, *self._hints_as_detections], self.cuts)
        return [(detection, cut) for detection, cut in both if _has_area(detection.box)]

    @property
    def _hinted(self) -> list[Detection]:
        return [detection for detection in self._hints_as_detections if _has_area(detection.box)]

    @property
    def _hints_as_detections(self) -> list[Detection]:
        """One for each thing that hints show, with the box of its mask where it has none."""
        first = len(self.shown.selected)
        things = zip(self.shown.hints.labels(), self.shown.things[first:], self.cuts[first:])
        return [Detection(thing.box or _floats(cut.box), 1.0, "", label) for label, thing, cut in things]


def _floats(box: tuple[int, int, int, int]) -> Box:
    x0, y0, x1, y1 = map(float, box)
    return x0, y0, x1, y1


def _has_area(box: Box) -> bool:
    return box[0] < box[2] and box[1] < box[3]


def _labelled(detection: Detection, selected: bool) -> LabelledBox:
    return LabelledBox(detection.box, detection.label or detection.phrase, detection.score, selected)


def _detection_report(detection: Detection, selected: bool) -> dict[str, Any]:
    return {
        "phrase": detection.phrase,
        "label": detection.label,
        "score": round(detection.score, 4),
        "box": [round(v, 2) for v in detection.box],
        "selected": selected,
    }


def _bounding_box(detection: Detection) -> dict[str, Any]:
    x0, y0, x1, y1 = (round(v, 2) for v in detection.box)
    return {
        "x": x0,
        "y": y0,
        "width": round(x1 - x0, 2),
        "height": round(y1 - y0, 2),
        "label": detection.label or detection.phrase,
        "score": round(detection.score, 4),
    }
