"""Remembered pictures."""

from __future__ import annotations

import torch

from single_image_studio.masking.embedding_cache import EmbeddingCache, picture_key
from single_image_studio.masking.interfaces import Embedding


class Counting:
    def __init__(self) -> None:
        self.count = 0

    def encode(self, picture):
        self.count += 1
        return Embedding(torch.full((1, 2, 2, 2), float(self.count)), picture.shape[:2], (2, 2))


def test_a_picture_is_encoded_once_per_segmenter() -> None:
    kept, segmenter, picture = EmbeddingCache(), Counting(), torch.rand(4, 5, 3)
    first = kept.get(segmenter, "b", picture)
    assert kept.get(segmenter, "b", picture.clone()) is first and segmenter.count == 1
    kept.get(segmenter, "h", picture)
    changed = picture.clone()
    changed[0, 0, 0] += 1e-3
    kept.get(segmenter, "b", changed)
    assert segmenter.count == 3 and len(kept) == 3
    kept.get(segmenter, "b", picture.bfloat16())
    assert segmenter.count == 4
    assert picture_key(torch.zeros(2, 3, 3)) != picture_key(torch.zeros(3, 2, 3))


def test_the_oldest_are_forgotten_first() -> None:
    size = 2 * 2 * 2 * 4
    kept, segmenter = EmbeddingCache(most_bytes=2 * size), Counting()
    a, b, c = (torch.full((2, 2, 3), v) for v in (0.1, 0.2, 0.3))
    for picture in (a, b, a, c):  # a was used again: b is the oldest
        kept.get(segmenter, "x", picture)
    assert len(kept) == 2 and ("x", picture_key(a)) in kept and ("x", picture_key(b)) not in kept
    tiny = EmbeddingCache(most_bytes=1)
    tiny.get(segmenter, "x", a)
    assert len(tiny) == 1  # the one in use stays, however large
