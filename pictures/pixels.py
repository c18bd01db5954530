"""Tensors to 8 bits and back."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor


def to_image(picture: Tensor) -> Image.Image:
    """A picture (H, W, 3) in [0, 1] as 8-bit RGB."""
    return Image.fromarray((picture.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy())
