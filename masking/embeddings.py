"""Remembers pictures as a segmenter saw them, so that another prompt for the same picture encodes nothing."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable

from torch import Tensor

from .interfaces import Embedding, Segmenter

MOST_BYTES = 256_000_000  # SAM's are 4 MB each


class Embeddings:
    """The most recently used ones, up to MOST_BYTES, in memory and not on a GPU."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, Embedding] = OrderedDict()

    def get(self, segmenter: Segmenter, which: Hashable, picture: Tensor) -> Embedding:
        """The picture's embedding, made if it is not kept. which: tells the segmenter apart from others (file, state of
        the file, precision)."""
        key = (which, picture_key(picture))
        found = self._kept.pop(key, None)
        if found is None:
            found = segmenter.encode(picture)
        self._kept[key] = found
        while len(self._kept) > 1 and sum(e.features.nbytes for e in self._kept.values()) > self.most_bytes:
            self._kept.popitem(last=False)
        return found

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)


def picture_key(picture: Tensor) -> str:
    """Changes with any pixel."""
    pixels = picture.detach().cpu().contiguous()
    return f"{tuple(pixels.shape)}-{hashlib.sha256(pixels.numpy().tobytes()).hexdigest()}"
