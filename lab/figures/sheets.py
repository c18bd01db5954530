"""Contact sheets: pictures in a grid with captions in small print."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import jpeg
from .captions import wrap

GAP = 6
LINE = 12  # pixels of a line of print
INK, WRONG_INK, PAPER = (30, 30, 30), (190, 20, 20), (255, 255, 255)


def contact_sheet(
    pictures: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int,
    lines: int = 3,
    wrong: Sequence[bool] | None = None,
    title: str = "",
) -> Image.Image:
    """Pictures (H, W, 3) uint8 of one size in rows of `columns`, each over its caption; `wrong` ones print in red."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    top = LINE + 2 * GAP if title else GAP
    cell_width, cell_height = width + GAP, height + lines * LINE + GAP
    sheet = Image.new("RGB", (columns * cell_width + GAP, top + rows * cell_height), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=10)
    draw.text((GAP, GAP // 2), title, INK, font)
    for i, (picture, caption) in enumerate(zip(pictures, captions)):
        x, y = GAP + (i % columns) * cell_width, top + (i // columns) * cell_height
        sheet.paste(Image.fromarray(picture), (x, y))
        for row, text in enumerate(wrap(caption, font, width, lines)):
            draw.text((x, y + height + row * LINE), text, WRONG_INK if wrong and wrong[i] else INK, font)
    return sheet


def save_jpeg(sheet: Image.Image, path: pathlib.Path, most: int = 300_000) -> int:
    """Writes a JPEG of fewer than `most` bytes, as good as that allows; returns its size."""
    return jpeg.write(path, jpeg.encode(sheet, most - 1, range(92, 20, -6), fine_colors=True))
