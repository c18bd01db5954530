"""Which errors mean that memory ran out. Only CUDA has a class of its own for it; elsewhere the words tell."""

from __future__ import annotations

import torch

_CLASSES: tuple[type[BaseException], ...] = (
    MemoryError,
    getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError),
)
_WORDS = (
    "out of memory",  # CUDA, ROCm, XPU, "MPS backend out of memory"
    "can't allocate memory",  # the CPU's allocator on Linux and macOS
    "not enough memory",  # and on Windows
    "alloc_failed",  # cuBLAS, cuDNN
)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out."""
    if isinstance(error, _CLASSES):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _WORDS)


def require_out_of_memory(error: BaseException) -> None:
    """Raises the error itself if it is a RuntimeError that means something else.

    For what was caught as one of a model's `out_of_memory` classes, of which RuntimeError is the widest.
    """
    if isinstance(error, RuntimeError) and not ran_out_of_memory(error):
        raise error
