"""Texts as tokens of OpenAI's CLIP, whose list of words every host has."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def _tokenizer() -> Any:
    from comfy.sd1_clip import SDTokenizer

    return SDTokenizer()


def clip_tokens(text: str) -> tuple[list[int], bool]:
    """The ids of a text with its start and end, at most 77; weights in brackets are read as a prompt's and dropped.

    Also returns whether some of the text had no room.
    """
    tokenizer = _tokenizer()
    first, *more = tokenizer.tokenize_with_weights(text)
    ids = [int(token) for token, _ in first]
    return ids[: ids.index(tokenizer.end_token, 1) + 1], bool(more)
