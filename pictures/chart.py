"""Scores as bars, for a look at which is high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw
from torch import Tensor

from .eight_bits import from_pil
from .fonts import label_font
from .grid import INK, PAPER

BAR, TRACK, DOT = (100, 170, 255), (60, 60, 60), (255, 200, 87)
WIDTH, ROW, MARGIN, PRINT = 720, 44, 16, 18
LABEL, NUMBER = 230, 80
"""Pixels left of a bar for its name, and right of it for its value."""


@dataclass(frozen=True)
class Bar:
    """One score. values: the single ones, of which the bar shows the mean. low, high: the bar's ends."""

    label: str
    values: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    def place(self, value: float) -> float:
        """Where a value is along the bar, in [0, 1]; what lies outside is at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def bar_chart(heading: str, bars: Sequence[Bar]) -> Tensor:
    """One bar a line, of the mean, with a dot for each single value. Returns (1, H, W, 3)."""
    canvas = Image.new("RGB", (WIDTH, MARGIN * 2 + ROW * (len(bars) + 1)), PAPER)
    draw, font = ImageDraw.Draw(canvas), label_font(PRINT)
    draw.text((MARGIN, MARGIN), heading, INK, font)
    for i, bar in enumerate(bars):
        top = MARGIN + ROW * (i + 1)
        draw.text((MARGIN, top), bar.label, INK, font)
        draw.text((WIDTH - NUMBER, top), f"{bar.mean:.3f}", INK, font)
        _draw_bar(draw, bar, top)
    return from_pil(canvas)[None]


def _draw_bar(draw: ImageDraw.ImageDraw, bar: Bar, top: int) -> None:
    left, length = LABEL, WIDTH - NUMBER - LABEL - MARGIN
    draw.rectangle((left, top + 2, left + length, top + PRINT + 4), TRACK)
    draw.rectangle((left, top + 2, left + length * bar.place(bar.mean), top + PRINT + 4), BAR)
    for value in bar.values:
        x, y = left + length * bar.place(value), top + PRINT + 10
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), DOT)
