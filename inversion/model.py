"""What an algorithm here is given: prompts, and one function that predicts.

An algorithm sees a prompt as its embeddings alone. Whatever else hangs on it (ControlNet, masks, areas, timestep
ranges) is the business of who made it, and survives `with_context`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor

P = TypeVar("P", bound="Prompt")


class Prompt(Protocol):
    """One side of guidance. context: its embeddings, (1 or B, n, width) float32; n is 77 times the number of chunks."""

    @property
    def context(self) -> Tensor: ...

    def with_context(self: P, context: Tensor) -> P:
        """The same prompt with other embeddings of the same shape; gradients flow to them."""
        ...


PredictEps = Callable[[Tensor, Tensor, Sequence[Any]], "list[Tensor]"]
"""predict_eps(latents, timesteps, prompts), of prompts that its own maker gave: one (B, 4, h, w) prediction for each
prompt, float32, with gradients where grad is on.

latents: (B, 4, h, w), VP scale. timesteps: (B,) int64, 0 is cleanest.
"""

OnStep = Callable[[int, Tensor], None]
"""on_step(steps done, the latents or clean prediction to show). May raise to cancel."""


def nothing(_done: int, _latents: Tensor) -> None:
    """An OnStep for who does not want to know."""
