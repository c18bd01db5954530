"""Pictures between float tensors in [0, 1] and the 8-bit levels of Pillow and of files."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_levels(pixels: Tensor) -> np.ndarray:
    """Values in [0, 1] as whole levels; what lies outside is cut off, and what is not a number becomes 0.

    pixels: of any shape. Returns uint8, 0 to 255, of the same shape.
    """
    values = torch.nan_to_num(pixels.detach().float()).clamp(0, 1)
    return (values * 255).round().to(torch.uint8).contiguous().cpu().numpy()


def from_levels(levels: np.ndarray) -> Tensor:
    """Levels from 0 to 255, of any shape, as float32 in [0, 1]."""
    return torch.from_numpy(np.asarray(levels, np.float32) / 255)


def to_pil(picture: Tensor) -> Image.Image:
    """One picture (H, W, C) in [0, 1] as 8-bit RGB: grey is repeated, and transparency is dropped."""
    rgb = picture[..., :3] if picture.shape[-1] >= 3 else picture[..., :1].expand(*picture.shape[:2], 3)
    return Image.fromarray(to_levels(rgb))


def from_pil(image: Image.Image) -> Tensor:
    """An 8-bit picture as (H, W, C), float32 in [0, 1]."""
    return from_levels(np.asarray(image))
