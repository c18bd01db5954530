"""What was found, drawn over the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .interfaces import Detection
from .pictures import to_pil

TINT = (64, 160, 255)  # of the mask
CHOSEN, OTHER, INK = (255, 196, 0), (150, 150, 150), (0, 0, 0)


def overlay(picture: Tensor, mask: Tensor, found: Sequence[Detection], chosen: Sequence[Detection]) -> Tensor:
    """The picture with the mask tinted and every box with its label and score; what was not chosen is grey.

    picture: (H, W, C) in [0, 1]. mask: (H, W). Returns (H, W, 3).
    """
    levels = np.asarray(to_pil(picture), np.float32)
    strength = 0.45 * mask.clamp(0, 1).cpu().numpy()[..., None]
    image = Image.fromarray((levels * (1 - strength) + np.array(TINT, np.float32) * strength).round().astype(np.uint8))
    draw = ImageDraw.Draw(image)
    size = max(10, min(image.size) // 40)
    font = _font(size)
    for detection in sorted(found, key=lambda d: d in chosen):  # the chosen are drawn last, on top
        _draw(draw, detection, CHOSEN if detection in chosen else OTHER, font, max(1, size // 6), image.size)
    return torch.from_numpy(np.asarray(image, np.float32) / 255)


def _draw(
    draw: ImageDraw.ImageDraw,
    detection: Detection,
    colour: tuple[int, int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    line: int,
    size: tuple[int, int],
) -> None:
    x0, y0, x1, y1 = (round(v) for v in detection.box)
    draw.rectangle((x0, y0, max(x0, min(x1, size[0] - 1)), max(y0, min(y1, size[1] - 1))), outline=colour, width=line)
    text = f"{detection.label or detection.phrase} {detection.score:.2f}"
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = int(right - left) + 4, int(bottom - top) + 4
    x, y = max(0, min(x0, size[0] - width)), y0 - height if y0 >= height else y0
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + 2 - left, y + 2 - top), text, INK, font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has one size
        return ImageFont.load_default()
