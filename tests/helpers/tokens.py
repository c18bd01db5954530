"""What the host's tokenizers give, compared."""

from __future__ import annotations

from typing import Any

import torch


def same_tokens(one: list[list[Any]], two: list[list[Any]]) -> bool:
    """Whether two prompts are the same words with the same weights, a concept's vector standing for itself."""
    return all(
        len(a) == len(b)
        and all(
            x[1:] == y[1:] and (torch.equal(x[0], y[0]) if torch.is_tensor(x[0]) else x[0] == y[0])
            for x, y in zip(a, b)
        )
        for a, b in zip(one, two, strict=True)
    )
