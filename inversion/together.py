"""Several edits of one picture sampled as one batch: fewer and larger evaluations, which most machines do faster."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..diffusion.ddim import Step
from ..diffusion.report import StepReport, Steps
from ..support.out_of_memory import require_out_of_memory
from .model import EpsModel, Prompt
from .sampling import Guidance, guided_step


def sample_together(
    model: EpsModel, latents: Tensor, conds: Sequence[Prompt], guidance: Guidance, steps: Iterable[Step]
) -> Steps[list[Tensor]]:
    """As `sampling.sample` from the same latents for each of several prompts, up to rounding.

    latents: (1, 4, h, w), VP scale. conds: prompts that differ in their embeddings alone, (1, n, width) each.
    guidance: of one picture. A report's cost is the number of prompts.
    Returns each prompt's latents, (1, 4, h, w), at the level where the last step ends.
    Raises: what the model raises when memory does not even suffice for one.
    """
    steps, together = list(steps), _Together(model, conds, guidance)
    batch = latents.repeat(len(conds), 1, 1, 1)
    for done, step in enumerate(steps, start=1):
        batch = together.step(batch, step)
        yield StepReport("sampling", done, len(steps), cost=len(conds), latents=batch)
    return list(torch.split(batch, 1))


class _Together:
    """Steps of several prompts in parts of `size`: all at once until memory runs out, and then halves."""

    def __init__(self, model: EpsModel, conds: Sequence[Prompt], guidance: Guidance) -> None:
        self.model, self.guidance = model, guidance
        self.prompt, self.contexts = conds[0], torch.cat([cond.context for cond in conds])
        self.size = len(conds)

    def step(self, batch: Tensor, step: Step) -> Tensor:
        while True:
            parts = zip(torch.split(batch, self.size), torch.split(self.contexts, self.size), strict=True)
            try:
                return torch.cat([self._part(latents, step, context) for latents, context in parts])
            except self.model.out_of_memory as error:
                require_out_of_memory(error)
                if self.size == 1:
                    raise
            self.size = math.ceil(self.size / 2)

    def _part(self, latents: Tensor, step: Step, context: Tensor) -> Tensor:
        return guided_step(self.model, latents, step, self.prompt.with_context(context), self.guidance)
