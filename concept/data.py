"""A learned concept, as nodes hand it on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..support.errors import InputError
from ..support.finite import NOT_FINITE, are_finite

FINGERPRINT_LENGTH = 16


@dataclass(frozen=True, eq=False)  # tensors have no single truth value, so == could only fail
class Concept:
    """Everything that was learned about one subject, and what is needed to learn on.

    embedding: (n, width), float32, CPU; what stands in a prompt for the concept, n words (1 today).
    class_word: what the subject is, such as "face".
    lora: kohya names to tensors; empty after Stage I.
    picture, mask: (1, H, W, 3) and (1, H, W), float32 in [0, 1], or None; mask 1 = subject.
    stage: 1 or 2, the last one trained.
    settings: {"stage1": {...}, "stage2": {...}}. losses: by stage, then by term, one number a step.
    base_model: hex fingerprint of the checkpoint it was learned on, or "".
    encoder_state: the image encoder's weights, to go on in the same session; never saved.
    name: what the file is called, or None before it is saved.
    Raises: InputError when a tensor has another shape or dtype, or numbers that are not finite.
    """

    embedding: Tensor
    class_word: str
    lora: dict[str, Tensor] = field(default_factory=dict)
    picture: Tensor | None = None
    mask: Tensor | None = None
    stage: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    base_model: str = ""
    encoder_state: dict[str, Tensor] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check_embedding(self.embedding)
        _check_pictures(self.picture, self.mask)
        if not isinstance(self.class_word, str) or not self.class_word.strip():
            raise InputError(
                f"the concept's class word is {self.class_word!r}; expected a word such as face: train it again with a"
                " `class_word`."
            )
        if self.stage not in (1, 2):
            raise InputError(f"the concept's stage is {self.stage!r}; expected 1 or 2: train it again.")
        for name, tensor in self.lora.items():
            _check_finite(f"LoRA weight {name}", tensor)

    def phrase(self, name: str | None = None) -> str:
        """What to write in a prompt once the concept is applied under a name; None: its own."""
        return f"<{name or self.name}> {self.class_word}"

    def fingerprint(self) -> str:
        """16 hex digits that tell concepts apart: equal for the same class word and the same bits of embedding and
        LoRA."""
        digest = hashlib.sha256(self.class_word.encode("utf-8"))
        for name, tensor in [("embedding", self.embedding), *sorted(self.lora.items())]:
            # Name, dtype and shape delimit the bytes, so that two concepts never run together into the same stream.
            digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor_bytes(tensor))
        return digest.hexdigest()[:FINGERPRINT_LENGTH]


def tensor_bytes(tensor: Tensor) -> bytes:
    """A tensor's bits, whatever its dtype and device; numpy alone does not know bfloat16."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _check_embedding(embedding: Tensor) -> None:
    if embedding.dim() != 2 or 0 in embedding.shape:
        raise InputError("the concept's embedding is no list of words: train it again.")
    if embedding.dtype != torch.float32 or embedding.device.type != "cpu":
        raise InputError(
            f"the concept's embedding is {embedding.dtype} on {embedding.device}; expected torch.float32 on cpu: train"
            " it again."
        )
    _check_finite("embedding", embedding)


def _check_pictures(picture: Tensor | None, mask: Tensor | None) -> None:
    if picture is not None:
        is_one = picture.dim() == 4 and picture.shape[0] == 1 and picture.shape[3] == 3
        _check_pixels("picture", picture, "one RGB picture", is_one)
    if mask is not None:
        _check_pixels("mask", mask, "one mask", mask.dim() == 3 and mask.shape[0] == 1)
    if picture is not None and mask is not None and picture.shape[1:3] != mask.shape[1:]:
        (height, width), (mask_height, mask_width) = picture.shape[1:3], mask.shape[1:]
        raise InputError(
            f"the concept's picture is {width}x{height} pixels and its mask {mask_width}x{mask_height}: train it again"
            " with a `mask` of the picture's size."
        )


def _check_pixels(name: str, pixels: Tensor, expected: str, fits: bool) -> None:
    if not fits or 0 in pixels.shape or pixels.dtype != torch.float32:
        raise InputError(f"the concept's {name} is not {expected} in float32: train it again.")
    _check_finite(name, pixels)


def _check_finite(name: str, tensor: Tensor) -> None:
    if not are_finite(tensor):
        raise InputError(f"the concept's {name} holds {NOT_FINITE}: train it again, with a lower `learning_rate`.")
