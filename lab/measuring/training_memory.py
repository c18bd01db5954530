"""How much memory training needs at SD 1.5's real size: `python -m lab.measuring.training_memory`.

Adds up the bytes of every tensor that is alive at once, on tensors without values: exact for what the pack allocates
in half precision with the attention kernel of GPUs, and without what the desktop, CUDA and the allocator's gaps take.
README's memory table comes from this.
"""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..hosting import in_process
from .work import attention_layers, countable_attention, evaluation, unet_without_values

GB = 2**30  # as cards are named
TEXT_ENCODER = 123_060_480 * 2  # bytes, in half precision
ENCODERS = ("vit_b32", "cnn", "none")
ADAM = 4  # weights, gradients and two moments


@dataclass(frozen=True)
class Case:
    """A stage's forward and backward. batch: pictures at once. pixels: `resolution`."""

    stage: int
    batch: int
    pixels: int = 512
    checkpointing: bool = False

    @property
    def name(self) -> str:
        count = "1 picture" if self.batch == 1 else f"{self.batch} pictures"
        recomputed = ", gradient checkpointing" if self.checkpointing else ""
        return f"Stage {'I' * self.stage}, {count} of {self.pixels} px at once{recomputed}"


CASES = (Case(2, 4), Case(1, 4), Case(2, 1), Case(2, 4, checkpointing=True), Case(2, 1, 384))


class LiveBytes(TorchDispatchMode):
    """The most bytes of storages made under it that were alive at once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        inputs = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in inputs:
                self._count(tensor.untyped_storage())
        self.peak = max(self.peak, self._now)
        return out

    def _count(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known[key] = weakref.ref(storage, lambda _: self._forget(key)), size
            self._now += size

    def _forget(self, key: int) -> None:
        self._now -= self._known.pop(key)[1]


def activations(unet: nn.Module, case: Case) -> int:
    """Bytes beside all weights: the class word's prediction is kept, then the concept's runs forward and backward."""
    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.host.gradients import checkpointed_blocks

    lora = LoraSet(attention_layers(unet), 4, torch.Generator()).to("meta")
    with contextlib.ExitStack() as stack:
        if case.stage == 2:
            stack.enter_context(lora.attached())
        if case.checkpointing:
            stack.enter_context(checkpointed_blocks(unet, lambda: True))
        counter = stack.enter_context(LiveBytes())
        with torch.no_grad(), lora.off():
            x0_class = evaluation(unet, case.batch, case.pixels // 8)
        (evaluation(unet, case.batch, case.pixels // 8) - x0_class).square().mean().backward()
    return counter.peak


def encoder_bytes(kind: str) -> int:
    """An image encoder's weights, gradients and Adam's moments, all float32."""
    from single_image_studio.concept.encoders import build_encoder

    encoder = build_encoder(kind, 768, 0, torch.zeros(768))
    return ADAM * sum(parameter.numel() * 4 for parameter in encoder.parameters())


def row(case: Case, weights: int, size: int) -> str:
    """In Markdown. weights: of everything, Adam's included; size: what comes to them; both in bytes."""
    return f"| {case.name} | {size / GB:.2f} GB | {(weights + size) / GB:.2f} GB |"


def main() -> None:
    in_process.import_host()
    in_process.import_pack()
    unet = unet_without_values()
    weights = TEXT_ENCODER + sum(parameter.numel() * parameter.element_size() for parameter in unet.parameters())
    encoders = {kind: encoder_bytes(kind) for kind in ENCODERS}
    print(f"UNet and text encoder: {weights / GB:.2f} GB.", end=" ")
    print("Image encoder with Adam: " + ", ".join(f"{kind} {size / GB:.2f} GB" for kind, size in encoders.items()))
    print("\n| half precision, `vit_b32` | activations | all in |\n|---|---|---|", flush=True)
    with countable_attention():
        for case in CASES:
            print(row(case, weights + encoders["vit_b32"], activations(unet, case)), flush=True)


if __name__ == "__main__":
    main()
