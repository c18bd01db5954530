"""From masks of single things to the mask that an artist uses: joined, grown, feathered."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .interfaces import Box, Embedding, Segmenter

PIXELS_AT_ONCE = 1 << 24  # of masks at full size: 64 MB
SIGMAS = 3  # a Gaussian's reach


def joined(segmenter: Segmenter, embedding: Embedding, boxes: list[Box]) -> Tensor:
    """What any of the boxes holds: (H, W), 0 or 1. Masks of a large picture are made a few at a time."""
    height, width = embedding.size
    out = torch.zeros(height, width)
    some = max(1, PIXELS_AT_ONCE // (height * width))
    for i in range(0, len(boxes), some):
        out = torch.maximum(out, (segmenter.masks(embedding, boxes[i : i + some]) > 0).float().amax(0))
    return out


def grown(mask: Tensor, pixels: int) -> Tensor:
    """Grows a mask by as many pixels in every direction, or shrinks it by -pixels; what is outside the picture counts
    as more of the edge.

    mask: (H, W) in [0, 1]. A disc of that radius: the steps 3×3 and cross, in the ratio √2 - 1, make an octagon within
        4 % of it.
    """
    if pixels == 0:
        return mask
    out = mask if pixels > 0 else 1 - mask
    out = out[None, None]
    for step in range(abs(pixels)):
        square = math.floor((step + 1) * _DIAGONAL) > math.floor(step * _DIAGONAL)
        out = F.max_pool2d(out, 3, 1, 1) if square else _cross(out)
    return out[0, 0] if pixels > 0 else 1 - out[0, 0]


_DIAGONAL = math.sqrt(2) - 1  # the share of 3×3 steps that makes a regular octagon


def _cross(mask: Tensor) -> Tensor:
    return torch.maximum(F.max_pool2d(mask, (3, 1), 1, (1, 0)), F.max_pool2d(mask, (1, 3), 1, (0, 1)))


def feathered(mask: Tensor, pixels: int) -> Tensor:
    """Softens a mask's edge over about `pixels` to each side: a Gaussian with sigma pixels / 2. mask: (H, W) in [0,
    1]."""
    if pixels <= 0:
        return mask
    sigma = pixels / 2
    reach = math.ceil(SIGMAS * sigma)
    line = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2) / (2 * sigma**2))
    line = line / line.sum()
    out = mask[None, None]
    out = F.conv2d(F.pad(out, (reach, reach, 0, 0), mode="replicate"), line.view(1, 1, 1, -1))
    out = F.conv2d(F.pad(out, (0, 0, reach, reach), mode="replicate"), line.view(1, 1, -1, 1))
    return out[0, 0].clamp(0, 1)
