"""Checks of IMAGE and MASK wires, each with its sentence, for nodes that take them as other nodes give them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .errors import InputError
from .finite import is_float8, require_finite

CHANNELS = (1, 3, 4)  # grey, colour, and colour with a cover
_BEFORE = "check the node before it"


def require_pictures(name: str, image: Any) -> None:
    """Passes an IMAGE: (B, H, W, C) of finite numbers, at least one picture, in grey or colour.

    Raises: InputError otherwise.
    """
    if not _has_numbers(image) or image.dim() != 4 or 0 in image.shape:
        raise InputError(f"`{name}` holds no picture: connect one of at least 1×1 pixels.")
    if image.shape[-1] not in CHANNELS:
        raise InputError(f"`{name}` has pictures of {image.shape[-1]} channels: connect pictures in colour or grey.")
    require_finite(name, _BEFORE, image)


def require_masks(name: str, mask: Any) -> None:
    """Passes a MASK: (B, H, W) or (H, W), other dimensions before them too, of finite numbers.

    Raises: InputError otherwise.
    """
    if not _has_numbers(mask) or mask.dim() < 2 or 0 in mask.shape:
        raise InputError(f"`{name}` holds no mask: connect one of at least 1×1 pixels.")
    require_finite(name, _BEFORE, mask)


def _has_numbers(value: Any) -> bool:
    """Whether it is a tensor that can be computed with: torch compares no complex numbers, and adds no float8."""
    return isinstance(value, Tensor) and not value.is_complex() and not is_float8(value)
