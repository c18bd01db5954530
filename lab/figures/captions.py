"""Captions broken into lines that fit under a picture."""

from __future__ import annotations

from PIL import ImageFont

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def wrap(text: str, font: Font, width: float, lines: int) -> list[str]:
    """Breaks a text at its spaces into at most `lines` lines of `width` pixels; what doesn't fit is cut."""
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if font.getlength(longer) <= width or not rows[-1]:
            rows[-1] = longer
        else:
            rows.append(word)
    if len(rows) > lines:
        rows = [*rows[: lines - 1], rows[lines - 1] + "…"]
    return rows
