"""A picture with its mask, as an artist can judge it at a glance."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE = (1.0, 0.35, 0.0)  # orange: seen on skin, foliage and sky alike
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
OUTSIDE = 0.35


def mask_picture(picture: Tensor, mask: Tensor) -> Tensor:
    """The subject in its colours, all else grey and dark, and a line where the mask crosses one half.

    picture: (1, H, W, 3) in [0, 1]. mask: (1, H, W), 1 = subject. Returns (1, H, W, 3).
    """
    grey = (picture * picture.new_tensor(LUMA)).sum(-1, keepdim=True).expand_as(picture)
    cover = mask[..., None]
    shown = cover * picture + (1 - cover) * OUTSIDE * grey
    return torch.where(_edge(mask)[..., None], picture.new_tensor(EDGE), shown)


def _edge(mask: Tensor) -> Tensor:
    """The pixels just outside the subject, about 1/128 of the picture's side wide; (1, H, W), bool. A mask that is full
    or empty has none."""
    inside = (mask > 0.5).float()[:, None]
    reach = max(1, round(min(mask.shape[1:]) / 128))
    grown = F.max_pool2d(inside, 2 * reach + 1, stride=1, padding=reach)
    return (grown > inside)[:, 0]
