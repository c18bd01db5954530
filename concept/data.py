"""A learned concept, as nodes hand it on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .checks import check_embedding, check_encoder_state, check_lora, check_pictures, check_texts

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
    Raises: InputError when a part is of another kind, shape or dtype, or holds numbers that are not finite.
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
        check_embedding(self.embedding)
        check_pictures(self.picture, self.mask)
        check_texts(self.class_word, self.stage, self.settings, self.losses, self.base_model)
        check_lora(self.lora)
        check_encoder_state(self.encoder_state)

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
