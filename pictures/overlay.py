"""What a detector found and a segmenter cut out, drawn over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from .eight_bits import from_pil, to_pil
from .fonts import Font, label_font

TINT, OPACITY = (64, 160, 255), 0.45  # of the mask
SELECTED, OTHER, CUT, INK = (255, 196, 0), (150, 150, 150), (255, 80, 80), (0, 0, 0)
ON, OFF = (60, 200, 90), (255, 80, 80)  # points on the thing, and off it
SMALLEST_PRINT = 10
MARGIN = 2  # between a label's print and its edge


@dataclass(frozen=True)
class LabelledBox:
    """One box to draw. box: x0, y0, x1, y1 in pixels. score: in [0, 1]; None is not written. selected: in colour, else
    grey. cut: what is cut out of the mask, in red."""

    box: tuple[float, float, float, float]
    label: str
    score: float | None
    selected: bool
    cut: bool = False

    @property
    def colour(self) -> tuple[int, int, int]:
        return CUT if self.cut else SELECTED if self.selected else OTHER

    @property
    def text(self) -> str:
        return self.label if self.score is None else f"{self.label} {self.score:.2f}"


def overlay(
    picture: Tensor, mask: Tensor, boxes: Sequence[LabelledBox], points: Sequence[tuple[float, float, bool]] = ()
) -> Tensor:
    """The picture with the mask tinted, every box with its label and score, and the points.

    picture: (H, W, C) in [0, 1]. mask: (H, W) in [0, 1]. points: x, y, and whether it is on the thing.
    Returns (H, W, 3).
    """
    image = _tinted(to_pil(picture), mask)
    size = max(SMALLEST_PRINT, min(image.size) // 40)
    font = label_font(size)
    for box in sorted(boxes, key=lambda box: (box.cut, box.selected)):  # what counts most is drawn last, on top
        _draw_frame(image, box, max(1, size // 6))
        _draw_label(image, box, font)
    for point in points:
        _draw_point(image, point, max(2, size // 3))
    return from_pil(image)


def _tinted(image: Image.Image, mask: Tensor) -> Image.Image:
    opacity = OPACITY * mask.clamp(0, 1).cpu().numpy()[..., None]
    levels = np.asarray(image, np.float32) * (1 - opacity) + np.array(TINT, np.float32) * opacity
    return Image.fromarray(levels.round().astype(np.uint8))


def _draw_frame(image: Image.Image, box: LabelledBox, line: int) -> None:
    width, height = image.size
    x0, y0, x1, y1 = (round(v) for v in box.box)
    corners = (x0, y0, max(x0, min(x1, width - 1)), max(y0, min(y1, height - 1)))
    ImageDraw.Draw(image).rectangle(corners, outline=box.colour, width=line)


def _draw_label(image: Image.Image, box: LabelledBox, font: Font) -> None:
    """Above the box, or inside it where there is no room above."""
    draw, text = ImageDraw.Draw(image), box.text
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = int(right - left) + 2 * MARGIN, int(bottom - top) + 2 * MARGIN
    x0, y0 = round(box.box[0]), round(box.box[1])
    x, y = max(0, min(x0, image.width - width)), y0 - height if y0 >= height else y0
    draw.rectangle((x, y, x + width, y + height), fill=box.colour)
    draw.text((x + MARGIN - left, y + MARGIN - top), text, INK, font)


def _draw_point(image: Image.Image, point: tuple[float, float, bool], radius: int) -> None:
    x, y, on = point
    place = (round(x) - radius, round(y) - radius, round(x) + radius, round(y) + radius)
    draw, line = ImageDraw.Draw(image), max(1, radius // 3)
    if on:
        draw.ellipse(place, fill=ON, outline=INK, width=line)
    else:  # another shape too, for eyes that do not tell red from green
        draw.rectangle(place, fill=OFF, outline=INK, width=line)
