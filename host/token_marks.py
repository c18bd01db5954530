"""Which tokens of which rows of a batch are which concept's phrase, on their way from CONDITIONING to the UNet.

A CONDITIONING says in its options where the phrases of its prompt are. The host turns these options into `model_conds`,
repeats, crops and joins them for the batches that it runs, and hands them to the UNet: so a mark among them arrives
beside the very rows that it is of, whatever areas, sides and batches the host makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .phrases import PHRASES, WORDS

KEY = "single_image_studio"

Places = tuple[int, ...]


@dataclass(frozen=True)
class Prompt:
    """What a conditioning says of its tokens; the places are counted over all chunks, start tokens too.

    length: how many tokens it has. mask: (B, H, W) in [0, 1], where in the picture it acts; None for everywhere.
    """

    length: int
    phrases: Mapping[str, Places] = field(default_factory=dict)
    words: tuple[tuple[str, Places], ...] = ()
    mask: Tensor | None = field(default=None, compare=False)

    @classmethod
    def of(cls, options: Mapping[str, Any], length: int) -> Prompt:
        phrases = {name: tuple(places) for name, places in (options.get(PHRASES) or {}).items() if places}
        words = tuple((word, tuple(places)) for word, places in options.get(WORDS) or ())
        return cls(length, phrases, words, options.get("mask"))

    def groups(self, concepts: Sequence[str], words: Sequence[str]) -> Tensor:
        """(length, groups): each group's tokens share 1 among them; a group that is not in the prompt has none."""
        mine = dict[str, Places]()
        for word, places in self.words:
            mine[word] = mine.get(word, ()) + places
        columns = [self.phrases.get(name, ()) for name in concepts] + [mine.get(word, ()) for word in words]
        groups = torch.zeros(self.length, len(columns))
        for column, places in enumerate(columns):
            inside = [place for place in places if place < self.length]
            groups[inside, column] = 1 / max(1, len(inside))
        return groups


@dataclass(frozen=True)
class Chunk:
    """One conditioning's part of a batch. area: its (height, width, top, left) in the latents; None for all of them."""

    prompt: Prompt
    rows: int
    area: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Rows:
    """A batch as the UNet gets it: its parts, in order."""

    chunks: tuple[Chunk, ...]

    @property
    def count(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    def tokens(self, length: int, concepts: Sequence[str]) -> Tensor:
        """Which tokens are each concept's phrase: (rows, length, concepts) of zeros and ones."""
        return (self.groups(length, concepts, ()) > 0).float()

    def groups(self, length: int, concepts: Sequence[str], words: Sequence[str]) -> Tensor:
        """`Prompt.groups` of each row, for a context of this length: (rows, length, groups)."""
        parts = [
            along(chunk.prompt.groups(concepts, words), length).expand(chunk.rows, -1, -1) for chunk in self.chunks
        ]
        return torch.cat(parts)

    def naming(self, concepts: Collection[str]) -> tuple[tuple[Chunk, ...], list[int]]:
        """The parts whose prompts name some of the concepts, and the places of their rows in the batch."""
        chosen, places, first = [], list[int](), 0
        for chunk in self.chunks:
            if any(name in chunk.prompt.phrases for name in concepts):
                chosen.append(chunk)
                places += range(first, first + chunk.rows)
            first += chunk.rows
        return tuple(chosen), places


def along(places: Tensor, length: int) -> Tensor:
    """What is said of a prompt's tokens (n, k), for a context of another length.

    The host repeats a short prompt to be batched with a longer one; other packs append tokens of their own.
    """
    if length % len(places) == 0:
        return places.repeat(length // len(places), 1)
    kept = places[:length]
    return torch.cat([kept, kept.new_zeros(length - len(kept), places.shape[1])])


class Mark:
    """Stands among a conditioning's `model_conds`, with the host's interface for these."""

    def __init__(self, prompt: Prompt, chunks: tuple[Chunk, ...] = ()) -> None:
        self.prompt, self.chunks = prompt, chunks

    def process_cond(self, batch_size: int, area: Sequence[int] | None = None, **_: Any) -> Mark:
        height_width_top_left = None if area is None else (area[0], area[1], area[2], area[3])
        return Mark(self.prompt, (Chunk(self.prompt, batch_size, height_width_top_left),))

    def can_concat(self, other: Any) -> bool:
        return isinstance(other, Mark)

    def concat(self, others: Sequence[Mark]) -> Rows:
        return Rows(tuple(chunk for mark in (self, *others) for chunk in mark.chunks))

    def size(self) -> list[int]:
        return [1]


def marked(
    conds: Mapping[str, Sequence[dict[str, Any]]],
    key: str = KEY,
    read: Callable[[Mapping[str, Any], int], Prompt] = Prompt.of,
) -> dict[str, list[dict[str, Any]]]:
    """A sampler's conditionings with a mark each, also those that name no concept: the host joins only like with
    like.

    key: of the mark. read: what a mark says, from a conditioning's options and its number of tokens.
    """
    return {side: [_marked(cond, key, read) for cond in entries] for side, entries in conds.items()}


def prompts_of(conds: Mapping[str, Sequence[dict[str, Any]]]) -> list[Prompt]:
    """What marked conditionings say of their tokens."""
    return [cond["model_conds"][KEY].prompt for entries in conds.values() for cond in entries]


def _marked(cond: dict[str, Any], key: str, read: Callable[[Mapping[str, Any], int], Prompt]) -> dict[str, Any]:
    context = cond.get("cross_attn")
    prompt = read(cond, 1 if context is None else int(context.shape[1]))
    return {**cond, "model_conds": {**cond["model_conds"], key: Mark(prompt)}}
