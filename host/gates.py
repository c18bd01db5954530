"""What one call of the UNet lets through of each concept's LoRA, token by token and place by place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .token_marks import Rows

NOWHERE = -1e4  # added to an attention score: nothing is left of it, in half precision too


class CallGates:
    """See `host.gated_lora.Gates`.

    names: the concepts'. by_tokens: whether a concept acts on its phrase's tokens alone in cross-attention.
    regions: (rows, concepts, h, w) in [0, 1], or None while no place is known. known: of each concept, whether its
    region is. like: a tensor of the device and type that the gates are wanted in.
    """

    def __init__(
        self,
        names: Sequence[str],
        by_tokens: Sequence[bool],
        rows: Rows,
        regions: Tensor | None,
        known: Sequence[bool],
        like: Tensor,
    ) -> None:
        self._names, self._by_tokens, self._rows = list(names), list(by_tokens), rows
        self._regions, self._known, self._like = regions, known, like.new_empty(0)
        self._named = {name for chunk in rows.chunks for name in chunk.prompt.phrases}
        self._kept: dict[tuple[object, ...], Tensor] = {}

    def of_tokens(self, length: int, owners: tuple[int, ...]) -> Tensor | None:
        if not any(not by or name in self._named for name, by in zip(self._names, self._by_tokens, strict=True)):
            return None
        return self._once(("tokens", length, owners), lambda: self._tokens(length)[..., list(owners)])

    def of_places(self, height: int, width: int, owners: tuple[int, ...]) -> Tensor | None:
        if self._regions is None:
            return None
        return self._once(("places", height, width, owners), lambda: self._places(height, width)[..., list(owners)])

    def attention_bias(self, height: int, width: int, length: int) -> Tensor | None:
        held = [by and name in self._named and known
                for name, by, known in zip(self._names, self._by_tokens, self._known, strict=True)]  # fmt: skip
        if not any(held):
            return None
        return self._once(("bias", height, width, length), lambda: self._bias(height, width, length, held))

    def _once(self, key: tuple[object, ...], make: Callable[[], Tensor]) -> Tensor:
        if key not in self._kept:
            with torch.inference_mode(False), torch.no_grad():
                self._kept[key] = make().to(self._like)
        return self._kept[key]

    def _phrases(self, length: int) -> Tensor:
        return self._rows.tokens(length, self._names).to(self._like.device)

    def _tokens(self, length: int) -> Tensor:
        everywhere = torch.tensor([not by for by in self._by_tokens], device=self._like.device)
        return self._phrases(length).masked_fill(everywhere, 1.0)

    def _places(self, height: int, width: int) -> Tensor:
        assert self._regions is not None
        return F.interpolate(self._regions, (height, width), mode="area").flatten(2).transpose(1, 2)

    def _bias(self, height: int, width: int, length: int, held: list[bool]) -> Tensor:
        """(rows, places, tokens): the logarithm of how far each place may attend to each token."""
        phrases = self._phrases(length) * torch.tensor(held, device=self._like.device)
        free = 1 - phrases.sum(2)
        weights = free[:, None] + self._places(height, width) @ phrases.transpose(1, 2)
        return weights.log().clamp(NOWHERE)
