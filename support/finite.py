"""Numbers that are not finite (NaN, infinite), told where they come from: what is broken is named, and not what is
computed with it."""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import InputError

NOT_FINITE = "numbers that are not finite (NaN)"
OTHER_WEIGHTS = "load another checkpoint, or undo what was merged or patched into it"
"""What to do about a checkpoint's own part that gives such numbers."""


def are_finite(*tensors: Tensor | None) -> bool:
    """Whether every number of every tensor is; None counts as nothing."""
    return all(bool(torch.isfinite(_readable(tensor.detach())).all()) for tensor in tensors if tensor is not None)


def _readable(tensor: Tensor) -> Tensor:
    """Weights that a host stores in 8 bits in a type that torch can look at."""
    return tensor.float() if is_float8(tensor) else tensor


def is_float8(tensor: Tensor) -> bool:
    """Whether it is in one of torch's types of 8 bits, with which torch computes nothing."""
    return tensor.is_floating_point() and tensor.element_size() == 1


def require_finite(wire: str, advice: str, *tensors: Tensor | None, verb: str = "holds") -> None:
    """wire: the input that the numbers come from. advice: what to do. verb: holds, or gives for a model.

    Raises: InputError unless all numbers are finite.
    """
    if not are_finite(*tensors):
        raise InputError(f"`{wire}` {verb} {NOT_FINITE}: {advice}.")
