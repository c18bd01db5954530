"""How much memory training needs at SD 1.5's real size: `python -m lab.measuring.training_memory`.

Adds up the bytes of every tensor that is alive at once, on tensors without values: exact for what the pack allocates
in half precision with the attention kernel of GPUs, and without what the desktop, CUDA and the allocator's gaps take.
README's memory table comes from this.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..hosting import in_process
from .work import LATENT_SIDE, attention_layers, countable_attention, evaluation, unet_without_values

GB = 2**30  # as cards are named
TEXT_ENCODER = 123_060_480 * 2  # bytes, in half precision
ENCODERS = ("vit_b32", "cnn", "none")
WHILE_LEARNING = 3  # weights and Adam's two moments; the encoder's gradients come when the UNet's graph has gone
WHILE_UPDATING = 5  # and gradients, and what AdamW puts beside the moments
WITHOUT_MOMENTS = 2  # weights and gradients; the moments are in the computer's memory, a weight's beside it in turn
CARDS = (4, 6, 8, 12, 16, 24)
TAKEN = 600 * 2**20  # bytes of the desktop and CUDA itself
LORA = 1_092_096 * 4 * 4  # bytes: its gradients are there all the while


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
    """Bytes of storages made under it that are alive: now, and the most at once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self.now = 0
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        inputs = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in inputs:
                self._count(tensor.untyped_storage())
        self.peak = max(self.peak, self.now)
        return out

    def _count(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known[key] = weakref.ref(storage, lambda _: self._forget(key)), size
            self.now += size

    def _forget(self, key: int) -> None:
        self.now -= self._known.pop(key)[1]


def activations(unet: nn.Module, case: Case) -> int:
    """Bytes beside all weights: the class word's prediction is kept, then the concept's runs forward and backward."""
    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.host.gradients import checkpointed_blocks
    from single_image_studio.host.recomputing import Recomputing

    lora = LoraSet(attention_layers(unet), 4, torch.Generator()).to("meta")
    with contextlib.ExitStack() as stack:
        if case.stage == 2:
            stack.enter_context(lora.attached())
        if case.checkpointing:
            stack.enter_context(checkpointed_blocks(unet, lambda: True))
        counter = stack.enter_context(LiveBytes())
        with torch.no_grad(), lora.off():
            x0_class = evaluation(unet, case.batch, case.pixels // 8)
        with contextlib.nullcontext() if case.checkpointing else Recomputing():
            eps = evaluation(unet, case.batch, case.pixels // 8)
        (eps - x0_class).square().mean().backward()
    return counter.peak


def prompt_graphs(case: Case) -> int:
    """Bytes of the graphs that end in the prompts and stay until the UNet has run: the image encoder's (a ViT-B/32),
    and the text encoder's for "* class" and, in Stage II, "class"."""
    import comfy.sd1_clip

    from single_image_studio.concept.encoders import build_encoder
    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.host.gradients import out_of_place_text_encoder

    text = comfy.sd1_clip.SDClipModel(device="meta", dtype=torch.float16).transformer.requires_grad_(False)
    encoder = build_encoder("vit_b32", 768, 0, torch.zeros(768)).to("meta")
    layers = {name.replace(".", "_"): layer for name, layer in text.named_modules() if name.endswith("_proj")}
    lora = LoraSet(layers, 4, torch.Generator()).to("meta")
    with contextlib.ExitStack() as stack:
        stack.enter_context(out_of_place_text_encoder(text))
        if case.stage == 2:
            stack.enter_context(lora.attached())
        counter = stack.enter_context(LiveBytes())
        word = encoder(torch.empty(1, 3, case.pixels, case.pixels, device="meta"))
        graphs = [_encoded(text, word) for _ in range(case.stage)]
        kept = counter.now
    del graphs
    return kept


def _encoded(text: nn.Module, word: torch.Tensor) -> torch.Tensor:
    embeds = word.half()[None].expand(1, 77, -1)
    encoded: torch.Tensor = text(
        None, embeds=embeds, num_tokens=[77], intermediate_output=None, final_layer_norm_intermediate=True,
        dtype=torch.float16,
    )[0]  # fmt: skip
    return encoded.float()


def encoder_bytes(kind: str) -> int:
    """An image encoder's weights, float32."""
    from single_image_studio.concept.encoders import build_encoder

    encoder = build_encoder(kind, 768, 0, torch.zeros(768))
    return sum(parameter.numel() * 4 for parameter in encoder.parameters())


def all_in(weights: int, encoder: int, size: int, lean: bool = False) -> int:
    """The worst moment: the UNet's backward, or the optimiser's update. All in bytes.

    weights: of UNet, text encoder and LoRA with its optimiser. encoder: the image encoder's. size: what the step keeps.
    lean: the optimiser's moments are in the computer's memory.
    """
    if lean:
        return weights + max(encoder + size, WITHOUT_MOMENTS * encoder)
    return weights + max(WHILE_LEARNING * encoder + size, WHILE_UPDATING * encoder)


def choice(batch: int, card: int, weights: int, encoder: int) -> str:
    """What a training takes at once on a card of so many GB: "8 of 16". weights, encoder: bytes, as in `all_in`."""
    from single_image_studio.host import concept_model, memory

    free = card * GB - TAKEN - weights - encoder - concept_model.PROMPT_GRAPHS
    moments = (WHILE_LEARNING - 1) * encoder
    ways = {"": (moments, False), ", lean": (0, False), ", lean, recomputed": (0, True)}
    for name, (beside, recomputed) in ways.items():
        one = memory.graph_bytes((LATENT_SIDE, LATENT_SIDE), torch.float16, recomputed)
        if size := memory.even_split(batch, min(batch, (free - beside) // one)):
            return f"{size} of {batch}{name}"
    return f"too little for 1 of {batch}"


def choices(weights: int, encoders: Mapping[str, int]) -> str:
    """In Markdown: a column a card."""
    lines = ["| 512 px, half precision | " + " | ".join(f"{card} GB" for card in CARDS) + " |", "|---" * 7 + "|"]
    for stage, batch in ((1, 16), (2, 4)):
        for kind, encoder in encoders.items():
            held = weights + (stage - 1) * LORA
            cells = [choice(batch, card, held, encoder) for card in CARDS]
            lines.append(f"| Stage {'I' * stage}, `{kind}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def row(case: Case, size: int, *wholes: int) -> str:
    """In Markdown. size: what the step keeps; wholes: everything, in each way; all in bytes."""
    return f"| {case.name} | " + " | ".join(f"{part / GB:.2f} GB" for part in (size, *wholes)) + " |"


@contextlib.contextmanager
def linear_attention() -> Iterator[None]:
    """As on a card whose attention keeps no matrix, which the host's CPU is not."""
    import comfy.model_management as manager

    before = manager.pytorch_attention_flash_attention
    manager.pytorch_attention_flash_attention = lambda: True
    try:
        yield
    finally:
        manager.pytorch_attention_flash_attention = before


def main() -> None:
    in_process.import_host()
    in_process.import_pack()
    unet = unet_without_values()
    weights = TEXT_ENCODER + sum(parameter.numel() * parameter.element_size() for parameter in unet.parameters())
    encoders = {kind: encoder_bytes(kind) for kind in ENCODERS}
    print(f"UNet and text encoder: {weights / GB:.2f} GB. Image encoder with Adam's moments: ", end="")
    print(", ".join(f"{kind} {WHILE_LEARNING * size / GB:.2f} GB" for kind, size in encoders.items()))
    with linear_attention():
        print(f"\n{choices(weights, encoders)}")
    print("\n| half precision, `vit_b32` | activations | all in | lean |\n|---|---|---|---|", flush=True)
    with countable_attention():
        for case in CASES:
            size = activations(unet, case) + prompt_graphs(case)
            held = weights + (case.stage - 1) * LORA
            wholes = [all_in(held, encoders["vit_b32"], size, lean) for lean in (False, True)]
            print(row(case, size, *wholes), flush=True)


if __name__ == "__main__":
    main()
