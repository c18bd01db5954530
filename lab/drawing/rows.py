"""Rows of pictures with captions, as the help pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..figures.sheets import contact_sheet

Row = list[tuple[np.ndarray, str]]


def blank(picture: np.ndarray) -> np.ndarray:
    """White paper of a picture's size."""
    return np.full_like(picture, 255)


def sheet(rows: Sequence[Row], lines: int = 2, title: str = "") -> Image.Image:
    """Rows of (picture, caption), the shorter ones filled up with nothing."""
    columns = max(map(len, rows))
    cells = [cell for row in rows for cell in [*row, *[(blank(row[0][0]), "")] * (columns - len(row))]]
    return contact_sheet([cell[0] for cell in cells], [cell[1] for cell in cells], columns, lines, title=title)
