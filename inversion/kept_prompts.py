"""Target prompts that were optimised for a picture, kept with its inversion, so that it need not be done again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

ALIKE = 0.01
"""The relative distance under which two encodings, or two pictures' latents, are one: number formats and devices make
far less, another word or picture makes far more."""
TOKENS_ALIKE = 0.02
"""The same for each token of an encoding: a weight such as (word:1.05) changes a few of 77 tokens alone."""


@dataclass(frozen=True)
class KeptPrompt:
    """A target prompt as text optimisation left it.

    target: its encoding, (1 or B, n, width). embeds: what was found, (B, n, width).
    settings: those of the optimisation, by name. losses: the mean loss of every step.
    """

    target: Tensor
    embeds: Tensor
    settings: Mapping[str, Any]
    losses: Sequence[float] = field(default_factory=tuple)

    def answers(self, target: Tensor, settings: Mapping[str, Any]) -> bool:
        """Whether optimising `target` with these settings would find the same again."""
        if dict(self.settings) != dict(settings) or not alike(self.target, target):
            return False
        return bool(((self.target - target).norm(dim=-1) <= TOKENS_ALIKE * target.norm(dim=-1)).all())


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same but for rounding."""
    return one.shape == other.shape and bool((one - other).norm() <= ALIKE * other.norm())


def find_prompt(kept: Iterable[KeptPrompt], target: Tensor, settings: Mapping[str, Any]) -> KeptPrompt | None:
    """The one that answers, or None."""
    return next((prompt for prompt in kept if prompt.answers(target, settings)), None)


def with_prompt(kept: Iterable[KeptPrompt], new: KeptPrompt) -> tuple[KeptPrompt, ...]:
    """Those kept and a new one, which replaces what answers the same."""
    return (*(prompt for prompt in kept if not prompt.answers(new.target, new.settings)), new)
