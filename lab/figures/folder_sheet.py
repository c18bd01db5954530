"""Draws a contact sheet of concepts: a line each, the picture first, then what was found in it and what was drawn.

`python -m lab.figures.folder_sheet < job.json`; the job holds `rows` [{caption, files}], `side` (pixels of a picture)
and `out`. A file that is not there leaves its place empty. Needs Pillow.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

GAP, CAPTION = 8, 22
INK, PAPER = (30, 30, 30), (255, 255, 255)


def tile(file: str, side: int) -> Image.Image:
    """A whole picture within a square, upright as its camera says."""
    try:
        with Image.open(file) as picture:
            return ImageOps.pad(ImageOps.exif_transpose(picture).convert("RGB"), (side, side), color=PAPER)
    except OSError:
        return Image.new("RGB", (side, side), PAPER)


def folder_sheet(job: dict[str, Any]) -> Image.Image:
    """The whole sheet."""
    rows, side = job["rows"], job["side"]
    columns = max(len(row["files"]) for row in rows)
    sheet = Image.new("RGB", (GAP + columns * (side + GAP), GAP + len(rows) * (side + CAPTION)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for number, row in enumerate(rows):
        y = GAP + number * (side + CAPTION)
        for column, file in enumerate(row["files"]):
            sheet.paste(tile(file, side), (GAP + column * (side + GAP), y))
        draw.text((GAP, y + side + 2), row["caption"], INK, font)
    return sheet


if __name__ == "__main__":
    order = json.load(sys.stdin)
    folder_sheet(order).save(order["out"])
