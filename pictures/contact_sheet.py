"""Many pictures edge to edge, from which a page can cut each one again."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

TILE, SHEET = 512, 4096  # the page shows a tile large, too. The longest sides of a tile and of a sheet, in pixels


def contact_sheet(cells: Tensor, columns: int) -> Tensor:
    """The pictures without labels or gaps, made small.

    cells: (rows · columns, H, W, 3) in [0, 1]. Returns (1, rows · h, columns · w, 3), with h and w reduced so that a
    tile is at most TILE and the sheet at most SHEET pixels long.
    """
    count, height, width = cells.shape[:3]
    rows = count // columns
    scale = min(1.0, TILE / max(height, width), SHEET / max(rows * height, columns * width))
    tiles = cells.movedim(-1, 1)
    if scale < 1:
        size = max(1, int(height * scale)), max(1, int(width * scale))
        tiles = F.interpolate(tiles, size, mode="bilinear", antialias=True, align_corners=False)
    height, width = tiles.shape[2:]
    lines = tiles.reshape(rows, columns, 3, height, width).permute(0, 3, 1, 4, 2)
    return lines.reshape(1, rows * height, columns * width, 3).clamp(0, 1)
