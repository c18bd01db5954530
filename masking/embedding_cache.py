"""Remembers pictures as a segmenter saw them, so that another prompt for the same picture encodes nothing."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable

import torch
from torch import Tensor

from ..support.finite import require_finite
from .interfaces import BROKEN_MODEL, Embedding, Segmenter

MOST_BYTES = 256_000_000  # SAM's are 4 MB each, SAM 2's 21 MB


class EmbeddingCache:
    """The most recently used embeddings, up to MOST_BYTES, in main memory."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, Embedding] = OrderedDict()

    def get(self, segmenter: Segmenter, segmenter_key: Hashable, picture: Tensor) -> Embedding:
        """The picture's embedding, made now if it is not kept.

        segmenter_key: tells the segmenter from others (its file, the file's state, its precision).
        Raises: InputError when the segmenter gives numbers that are not finite.
        """
        key = (segmenter_key, picture_key(picture))
        embedding = self._kept.pop(key, None)
        if embedding is None:
            embedding = segmenter.encode(picture)
            require_finite("segmenter", BROKEN_MODEL, embedding.features, *embedding.finer, verb="gives")
        self._kept[key] = embedding
        while len(self._kept) > 1 and sum(e.nbytes for e in self._kept.values()) > self.most_bytes:
            self._kept.popitem(last=False)
        return embedding

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)


def picture_key(picture: Tensor) -> str:
    """Changes with any pixel."""
    pixels = picture.detach().cpu().contiguous()
    bits = pixels.reshape(-1).view(torch.uint8).numpy()  # numpy alone does not know bfloat16
    return f"{tuple(pixels.shape)}-{hashlib.sha256(bits.tobytes()).hexdigest()}"
