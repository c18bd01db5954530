"""Trainings that the pack does not have, to compare with: what they learn from, for the pack's own training loop.

Each is a `concept.trainer.Stage` as far as `Trainer` asks: parameters, weights of its loss terms, notes, and the newest
prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PHRASE = "phrase"


class Reconstruction:
    """The whole picture under one prompt, as textual inversion and DreamBooth learn it: mean((eps - eps*)²).

    model: a ConceptModel. word: pixels -> (1, width), trained if its parameters are. lora: a LoraSet, or None.
    Source: Gal et al. 2022, arXiv:2208.01618, eq. 2; Ruiz et al. 2023, arXiv:2208.12242, eq. 1, which has a loss on
    pictures of the class beside it: it is left out here.
    """

    def __init__(self, model: Any, word: nn.Module, lora: Any = None) -> None:
        self._model, self._word = model, word
        trained = [*word.parameters(), *(lora.parameters() if lora is not None else ())]
        self.parameters = [parameter for parameter in trained if parameter.requires_grad]
        self.weights = {"misfit": 1.0}
        self.notes: dict[str, list[Tensor]] = {}
        self.x0_pred: Tensor | None = None

    def encode(self, prompt: str) -> dict[str, Tensor]:
        """The one prompt, with the word as it is now."""
        return {PHRASE: self._model.encode(self._word(torch.zeros(1, 3, 1, 1)), prompt)}

    def losses(self, batch: Any, prompts: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """eps - eps* is (x0* - x0) · √(ᾱ / (1 - ᾱ))."""
        x0 = self._model.predict_x0(batch.latents, batch.timesteps, prompts[PHRASE])
        alpha_bar = self._model.alpha_bar[batch.timesteps].reshape(-1, 1, 1, 1)
        yield {"misfit": (alpha_bar / (1 - alpha_bar) * (x0 - batch.x0).square()).mean()}


class ClassEmbeddingKept:
    """A Stage II whose text encoder must read the class word as before, in place of the semantic loss: SingleInsert's
    figure 13. mean((τ(class) - τ0(class))²).

    stage: the pack's Stage2, without the semantic loss.
    """

    def __init__(self, stage: Any) -> None:
        self._stage = stage
        self.parameters, self.weights = stage.parameters, {**stage.weights, "semantic": 1.0}
        with torch.no_grad(), stage.lora.off():
            self._before = stage.model.encode(None)

    @property
    def x0_pred(self) -> Tensor | None:
        """The wrapped stage's."""
        return self._stage.x0_pred  # type: ignore[no-any-return]

    @property
    def notes(self) -> dict[str, list[Tensor]]:
        """The wrapped stage's."""
        return self._stage.notes  # type: ignore[no-any-return]

    def encode(self, prompt: str) -> dict[str, Tensor]:
        """The stage's prompts, and the class word's with gradients."""
        return {**self._stage.encode(prompt), "class": self._stage.model.encode(None, prompt)}

    def losses(self, batch: Any, prompts: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """The stage's, then the class embedding's."""
        yield from self._stage.losses(batch, prompts)
        yield {"semantic": F.mse_loss(prompts["class"], self._before)}
