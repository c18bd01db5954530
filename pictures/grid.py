"""Many pictures in one, with their values along the edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

INK, PAPER = (235, 235, 235), (32, 32, 32)
GAP = 4
TILE, SHEET = 256, 4096


def grid_picture(cells: Tensor, columns: Sequence[str], rows: Sequence[str]) -> Tensor:
    """Lays pictures out in a grid, row by row, with a label above each column and left of each row.

    cells: (rows · columns, H, W, 3) in [0, 1]. Returns (1, H', W', 3).
    """
    height, width = cells.shape[1:3]
    font = _font(max(11, min(height, width) // 12))
    left = int(max(font.getlength(label) for label in rows)) + 3 * GAP
    top = sum(font.getmetrics() if hasattr(font, "getmetrics") else (11, 3)) + 2 * GAP
    # a small picture is narrower than its label
    wide = max(width, int(max(font.getlength(label) for label in columns)) + GAP)
    canvas = Image.new("RGB", (left + len(columns) * (wide + GAP), top + len(rows) * (height + GAP)), PAPER)
    draw = ImageDraw.Draw(canvas)
    for i, label in enumerate(columns):
        draw.text((left + i * (wide + GAP) + (wide - font.getlength(label)) / 2, GAP), label, INK, font)
    for j, label in enumerate(rows):
        draw.text(
            (left - 2 * GAP - font.getlength(label), top + j * (height + GAP) + height / 2 - top / 2 + GAP),
            label,
            INK,
            font,
        )
    levels = (cells.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    for index, picture in enumerate(levels):
        j, i = divmod(index, len(columns))
        canvas.paste(
            Image.fromarray(picture), (left + i * (wide + GAP) + (wide - width) // 2, top + j * (height + GAP))
        )
    return torch.from_numpy(np.asarray(canvas, np.float32) / 255)[None]


def contact_sheet(cells: Tensor, columns: int) -> Tensor:
    """The pictures alone, edge to edge and small, from which a page can cut each one again.

    cells: (rows · columns, H, W, 3) in [0, 1]. Returns (1, rows · h, columns · w, 3), with h and w reduced so that a
    tile is at most TILE and the sheet at most SHEET pixels long.
    """
    count, height, width = cells.shape[:3]
    rows = count // columns
    scale = min(1.0, TILE / max(height, width), SHEET / max(rows * height, columns * width))
    size = max(1, int(height * scale)), max(1, int(width * scale))
    small = (
        F.interpolate(cells.movedim(-1, 1), size, mode="bilinear", antialias=True, align_corners=False)
        if scale < 1
        else cells.movedim(-1, 1)
    )
    lines = small.reshape(rows, columns, 3, *size).permute(0, 3, 1, 4, 2)
    return lines.reshape(1, rows * size[0], columns * size[1], 3).clamp(0, 1)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has one size
        return ImageFont.load_default()
