"""Where in a picture the words of its prompt are, read off where their tokens attend in the first steps.

Source: the averaging of cross-attention over heads, layers and steps is Tang et al. 2022, arXiv:2210.04885 (DAAM); that
the layout is settled in the first steps is Hertz et al. 2022, arXiv:2208.01626.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LAYOUT = 2.29
"""The noise level below which the layout stands: timestep 600 of SD 1.5's 1000, 40 % of a whole run's steps with most
schedulers. A run that begins below it, as a second pass does, has its layout from the start."""
SKIPPED_STEPS = 2
"""In the first two, attention knows next to nothing yet."""
THRESHOLD = 0.45
"""Of a map's own range: above it is the subject."""
LIKENESS = 0.5
"""The correlation of a word's map with a concept's above which they speak of the same thing."""
CORE = 0.8
"""Of a concept's own range: a word whose highest place is above it speaks of the concept, or of a part of it."""
GRID = 32
"""The longer side of the grid on which regions are looked for, at most: attention is no finer where it is clear."""
_TINY = 1e-12


@dataclass(frozen=True)
class FirstSteps:
    """A run's first steps by their noise levels, so that samplers of several evaluations a step agree.

    begin: from this noise level on attention is averaged. end: from this one on the regions stand.
    """

    begin: float
    end: float

    @classmethod
    def of(cls, sigmas: Sequence[float]) -> FirstSteps:
        """sigmas: a run's noise levels, noisiest first, and where it ends."""
        last = max(1, next((step for step, sigma in enumerate(sigmas) if sigma <= LAYOUT), len(sigmas) - 1))
        return cls(sigmas[min(SKIPPED_STEPS, last - 1)], sigmas[min(last, len(sigmas) - 1)])

    def begins(self, sigma: float) -> bool:
        """Whether there is too much noise yet for attention to know anything."""
        return sigma > self.begin

    def over(self, sigma: float) -> bool:
        return sigma <= self.end

    def averaged(self, sigma: float) -> bool:
        return self.end < sigma <= self.begin


def grid_of(height: int, width: int) -> tuple[int, int]:
    """The grid on which regions of latents of this size are looked for."""
    cell = -(-max(height, width) // GRID)
    return -(-height // cell), -(-width // cell)


def shared(weights: Tensor) -> Tensor:
    """Regions (B, C, h, w) of several concepts in [0, 1]; where they overlap, each gets its share of 1."""
    return weights / weights.sum(1, keepdim=True).clamp(min=1.0)


def find_regions(maps: Tensor, concepts: int) -> Tensor:
    """Each concept's place in the picture: (B, concepts, h, w) of zeros and ones, which may overlap by a cell.

    maps: (B, G, h, w) from 0 on: how strongly each place attends to each group of tokens; the first `concepts` groups
    are the concepts' phrases, the others are the prompt's other words. A map of zeros is of nothing in the prompt.
    """
    smooth = F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)
    own, words = smooth[:, :concepts], smooth[:, concepts:]
    mine = of_range(own)
    subject = (mine > THRESHOLD) & (mine >= mine.amax(1, keepdim=True))
    lost = _to_words(own, words)
    return F.max_pool2d((subject & ~lost).to(maps.dtype), 3, stride=1, padding=1)


def of_range(maps: Tensor) -> Tensor:
    """Each map from 0 at its lowest place to 1 at its highest; a flat one is 0."""
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return (maps - low) / (high - low).clamp(min=_TINY)


def _to_words(own: Tensor, words: Tensor) -> Tensor:
    """Where another word of the prompt has a better claim than a concept: (B, concepts, h, w) of booleans.

    A word's claim to a place is how much more it attends there than on the whole; so a word that attends everywhere
    (photo) claims nothing.
    """
    lost = torch.zeros_like(own, dtype=torch.bool)
    for index in range(words.shape[1]):
        word = words[:, index : index + 1]
        lost |= (_lift(word) > _lift(own)) & ~_about(own, word)
    return lost


def _about(own: Tensor, word: Tensor) -> Tensor:
    """Whether a word speaks of a concept itself, as an adjective before it does, or of a part of it: (B, concepts, 1,
    1). Such a word is no rival."""
    highest = word.flatten(2).argmax(2, keepdim=True)
    there = of_range(own).flatten(2).gather(2, highest.expand(-1, own.shape[1], -1))[..., None]
    return (_likeness(own, word) > LIKENESS) | (there > CORE)


def _lift(maps: Tensor) -> Tensor:
    """How many times its mean a map is at each place."""
    return maps / maps.mean((2, 3), keepdim=True).clamp(min=_TINY)


def _likeness(one: Tensor, other: Tensor) -> Tensor:
    """The correlation of maps over places: (B, C, 1, 1) in [-1, 1]."""
    one, other = (maps - maps.mean((2, 3), keepdim=True) for maps in (one, other))
    scale = one.square().sum((2, 3), keepdim=True) * other.square().sum((2, 3), keepdim=True)
    return (one * other).sum((2, 3), keepdim=True) / scale.sqrt().clamp(min=_TINY)
