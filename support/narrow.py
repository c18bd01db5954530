"""Numbers in the formats that files are written in."""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import InputError
from .finite import are_finite

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16}


def in_precision(tensor: Tensor, precision: str, what: str, name: str = "precision") -> Tensor:
    """precision: a key of `PRECISIONS`; name: the input that asks for it. what: what holds the number, for the error.

    Raises: InputError when a number is too large for fp16.
    """
    narrow = tensor.to(PRECISIONS[precision])
    if precision != "fp32" and not are_finite(narrow):
        raise InputError(f"{what} that is too large for fp16: set `{name}` to fp32.")
    return narrow
