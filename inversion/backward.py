"""The gradient of one optimiser step: of finite numbers, in half precision too, and tried again when memory ran out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..support.errors import InputError
from ..support.finite import OTHER_WEIGHTS
from ..support.out_of_memory import require_out_of_memory
from .model import EpsModel

LARGEST_SCALE = 65536.0
LossesOf = Callable[[Tensor], Tensor]
"""Every picture's loss, (B,), of the embeddings that are optimised, (B, n, width)."""


class Backward:
    """Computes losses and their gradient at one leaf.

    Losses here are near 1e-5 and their gradients far smaller: half precision would round them to 0. So the loss is
    scaled, and the gradient scaled back, by a power of two, which changes no bit in float32; where the scaled
    gradient overflows, a smaller one is tried and kept.
    """

    def __init__(self, model: EpsModel) -> None:
        self.model = model
        self.scale = LARGEST_SCALE
        self.acts = True  # whether the leaf had any part in the latest losses
        self._has_worked = False

    def __call__(self, losses_of: LossesOf, leaf: Tensor, enough: float = 0.0) -> Tensor:
        """Every picture's loss, (B,); the gradient of their sum is then at `leaf`, so that each picture has its own.

        enough: where every loss is below it, nothing is differentiated, and the gradient is 0.
        Raises: InputError when a loss or the gradient is not finite.
        """
        while True:
            losses = self._fitting(losses_of, leaf, enough)
            if not torch.isfinite(losses).all():
                raise self._not_finite("loss")
            assert leaf.grad is not None
            if torch.isfinite(leaf.grad).all():
                leaf.grad /= self.scale
                self._has_worked = True
                return losses
            if self.scale == 1:
                raise self._not_finite("gradient")
            self.scale = max(1.0, self.scale / 16)

    def _not_finite(self, name: str) -> InputError:
        """Before anything is learned, the learning rate cannot be why."""
        if self._has_worked:
            return InputError(f"the {name} is not finite: use a lower `learning_rate`, or set `precision` to fp32.")
        return InputError(
            f"`model` gives a {name} that is not finite before anything is learned: set `precision` to fp32,"
            f" {OTHER_WEIGHTS}."
        )

    def _fitting(self, losses_of: LossesOf, leaf: Tensor, enough: float) -> Tensor:
        try:
            return self._attempt(losses_of, leaf, enough)
        except self.model.out_of_memory as error:
            require_out_of_memory(error)
            if not self.model.make_room(error):
                raise
        return self._attempt(losses_of, leaf, enough)

    def _attempt(self, losses_of: LossesOf, leaf: Tensor, enough: float) -> Tensor:
        leaf.grad = None
        with torch.enable_grad():
            losses = losses_of(leaf)
            self.acts = losses.requires_grad
            if self.acts and not (enough and (losses < enough).all()):
                (losses.sum() * self.scale).backward()  # type: ignore[no-untyped-call]
        if leaf.grad is None:  # the prompt does not act here: its timestep range or area leaves it out
            leaf.grad = torch.zeros_like(leaf)
        return losses.detach()


def per_picture(error: Tensor) -> Tensor:
    """The mean square of each picture's error: (B, …) to (B,)."""
    return error.square().flatten(1).mean(1)
