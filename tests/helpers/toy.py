"""A tiny differentiable "model", so that algorithms can be tested by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from single_image_studio.diffusion.process import scaled_linear_alpha_bar
from single_image_studio.diffusion.report import StepReport, Steps

T = TypeVar("T")
ALPHA_BAR = scaled_linear_alpha_bar()


@dataclass(frozen=True)
class ToyPrompt:
    context: Tensor

    def with_context(self, context: Tensor) -> ToyPrompt:
        return ToyPrompt(context)


@dataclass
class ToyModel:
    """eps depends on latents, timestep and context, and is smooth. calls: (timestep, contexts) of each call."""

    calls: list[tuple[int, int]] = field(default_factory=list)
    alpha_bar: Tensor = field(default_factory=lambda: ALPHA_BAR)
    out_of_memory: tuple[type[BaseException], ...] = ()
    sides_differ: bool = False

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[ToyPrompt]) -> list[Tensor]:
        self.calls.append((int(timesteps[0]), len(prompts)))
        a = ALPHA_BAR[timesteps].view(-1, 1, 1, 1)
        out = []
        for prompt in prompts:
            push = prompt.context.mean(1)[:, :4].view(-1, 4, 1, 1)
            out.append((1 - a).sqrt() * latents + 0.3 * torch.sin(latents + push) + 0.2 * push)
        return out

    def make_room(self, error: BaseException) -> bool:
        return False

    @property
    def evaluations(self) -> int:
        return sum(count for _, count in self.calls)


def prompt(seed: int, pictures: int = 1) -> ToyPrompt:
    return ToyPrompt(torch.randn(pictures, 5, 6, generator=torch.Generator().manual_seed(seed)))


def picture(seed: int = 0, pictures: int = 1) -> Tensor:
    return torch.randn(pictures, 4, 3, 5, generator=torch.Generator().manual_seed(seed))


def reports_of(algorithm: Steps[T]) -> tuple[list[StepReport], T]:
    """Everything that an algorithm reports, and its result."""
    reports = []
    while True:
        try:
            reports.append(next(algorithm))
        except StopIteration as end:
            return reports, end.value
