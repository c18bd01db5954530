"""Scores of several pictures, from what the networks say of each.

Sources: Ruiz et al. 2023, arXiv:2208.12242 (CLIP-I, DINO, CLIP-T and DIV); SingleInsert, arXiv:2310.08094, section 4.1
(their parts for foreground and background).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def similarities(references: Sequence[Tensor], others: Sequence[Tensor]) -> list[float]:
    """Each picture's cosine with the references, the mean over these. All vectors: (width,), of length 1."""
    if not references:
        return []
    stacked = torch.stack(list(references))
    return [float((stacked @ other).mean()) for other in others]


def pairwise(things: Sequence[T], distance: Callable[[T, T], float]) -> list[float]:
    """The distance of every pair; none for fewer than two."""
    return [distance(one, other) for one, other in itertools.combinations(things, 2)]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def spread(values: Sequence[float]) -> float:
    """The standard deviation of a whole set."""
    middle = mean(values)
    return math.sqrt(sum((value - middle) ** 2 for value in values) / len(values))
