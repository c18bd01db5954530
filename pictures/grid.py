"""Many pictures in one, with their values along the edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw
from torch import Tensor

from .eight_bits import from_pil, to_pil
from .fonts import Font, label_font

INK, PAPER, FRAME = (235, 235, 235), (32, 32, 32), (255, 200, 87)
GAP, LINE = 4, 3  # between cells, and a frame's width, in pixels
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


@dataclass(frozen=True)
class Framed:
    """A cell with a frame around it, in the gap to its neighbours, and the line below the grid that explains it."""

    cell: int
    legend: str


def grid_picture(cells: Tensor, columns: Sequence[str], rows: Sequence[str], framed: Framed | None = None) -> Tensor:
    """Lays pictures out in a grid, row by row, with a label above each column and left of each row.

    cells: (rows · columns, H, W, 3) in [0, 1]. Returns (1, H', W', 3); a frame adds a line below.
    """
    height, width = cells.shape[1:3]
    font = label_font(max(SMALLEST_PRINT, min(height, width) // 12))
    left = _longest(font, rows) + 3 * GAP
    layout = _Layout(width, height, left, _line(font) + 2 * GAP, max(width, _longest(font, columns) + GAP))
    size = layout.size(len(rows), len(columns))
    canvas = Image.new("RGB", size, PAPER)
    _draw_labels(ImageDraw.Draw(canvas), font, layout, columns, rows)
    for index, picture in enumerate(cells):
        canvas.paste(to_pil(picture), layout.cell(*divmod(index, len(columns))))
    if framed is not None:
        canvas = _with_frame(canvas, font, layout, layout.cell(*divmod(framed.cell, len(columns))), framed.legend)
    return from_pil(canvas)[None]


def _with_frame(canvas: Image.Image, font: Font, layout: _Layout, corner: tuple[int, int], legend: str) -> Image.Image:
    """The grid with a frame around the cell at a corner, and a line below that says what it means."""
    width = max(canvas.width, int(font.getlength(legend)) + 2 * GAP)
    taller = Image.new("RGB", (width, canvas.height + _line(font) + 2 * GAP), PAPER)
    taller.paste(canvas)
    draw, (x, y) = ImageDraw.Draw(taller), corner
    draw.rectangle((x - LINE, y - LINE, x + layout.width + LINE - 1, y + layout.height + LINE - 1), None, FRAME, LINE)
    draw.text((width - GAP - font.getlength(legend), canvas.height + GAP), legend, FRAME, font)
    return taller


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
