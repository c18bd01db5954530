"""The subject and its background apart, for scores of each on its own.

SingleInsert scores foreground and background separately with segmentation masks (section 4.1), and does not say what
stands in the place of the other part. Here it is black.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

LEAST = 0.5
"""Pixels that a part must have, added up, to be scored."""


def fitted(mask: Tensor, height: int, width: int) -> Tensor:
    """A mask (h, w) at the size of its picture, in [0, 1]."""
    mask = mask.float().clamp(0, 1)
    if mask.shape == (height, width):
        return mask
    return F.interpolate(mask[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]


def parts(picture: Tensor, mask: Tensor) -> dict[str, Tensor | None]:
    """The foreground and the background of a picture (H, W, C), each on black; None for a part that has no pixels.

    mask: (h, w), 1 = subject; soft values are kept.
    """
    inside = fitted(mask, picture.shape[0], picture.shape[1])[..., None].to(picture)
    shares = {"foreground": inside, "background": 1 - inside}
    return {name: picture[..., :3] * share if float(share.sum()) > LEAST else None for name, share in shares.items()}
