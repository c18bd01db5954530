"""Maps of numbers as colours over a picture."""

from __future__ import annotations

import torch
from PIL import ImageDraw
from torch import Tensor

from .eight_bits import from_pil, to_pil
from .fonts import label_font

RAMP = ((0.0, 0.0, 0.25), (0.1, 0.35, 0.95), (0.1, 0.8, 0.7), (0.98, 0.85, 0.15), (0.9, 0.1, 0.05))
"""From nothing to most: dark blue, blue, green, yellow, red."""
OPACITY = (0.35, 0.75)
"""Of the colours, where the map is lowest and where it is highest: the picture is seen through both."""
SMALLEST_PRINT, MARGIN = 11, 3


def colours(heat: Tensor) -> Tensor:
    """heat: (H, W) in [0, 1]. Returns (H, W, 3): its place along RAMP."""
    ramp = torch.tensor(RAMP)
    place = heat.float().clamp(0, 1) * (len(ramp) - 1)
    low = place.floor().long().clamp(max=len(ramp) - 2)
    return torch.lerp(ramp[low], ramp[low + 1], (place - low)[..., None])


def heat_overlay(picture: Tensor, heat: Tensor, label: str) -> Tensor:
    """The picture with a map over it and a label in its upper left corner.

    picture: (H, W, C) in [0, 1]. heat: (H, W) in [0, 1]. Returns (H, W, 3).
    """
    opacity = torch.lerp(torch.tensor(OPACITY[0]), torch.tensor(OPACITY[1]), heat.clamp(0, 1))[..., None]
    image = to_pil(torch.lerp(picture[..., :3].float(), colours(heat), opacity))
    font = label_font(max(SMALLEST_PRINT, min(image.size) // 24))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((2 * MARGIN, 2 * MARGIN), label, font=font)
    draw.rectangle((left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN), (0, 0, 0))
    draw.text((2 * MARGIN, 2 * MARGIN), label, (255, 255, 255), font)
    return from_pil(image)
