"""Checks of IMAGE and MASK wires, each with its sentence, for nodes that take them as other nodes give them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .errors import InputError
from .finite import require_finite

_BEFORE = "check the node before it"


def require_pictures(name: str, image: Any) -> None:
    """Passes an IMAGE: (B, H, W, C) of finite numbers, at least one picture.

    Raises: InputError otherwise.
    """
    if not isinstance(image, Tensor) or image.is_complex() or image.dim() != 4 or 0 in image.shape:
        raise InputError(f"`{name}` holds no picture: connect one of at least 1×1 pixels.")
    require_finite(name, _BEFORE, image)


def require_masks(name: str, mask: Any) -> None:
    """Passes a MASK: (B, H, W) or (H, W), other dimensions before them too, of finite numbers.

    Raises: InputError otherwise.
    """
    if not isinstance(mask, Tensor) or mask.is_complex() or mask.dim() < 2 or 0 in mask.shape:
        raise InputError(f"`{name}` holds no mask: connect one of at least 1×1 pixels.")
    require_finite(name, _BEFORE, mask)
