"""Contact sheets: pictures in a grid with captions in small print."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 6
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
LINE = 12  # pixels of a line of print
INK, WRONG_INK, PAPER = (30, 30, 30), (190, 20, 20), (255, 255, 255)


def wrap(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int, lines: int) -> list[str]:
    """Breaks a text at its spaces into at most `lines` lines of `width` pixels; what doesn't fit is cut."""
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width or not rows[-1]:
            rows[-1] = longer
        else:
            rows.append(word)
    if len(rows) > lines:
        rows = [*rows[: lines - 1], rows[lines - 1] + "…"]
    return rows


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
        for row, text in enumerate(wrap(draw, caption, font, width, lines)):
            draw.text((x, y + height + row * LINE), text, WRONG_INK if wrong and wrong[i] else INK, font)
    return sheet


def save_jpeg(sheet: Image.Image, path: pathlib.Path, most: int = 300_000) -> int:
    """Writes a JPEG of fewer than `most` bytes, as good as that allows; returns its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in range(92, 20, -6):
        data = io.BytesIO()
        sheet.save(data, "JPEG", quality=quality, subsampling=0 if quality > 80 else 2)
        if data.tell() < most:
            break
    path.write_bytes(data.getvalue())
    return data.tell()
