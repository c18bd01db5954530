"""What shows a thing beside words: boxes, points and rough masks, as wires and JSON bring them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import torch.nn.functional as F
from torch import Tensor

from ..support.checks import is_number
from ..support.errors import InputError
from ..support.warnings import warn
from ..support.wires import require_masks
from .interfaces import Box, Point, Thing
from .postprocessing import trimmed

BOXES_LOOK = 'x, y, width and height, as in [{"x": 10, "y": 20, "width": 200, "height": 300}], or [x0, y0, x1, y1]'
POINTS_LOOK = 'x and y, as in [{"x": 120, "y": 80}], with "label": 0 for points that are not on it'


@dataclass(frozen=True)
class HintWires:
    """As the node gets them. boxes: BOUNDING_BOX, or JSON of such or of our own detections. points, negative_points:
    JSON. mask: (B or 1, H, W), roughly the thing."""

    boxes: object = None
    points: str = ""
    negative_points: str = ""
    mask: Tensor | None = None

    def any(self) -> bool:
        texts = (self.boxes, self.points, self.negative_points)
        return self.mask is not None or any(not _is_nothing(text) for text in texts)


@dataclass(frozen=True)
class Hints:
    """Of one picture. mask: (H, W) in [0, 1], or None; it marks something."""

    boxes: tuple[Box, ...] = ()
    points: tuple[Point, ...] = ()
    mask: Tensor | None = None

    def any(self) -> bool:
        """Whether they show a thing; points that are not on it do not."""
        return bool(self.boxes) or self.mask is not None or any(on for *_, on in self.points)

    def things(self, found: Sequence[Box]) -> list[Thing]:
        """What is to be cut out: first what is in the boxes that words have `found`, then what the hints show.

        A point goes with each box that it is in. Points on a thing that are in no box show one more together, with
        all the points that are not on it.
        """
        outlined = [Thing(box) for box in (*found, *self.boxes)]
        if self.mask is not None:
            outlined.append(Thing(_extent(self.mask), mask=self.mask))
        things = [replace(thing, points=tuple(p for p in self.points if _is_in(p, thing.box))) for thing in outlined]
        free = [p for p in self.points if p[2] and not any(_is_in(p, thing.box) for thing in outlined)]
        return [*things, Thing(points=(*free, *(p for p in self.points if not p[2])))] if free else things

    def labels(self) -> list[str]:
        """What the hints' things are called, in the order of `things`; that of points is there or not."""
        return ["box"] * len(self.boxes) + ["mask"] * (self.mask is not None) + ["points"]


def _extent(mask: Tensor) -> Box:
    x0, y0, x1, y1 = trimmed(mask > 0.5).box
    return float(x0), float(y0), float(x1), float(y1)


def _is_in(point: Point, box: Box | None) -> bool:
    return box is not None and box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def read_hints(wires: HintWires, count: int, size: tuple[int, int]) -> list[Hints]:
    """The hints of each of `count` pictures of `size` (H, W).

    Raises: InputError for hints that are no hints, outside of their picture, or of pictures that are not there.
    """
    boxes = _per_picture("boxes", _boxes_of(wires.boxes, size), _is_box, BOXES_LOOK, count)
    on = _per_picture("points", wires.points, _is_point, POINTS_LOOK, count)
    off = _per_picture("negative_points", wires.negative_points, _is_point, POINTS_LOOK, count)
    return [
        Hints(
            tuple(_box(box, number, size) for box in boxes[i]),
            (
                *(_point("points", point, number, size) for point in on[i]),
                *((x, y, False) for x, y, _ in (_point("negative_points", p, number, size) for p in off[i])),
            ),
            mask,
        )
        for i, (number, mask) in enumerate(zip(range(1, count + 1), _masks(wires.mask, count, size)))
    ]


def _per_picture(name: str, value: object, is_hint: Callable[[Any], bool], look: str, count: int) -> list[list[Any]]:
    """The hints of each picture; one hint or one list of them is for all."""
    value = _parsed(name, value, look)
    lists = [[value]] if is_hint(value) else value
    if isinstance(lists, (list, tuple)) and all(map(is_hint, lists)):
        lists = [lists]
    if not isinstance(lists, (list, tuple)) or not all(
        isinstance(hints, (list, tuple)) and all(map(is_hint, hints)) for hints in lists
    ):
        raise InputError(f"`{name}` cannot be understood: it must be a list, or one for each picture, with {look}.")
    if len(lists) not in (1, count):
        raise InputError(
            f"`{name}` has hints for {len(lists)} pictures and `image` has {count}: give one list for all of them, or"
            " one for each."
        )
    return [list(hints) for hints in lists] * (count if len(lists) == 1 else 1)


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _parsed(name: str, value: object, look: str) -> object:
    if _is_nothing(value):
        return []
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InputError(f"`{name}` is not JSON ({error}): it must be a list with {look}.") from error


def _boxes_of(value: object, size: tuple[int, int]) -> object:
    """What `boxes` brings; of the detections of another Mask from Prompt the boxes that it selected, of each picture,
    in pixels of pictures of `size`."""
    report = _parsed("boxes", value, BOXES_LOOK)
    if not isinstance(report, Mapping) or "images" not in report:
        return report
    try:
        return [_selected(picture, size) for picture in report["images"]]
    except (KeyError, TypeError):
        return report


def _selected(picture: Mapping[str, Any], size: tuple[int, int]) -> list[Any]:
    """The selected boxes of one picture. Raises: KeyError, TypeError when it is none."""
    height, width = size
    boxes = [found["box"] for found in picture["detections"] if found["selected"]]
    their_width, their_height = picture.get("width"), picture.get("height")
    if not _is_length(their_width) or not _is_length(their_height) or (their_width, their_height) == (width, height):
        return boxes
    if boxes:
        warn("boxes_resized", boxes=f"{their_width}x{their_height}", picture=f"{width}x{height}")
    across, down = width / their_width, height / their_height
    return [[box[0] * across, box[1] * down, box[2] * across, box[3] * down] if _is_box(box) else box for box in boxes]


def _is_length(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and is_number(value) and value > 0


def _is_box(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(is_number(value.get(key)) for key in ("x", "y", "width", "height"))
    return isinstance(value, (list, tuple)) and len(value) == 4 and all(map(is_number, value))


def _is_point(value: Any) -> bool:
    if isinstance(value, Mapping):
        return is_number(value.get("x")) and is_number(value.get("y")) and value.get("label", 1) in (0, 1)
    is_list = isinstance(value, (list, tuple)) and len(value) in (2, 3)
    return is_list and all(map(is_number, value)) and (len(value) == 2 or value[2] in (0, 1))


def _box(value: Any, number: int, size: tuple[int, int]) -> Box:
    """Cut at the picture's edges. number: the picture's. Raises: InputError when nothing of it is in the picture."""
    height, width = size
    x0, y0, x1, y1 = (
        (value["x"], value["y"], value["x"] + value["width"], value["y"] + value["height"])
        if isinstance(value, Mapping)
        else value
    )
    box = (max(0.0, float(x0)), max(0.0, float(y0)), min(float(width), x1), min(float(height), y1))
    if x0 >= x1 or y0 >= y1:
        raise InputError(f"`boxes` has one without area in picture {number} ({_told(x0, y0, x1, y1)}): remove it.")
    if box[0] >= box[2] or box[1] >= box[3]:
        raise InputError(
            f"`boxes` has one outside of picture {number}, which is {width}x{height} ({_told(x0, y0, x1, y1)}): remove"
            " it, or measure it on this picture."
        )
    return box


def _point(name: str, value: Any, number: int, size: tuple[int, int]) -> Point:
    """Raises: InputError when it is outside of the picture."""
    height, width = size
    x, y, *label = (value["x"], value["y"], value.get("label", 1)) if isinstance(value, Mapping) else value
    if not (0 <= x <= width and 0 <= y <= height):
        raise InputError(
            f"`{name}` has one outside of picture {number}, which is {width}x{height} ({_told(x, y)}): remove it, or"
            " measure it on this picture."
        )
    return float(x), float(y), not label or label[0] == 1


def _told(*numbers: float) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _masks(mask: Tensor | None, count: int, size: tuple[int, int]) -> list[Tensor | None]:
    """One for each picture, of its size; None where no pixel is more than half on."""
    if mask is None:
        return [None] * count
    require_masks("mask_hint", mask)
    masks = mask.reshape(-1, *mask.shape[-2:]).float().cpu()
    if len(masks) not in (1, count):
        raise InputError(
            f"`mask_hint` holds {len(masks)} masks and `image` {count} pictures: give one for all of them, or one for"
            " each."
        )
    if masks.shape[1:] != size:
        sizes = {"mask": f"{masks.shape[2]}x{masks.shape[1]}", "picture": f"{size[1]}x{size[0]}"}
        warn("mask_hint_resized", **sizes)
        masks = F.interpolate(masks[None], size, mode="bilinear", antialias=True)[0]
    kept = [each.clamp(0, 1) if bool((each > 0.5).any()) else None for each in masks]
    return kept * (count if len(kept) == 1 else 1)
