"""Draws the demo's contact sheet: the source pictures, then every prompt's pictures with the prompt underneath.

`python -m lab.figures.demo_sheet < job.json`; the job holds `title`, `sources` [{file, caption}], `rows`
[{caption, files}] and `out`. Needs Pillow.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from .captions import wrap

SIDE = 192  # pixels of one picture
GAP = 6
MARGIN = 24
CAPTION, LINES = 44, 2  # pixels of a caption, lines of print in it
COLUMNS = 4  # prompts a line
INK, PAPER, FAINT = (30, 30, 30), (255, 255, 255), (120, 120, 120)


def paste(sheet: Image.Image, files: list[str], caption: str, x: int, y: int) -> None:
    """Puts a row of pictures at (x, y) with its caption underneath."""
    for i, file in enumerate(files):
        with Image.open(file) as picture:
            fitted = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        sheet.paste(fitted, (x + i * (SIDE + GAP), y))
    font = ImageFont.load_default(15)
    width = len(files) * (SIDE + GAP) - GAP
    text = "\n".join(wrap(caption, font, width, LINES))
    ImageDraw.Draw(sheet).multiline_text((x, y + SIDE + 4), text, INK, font, spacing=2)


def contact_sheet(job: dict[str, Any]) -> Image.Image:
    """The whole sheet; every prompt has as many pictures as the first has, or fewer."""
    rows, sources = job["rows"], job["sources"]
    cell = len(rows[0]["files"]) * (SIDE + GAP) - GAP + MARGIN
    line = SIDE + CAPTION + MARGIN // 2
    columns = min(COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    top = MARGIN + 34
    size = (max(columns * cell, len(sources) * (SIDE + MARGIN)) + MARGIN, top + (lines + 1) * line + MARGIN // 2)
    sheet = Image.new("RGB", size, PAPER)
    ImageDraw.Draw(sheet).text((MARGIN, MARGIN - 6), job["title"], INK, ImageFont.load_default(22))
    for i, source in enumerate(sources):
        paste(sheet, [source["file"]], source["caption"], MARGIN + i * (SIDE + MARGIN), top)
    for i, row in enumerate(rows):
        paste(sheet, row["files"], row["caption"], MARGIN + i % columns * cell, top + (1 + i // columns) * line)
    return sheet


if __name__ == "__main__":
    order = json.load(sys.stdin)
    contact_sheet(order).save(order["out"])
