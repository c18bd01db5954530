"""One optimiser step's loss: finite, and tried again when memory ran out."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..support.errors import InputError


@dataclass(frozen=True)
class Room:
    """What to do when a backward does not fit. kinds: the exceptions that mean so; make: frees memory, False if it cannot."""

    kinds: tuple[type[BaseException], ...] = ()
    make: Callable[[BaseException], bool] = lambda _: False


NO_ROOM = Room()


def backward(losses_of: Callable[[], Tensor], leaf: Tensor, room: Room) -> Tensor:
    """Computes every picture's loss and the gradient of their sum at `leaf`, so that each picture has its own. Returns the losses, (B,).

    Raises: InputError when a loss is not a finite number.
    """
    try:
        losses = _attempt(losses_of, leaf)
    except room.kinds as error:
        if not room.make(error):
            raise
        losses = _attempt(losses_of, leaf)
    if not torch.isfinite(losses).all():
        raise InputError(f"the loss became {losses.max().item()}: set `precision` to fp32, or use a lower `learning_rate`.")
    return losses


def _attempt(losses_of: Callable[[], Tensor], leaf: Tensor) -> Tensor:
    leaf.grad = None
    losses = losses_of()
    losses.sum().backward()  # type: ignore[no-untyped-call]
    return losses.detach()


def per_picture(error: Tensor) -> Tensor:
    """The mean square of each picture's error: (B, …) to (B,)."""
    return error.square().flatten(1).mean(1)
