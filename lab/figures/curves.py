"""Draws loss curves: one panel a training stage, one line a loss.

`python -m lab.figures.curves < job.json`; the job holds `panels` [{title, series: {name: [numbers]}}] and `out`.
Needs Pillow.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 640, 360  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 60, 34
COLORS = ((30, 30, 30), (214, 40, 40), (33, 92, 214), (46, 160, 67), (130, 50, 180))
INK, GRID, PAPER = (60, 60, 60), (225, 225, 225), (255, 255, 255)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers, about `count` of them, from at or below `low` to at or above `high`."""
    span = (high - low) or abs(high) or 1.0
    raw = span / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def smoothed(values: list[float], keep: float = 0.9) -> list[float]:
    """A running mean that weighs its first values rightly; losses at random timesteps are too noisy to read raw."""
    total = weight = 0.0
    out = []
    for value in values:
        total, weight = keep * total + (1 - keep) * value, keep * weight + 1 - keep
        out.append(total / weight)
    return out


def draw_panel(draw: ImageDraw.ImageDraw, panel: dict[str, Any], left: int) -> None:
    """Draws one panel at x = left: axes, a legend, and each series faintly raw and plainly smoothed."""
    series: dict[str, list[float]] = {
        name: [v for v in values if math.isfinite(v)] for name, values in panel["series"].items()
    }
    series = {name: values for name, values in series.items() if values}
    draw.text((left + LEFT, 10), panel["title"], INK, ImageFont.load_default(18))
    if not series:
        return
    marks = ticks(0.0, max(max(values) for values in series.values()))
    steps = max(len(values) for values in series.values())
    x0, x1, y0, y1 = left + LEFT, left + WIDTH - RIGHT, HEIGHT - BOTTOM, TOP

    def place(step: int, value: float) -> tuple[float, float]:
        return x0 + (x1 - x0) * step / max(1, steps - 1), y0 - (y0 - y1) * value / marks[-1]

    small = ImageFont.load_default(13)
    for mark in marks:
        y = place(0, mark)[1]
        draw.line((x0, y, x1, y), GRID)
        draw.text((x0 - 8, y), f"{mark:.3g}", INK, small, anchor="rm")
    draw.text((x0, y0 + 8), "1", INK, small)
    draw.text((x1, y0 + 8), f"{steps} steps", INK, small, anchor="ra")
    legend = float(x0)
    for i, (name, values) in enumerate(series.items()):
        color = COLORS[i % len(COLORS)]
        pale = tuple(255 - (255 - c) // 4 for c in color)
        draw.line([place(k, v) for k, v in enumerate(values)], pale, 1)
        draw.line([place(k, v) for k, v in enumerate(smoothed(values))], color, 2)
        draw.text((legend, 36), name, color, small)
        legend += small.getlength(name) + 18


def curves(panels: list[dict[str, Any]]) -> Image.Image:
    """All panels side by side."""
    picture = Image.new("RGB", (WIDTH * max(1, len(panels)), HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    for i, panel in enumerate(panels):
        draw_panel(draw, panel, i * WIDTH)
    return picture


if __name__ == "__main__":
    order = json.load(sys.stdin)
    curves(order["panels"]).save(order["out"])
