"""What training needs of a model. `host.concept_model.ConceptModel` is one."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class ConceptModel(Protocol):
    """A frozen model that predicts under "* class" and "class", with gradients.

    alpha_bar: (1000,). checkpointing: whether backward recomputes instead of keeping; may be switched at any time.
    out_of_memory: the exceptions that mean it.
    """

    device: torch.device
    alpha_bar: Tensor
    checkpointing: bool
    out_of_memory: tuple[type[BaseException], ...]

    @property
    def compute_dtype(self) -> torch.dtype: ...
    def predict_x0(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor: ...
    def encode(self, embedding: Tensor | None, prompt: str = "*") -> Tensor: ...
    def draw_latents(self, count: int, generator: torch.Generator) -> Tensor: ...
    def micro_batch(self, batch: int, reserved: int) -> int: ...
    def free_memory(self, error: BaseException) -> None: ...
