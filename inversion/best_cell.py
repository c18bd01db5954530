"""Which of a grid's edits is best, by what the UNet itself knows: the target prompt fits it, and it keeps the picture.

No further model is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion.process import add_noise
from ..diffusion.report import StepReport, Steps
from .model import EpsModel, Prompt

TIMESTEPS = (650, 350)
"""At which a picture is noised to ask what the prompts make of it, noisiest first."""
SEED = 0
ROWS = 1024  # patches compared at once with all others


@dataclass(frozen=True)
class CellScores:
    """Both halves of every cell's score, (cells, B) in [0, 1]: how well the target prompt fits, and how much stayed."""

    text: Tensor
    preservation: Tensor

    def best(self) -> list[int]:
        """For each picture of the batch the number of the cell where the product is greatest; the first of equals."""
        return [int(cell) for cell in (self.text * self.preservation).argmax(0)]


def judge(model: EpsModel, edits: Tensor, picture: Tensor, source: Prompt, target: Prompt) -> Steps[CellScores]:
    """Scores of all edits of a batch of pictures.

    edits: (cells, B, 4, h, w) clean latents. picture: (B, 4, h, w), what was edited.
    """
    gains = yield from text_gains(model, torch.cat([picture[None], edits]), source, target)
    kept = torch.stack([preservation(edit, picture) for edit in edits])
    return CellScores(text_fit(gains[1:], gains[0]), kept)


def text_gains(model: EpsModel, pictures: Tensor, source: Prompt, target: Prompt) -> Steps[Tensor]:
    """By how much the target prompt predicts the noise in each picture better than the source prompt does: (n, B).

    pictures: (n, B, 4, h, w) clean latents, all under the same noise, so that only what they show tells them apart.
    Source: Li et al. 2023, arXiv:2303.16203, eq. 6: a diffusion model as a classifier, here of two prompts.
    """
    generator = torch.Generator().manual_seed(SEED)
    gains = pictures.new_zeros(pictures.shape[:2])
    for done, timestep in enumerate(TIMESTEPS, start=1):
        noise = torch.randn(pictures.shape[2:], generator=generator).to(pictures)
        for gain, latents in zip(gains, pictures, strict=True):
            timesteps = torch.full((len(latents),), timestep, device=latents.device)
            noisy = add_noise(latents, noise, model.alpha_bar[timesteps])
            by_source, by_target = model.predict_eps(noisy, timesteps, [source, target])
            gain += (by_source - noise).square().mean((1, 2, 3)) - (by_target - noise).square().mean((1, 2, 3))
        yield StepReport("measuring", done, len(TIMESTEPS))
    return gains / len(TIMESTEPS)


def text_fit(gains: Tensor, unchanged: Tensor) -> Tensor:
    """Gains as shares of the way from the unchanged picture, 0, to the edit that fits best, 1.

    gains: (cells, B). unchanged: (B,).
    """
    way = (gains - unchanged).clamp(min=0)
    return way / way.amax(0).clamp(min=1e-9)


def preservation(edit: Tensor, picture: Tensor) -> Tensor:
    """How much of what a picture is made of is still there, wherever it has moved to, and nothing else: (B,) in [0, 1].

    edit, picture: (B, 4, h, w).
    Source: Simakov et al. 2008, bidirectional similarity: every patch of one has its like in the other.
    """
    mine, its = _patches(edit), _patches(picture)
    spread = picture.flatten(1).var(1).clamp(min=1e-9)
    return torch.exp(-(_to_nearest(mine, its) + _to_nearest(its, mine)) / spread)


def _patches(latents: Tensor) -> Tensor:
    """3 × 3 patches around every place: (B, h·w, 4·9)."""
    return F.unfold(F.pad(latents, (1, 1, 1, 1), mode="replicate"), 3).transpose(1, 2)


def _to_nearest(patches: Tensor, others: Tensor) -> Tensor:
    """The mean squared distance of patches to the nearest of others, a number of each: (B,)."""
    parts = torch.split(patches, ROWS, dim=1)
    nearest = [torch.cdist(some, others).amin(2).square() for some in parts]
    return torch.cat(nearest, dim=1).mean(1) / patches.shape[2]
