"""From masks of single boxes to the mask that an artist uses: joined, grown, feathered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..support.finite import require_finite
from .interfaces import BROKEN_MODEL, Embedding, Segmenter, Thing

PIXELS_AT_ONCE = 1 << 24  # of masks at full size: 64 MB
SIGMAS = 3  # a Gaussian's reach
_DIAGONAL = math.sqrt(2) - 1  # the share of 3×3 steps that makes a regular octagon


@dataclass(frozen=True)
class CutOut:
    """The mask of one thing. box: of its pixels, from x0, y0 up to x1, y1. mask: (y1 - y0, x1 - x0), bool."""

    box: tuple[int, int, int, int]
    mask: Tensor

    def without(self, away: Tensor) -> CutOut:
        """What is left of it. away: (H, W), 0 or 1."""
        x0, y0, x1, y1 = self.box
        return CutOut(self.box, self.mask & (away[y0:y1, x0:x1] == 0))


def cut_out(segmenter: Segmenter, embedding: Embedding, things: Sequence[Thing]) -> list[CutOut]:
    """The mask of each thing. Masks of a large picture are made a few at a time.

    Raises: InputError when the segmenter gives numbers that are not finite.
    """
    height, width = embedding.size
    batch = max(1, PIXELS_AT_ONCE // (height * width))
    cuts: list[CutOut] = []
    for i in range(0, len(things), batch):
        logits = segmenter.masks(embedding, list(things[i : i + batch]))
        require_finite("segmenter", BROKEN_MODEL, logits, verb="gives")
        cuts.extend(map(trimmed, logits > 0))
    return cuts


def trimmed(mask: Tensor) -> CutOut:
    """mask: (H, W), bool; one that marks nothing becomes a cut-out of no size."""
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    if len(rows) == 0:
        return CutOut((0, 0, 0, 0), mask[:0, :0])
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return CutOut((x0, y0, x1, y1), mask[y0:y1, x0:x1].clone())


def union(cuts: Sequence[CutOut], height: int, width: int) -> Tensor:
    """What any of the cut-outs holds: (H, W), 0 or 1."""
    joined = torch.zeros(height, width)
    for cut in cuts:
        x0, y0, x1, y1 = cut.box
        joined[y0:y1, x0:x1][cut.mask] = 1
    return joined


def grow_mask(mask: Tensor, pixels: int) -> Tensor:
    """Grows a mask by so many pixels in every direction, or shrinks it by -pixels.

    mask: (H, W) in [0, 1]. The structuring element is a disc of that radius: steps of 3×3 and of a cross, in the ratio
    √2 - 1, make an octagon within 4 % of it. What is outside the picture counts as more of its edge.
    """
    if pixels == 0:
        return mask
    area = (mask if pixels > 0 else 1 - mask)[None, None]
    for step in range(abs(pixels)):
        square = math.floor((step + 1) * _DIAGONAL) > math.floor(step * _DIAGONAL)
        area = F.max_pool2d(area, 3, 1, 1) if square else _cross(area)
    return area[0, 0] if pixels > 0 else 1 - area[0, 0]


def _cross(mask: Tensor) -> Tensor:
    return torch.maximum(F.max_pool2d(mask, (3, 1), 1, (1, 0)), F.max_pool2d(mask, (1, 3), 1, (0, 1)))


def feather_mask(mask: Tensor, pixels: int) -> Tensor:
    """Softens a mask's edge over about `pixels` to each side, by a Gaussian with sigma = pixels / 2.

    mask: (H, W) in [0, 1].
    """
    if pixels <= 0:
        return mask
    sigma = pixels / 2
    reach = math.ceil(SIGMAS * sigma)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    soft = mask[None, None]
    soft = F.conv2d(F.pad(soft, (reach, reach, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    soft = F.conv2d(F.pad(soft, (0, 0, reach, reach), mode="replicate"), kernel.view(1, 1, -1, 1))
    return soft[0, 0].clamp(0, 1)
