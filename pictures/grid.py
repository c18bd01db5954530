"""Many pictures in one, with their values along the edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw
from torch import Tensor

from .eight_bits import from_pil, to_pil
from .fonts import Font, label_font

INK, PAPER = (235, 235, 235), (32, 32, 32)
GAP = 4
SMALLEST_PRINT = 11


@dataclass(frozen=True)
class _Layout:
    """Where cells and labels lie, in pixels.

    left, top: of the first cell, beside and below its labels. column: a column's width, which is its label's where
    that is wider than a cell.
    """

    width: int
    height: int
    left: int
    top: int
    column: int

    def cell(self, row: int, column: int) -> tuple[int, int]:
        """The upper left corner of a cell's picture, in the middle of its column."""
        x = self.left + column * (self.column + GAP) + (self.column - self.width) // 2
        return x, self.top + row * (self.height + GAP)

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        """(width, height) of the whole grid."""
        return self.left + columns * (self.column + GAP), self.top + rows * (self.height + GAP)


def grid_picture(cells: Tensor, columns: Sequence[str], rows: Sequence[str]) -> Tensor:
    """Lays pictures out in a grid, row by row, with a label above each column and left of each row.

    cells: (rows · columns, H, W, 3) in [0, 1]. Returns (1, H', W', 3).
    """
    height, width = cells.shape[1:3]
    font = label_font(max(SMALLEST_PRINT, min(height, width) // 12))
    left = _longest(font, rows) + 3 * GAP
    layout = _Layout(width, height, left, _line(font) + 2 * GAP, max(width, _longest(font, columns) + GAP))
    canvas = Image.new("RGB", layout.size(len(rows), len(columns)), PAPER)
    _draw_labels(ImageDraw.Draw(canvas), font, layout, columns, rows)
    for index, picture in enumerate(cells):
        canvas.paste(to_pil(picture), layout.cell(*divmod(index, len(columns))))
    return from_pil(canvas)[None]


def _longest(font: Font, labels: Sequence[str]) -> int:
    return int(max(font.getlength(label) for label in labels))


def _line(font: Font) -> int:
    """The height of a line of print."""
    return sum(font.getmetrics()) if hasattr(font, "getmetrics") else SMALLEST_PRINT + 3


def _draw_labels(
    draw: ImageDraw.ImageDraw, font: Font, layout: _Layout, columns: Sequence[str], rows: Sequence[str]
) -> None:
    for i, label in enumerate(columns):
        middle = layout.left + i * (layout.column + GAP) + (layout.column - font.getlength(label)) / 2
        draw.text((middle, GAP), label, INK, font)
    for j, label in enumerate(rows):
        x = layout.left - 2 * GAP - font.getlength(label)
        y = layout.top + j * (layout.height + GAP) + layout.height / 2 - layout.top / 2 + GAP
        draw.text((x, y), label, INK, font)
