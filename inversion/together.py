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
    steps, size = list(steps), len(conds)
    batch, contexts = latents.repeat(size, 1, 1, 1), torch.cat([cond.context for cond in conds])
    for done, step in enumerate(steps, start=1):
        batch, size = _step(model, batch, step, conds[0], contexts, guidance, size)
        yield StepReport("sampling", done, len(steps), cost=len(conds), latents=batch)
    return list(torch.split(batch, 1))


def _step(
    model: EpsModel, batch: Tensor, step: Step, cond: Prompt, contexts: Tensor, guidance: Guidance, size: int
) -> tuple[Tensor, int]:
    """Where one step leads all, in parts of `size`; when memory runs out in halves of these. Returns that size too."""
    while True:
        parts = zip(torch.split(batch, size), torch.split(contexts, size), strict=True)
        try:
            moved = [guided_step(model, part, step, cond.with_context(context), guidance) for part, context in parts]
            return torch.cat(moved), size
        except model.out_of_memory as error:
            require_out_of_memory(error)
            if size == 1:
                raise
        size = math.ceil(size / 2)
