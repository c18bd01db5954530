"""Where in the picture a prompt's tokens are attended to, read off the UNet's cross-attention while it runs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .gated_lora import options_of, shape_of, transformer_blocks

MOST_PLACES = 1024
"""Layers of more places are left out: they cost most, and their attention is to detail."""


class AttentionMaps:
    """Reads maps of groups of tokens in calls of one UNet.

    shape: the height and width of the block that runs, in places. most_places: layers of more are left out.
    """

    def __init__(self, unet: nn.Module, shape: Callable[[], tuple[int, int]], most_places: int = MOST_PLACES) -> None:
        self._attentions = [block.attn2 for block in transformer_blocks(unet)]
        self._shape, self._most_places = shape, most_places

    @contextlib.contextmanager
    def watching(self, chosen: Tensor, groups: Tensor, size: tuple[int, int], rows: int) -> Iterator[list[Tensor]]:
        """Inside, collects one map a layer: (chosen rows, groups, *size), averaged over heads.

        Where other packs' patches have repeated rows, merged places or taken tokens away, nobody knows which is which:
        such a layer is left out. Tokens that they append count for nothing.
        chosen: the batch's rows to look at. groups: (chosen rows, tokens, groups), what each token counts. rows: of the
        batch.
        """
        maps: list[Tensor] = []

        def is_known(query: Tensor, key: Tensor) -> bool:
            places = math.prod(self._shape())
            known_rows = len(query) == len(key) == rows
            return known_rows and query.shape[1] == places <= self._most_places and key.shape[1] >= groups.shape[1]

        with contextlib.ExitStack() as stack:
            for attention in self._attentions:
                look = _Look(attention, chosen, groups, lambda found: maps.append(self._laid_out(found, size)),
                             is_known)  # fmt: skip
                stack.callback(attention.to_q.register_forward_hook(look.query).remove)
                stack.callback(attention.to_k.register_forward_hook(look.key).remove)
            yield maps

    def _laid_out(self, found: Tensor, size: tuple[int, int]) -> Tensor:
        """(rows, places, groups) as pictures."""
        pictures = found.transpose(1, 2).unflatten(2, self._shape())
        return F.interpolate(pictures, size, mode="bilinear", align_corners=False)


class _Look:
    """The hooks on one cross-attention's projections. is_known: whether it is to be looked at, by query and key."""

    def __init__(
        self, attention: Any, chosen: Tensor, groups: Tensor, found: Callable[[Tensor], None],
        is_known: Callable[[Tensor, Tensor], bool],
    ) -> None:  # fmt: skip
        self._heads, self._chosen, self._groups, self._found = attention.heads, chosen, groups, found
        self._is_known = is_known
        self._query: Tensor | None = None

    def query(self, _: nn.Module, inputs: Any, output: Tensor) -> None:
        self._query = output

    def key(self, _: nn.Module, inputs: Any, output: Tensor) -> None:
        query, self._query = self._query, None
        if query is None or not self._is_known(query, output):
            return
        with torch.no_grad():
            q, k = (part[self._chosen].float().unflatten(2, (self._heads, -1)).transpose(1, 2) for part in
                    (query, output))  # fmt: skip
            attended = (q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).softmax(-1).mean(1)
            self._found(attended[..., : self._groups.shape[1]] @ self._groups)


class BlockShape:
    """The height and width of the transformer block that runs, in places, while `attached`."""

    def __init__(self, unet: nn.Module) -> None:
        self._blocks, self._shape = transformer_blocks(unet), (0, 0)

    def __call__(self) -> tuple[int, int]:
        return self._shape

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for block in self._blocks:
                stack.callback(block.register_forward_pre_hook(self._enter, with_kwargs=True).remove)
            yield

    def _enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._shape = shape_of(options_of(args, kwargs))
