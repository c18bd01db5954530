"""From masks of single boxes to the mask that an artist uses: joined, grown, feathered."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..support.finite import require_finite
from .interfaces import BROKEN_MODEL, Box, Embedding, Segmenter

PIXELS_AT_ONCE = 1 << 24  # of masks at full size: 64 MB
SIGMAS = 3  # a Gaussian's reach
_DIAGONAL = math.sqrt(2) - 1  # the share of 3×3 steps that makes a regular octagon


def union_of_masks(segmenter: Segmenter, embedding: Embedding, boxes: list[Box]) -> Tensor:
    """What any of the boxes holds: (H, W), 0 or 1. Masks of a large picture are made a few at a time.

    Raises: InputError when the segmenter gives numbers that are not finite.
    """
    height, width = embedding.size
    union = torch.zeros(height, width)
    batch = max(1, PIXELS_AT_ONCE // (height * width))
    for i in range(0, len(boxes), batch):
        logits = segmenter.masks(embedding, boxes[i : i + batch])
        require_finite("segmenter", BROKEN_MODEL, logits, verb="gives")
        union = torch.maximum(union, (logits > 0).float().amax(0))
    return union


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
