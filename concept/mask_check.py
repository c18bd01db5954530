"""What is odd about a mask, as far as numbers can tell: a mask that spills over its subject is best seen before
training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..support.warnings import Warned

MOST, LEAST = 0.9, 0.005  # of the picture
SIDES = 2  # that a subject may not touch; one is a bust's, cut off by the picture
PARTS = 5  # what is more is specks
GRID = 128  # cells along the longer side, on which parts are counted


def odd_about(mask: Tensor) -> tuple[Warned, ...]:
    """mask: (1, H, W) or (H, W) in [0, 1], 1 = subject. A full mask has its own warning, and none here."""
    inside = mask.reshape(mask.shape[-2:]).float() > 0.5
    share = float(inside.float().mean())
    if share == 1:
        return ()
    odd = []
    if share > MOST:
        odd.append(Warned("mask_too_large", {"percent": f"{100 * share:.0f}"}))
    elif _sides(inside) >= SIDES:  # a mask of nearly everything touches them anyway
        odd.append(Warned("mask_touches_edges", {"sides": _sides(inside)}))
    if share < LEAST:
        odd.append(Warned("mask_too_small", {"percent": f"{100 * share:.2g}"}))
    parts = count_parts(inside)
    if parts > PARTS:
        odd.append(Warned("mask_in_parts", {"parts": parts}))
    return tuple(odd)


def _sides(inside: Tensor) -> int:
    """How many of the picture's four sides the mask touches."""
    return sum(bool(line.any()) for line in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def count_parts(inside: Tensor) -> int:
    """How many parts of a mask do not touch each other, on a grid of at most GRID cells along its longer side.

    inside: (H, W), bool.
    """
    cell = -(-max(inside.shape) // GRID)
    cells = F.max_pool2d(inside[None, None].float(), cell, ceil_mode=True)[0, 0] > 0
    # each cell gets the highest number of its part: numbers spread to the eight neighbours until none changes
    numbers = torch.arange(1, cells.numel() + 1, dtype=torch.float32).reshape(cells.shape) * cells
    while True:
        spread = F.max_pool2d(numbers[None, None], 3, 1, 1)[0, 0] * cells
        if torch.equal(spread, numbers):
            return len(set(numbers[cells].tolist()))
        numbers = spread
