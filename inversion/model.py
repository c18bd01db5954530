"""What an algorithm here is given: prompts, and a model that predicts noise.

An algorithm sees a prompt as its embeddings alone. Whatever else hangs on it (ControlNet, masks, areas, timestep
ranges) is the business of who made it, and survives `with_context`.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class EpsModel(Protocol):
    """A frozen noise predictor, ready to compute.

    alpha_bar: (1000,) float32. out_of_memory: the exceptions that mean that a computation did not fit.
    sides_differ: whether one prompt may be predicted differently as the unconditional one (image-prompt patches).
    """

    @property
    def alpha_bar(self) -> Tensor: ...

    @property
    def sides_differ(self) -> bool: ...

    @property
    def out_of_memory(self) -> tuple[type[BaseException], ...]: ...

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[Any]) -> list[Tensor]:
        """One (B, 4, h, w) prediction for each prompt, float32, with gradients where grad is on.

        latents: (B, 4, h, w), VP scale. timesteps: (B,) int64, 0 is cleanest. prompts: of the model's own maker.
        """
        ...

    def make_room(self, error: BaseException) -> bool:
        """Frees memory after `error`, or saves some from now on; False if it cannot, so that trying again is vain."""
        ...
