"""What a training step computes, of ours and of others': which pictures go through the UNet, with which gradients.

Written plainly from the methods' equations and from reading the public programs; nothing of their text. Image encoder,
text encoder and loss are left out: together they are a few thousandths of a step at SD 1.5's size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .training_memory import LiveBytes
from .work import attention_layers


@dataclass(frozen=True)
class Pass:
    """One call of the UNet, and its backward. batches: times the step's batch. graph: what gets gradients, beside the
    prompt; "" for nothing at all. recomputed: with gradient checkpointing."""

    batches: int = 1
    graph: str = ""
    recomputed: bool = False


@dataclass(frozen=True)
class Structure:
    """A step. stage: what it does the work of. encodings: pictures through the VAE's encoder, a sample. lean: keeps
    less for backward, as `host.recomputing` does."""

    name: str
    stage: str
    passes: tuple[Pass, ...]
    encodings: int = 0
    lean: bool = False

    @property
    def forwards(self) -> int:
        """Of the UNet, a sample."""
        return sum(one.batches * (1 + one.recomputed) for one in self.passes)

    @property
    def backwards(self) -> int:
        return sum(one.batches for one in self.passes if one.graph)


STRUCTURES = (
    # the class word's constant, then "* class"
    Structure("ours", "I", (Pass(), Pass(graph="prompt")), lean=True),
    # "* class" and "class" in one batch, both with a graph, the UNet's weights not frozen, each sample encoded anew
    Structure("published code", "I", (Pass(2, "weights"),), encodings=1),
    # one pass for the word, the picture encoded at each step
    Structure("diffusers, textual inversion", "I", (Pass(graph="prompt"),), encodings=1),
    # the frozen class word, "* class", and the tuned class word
    Structure("ours", "II", (Pass(), Pass(graph="lora"), Pass(graph="lora")), lean=True),
    Structure("published code", "II", (Pass(), Pass(2, "lora")), encodings=1),
    Structure("diffusers, DreamBooth LoRA", "II", (Pass(graph="lora"),), encodings=1),
    # LoRAs on all layers are added to their weights, so each weight has a gradient; recomputed by default
    Structure("ComfyUI, Train LoRA", "II", (Pass(graph="weights", recomputed=True),)),
)


def step(structure: Structure, unet: nn.Module, batch: int, side: int, width: int) -> None:
    """All the UNet's work of one step."""
    for one in structure.passes:
        with _trainable(unet, one), _keeping(structure.lean and bool(one.graph)):
            eps = _predict(unet, one, batch, side, width)
        if one.graph:
            eps.square().mean().backward()
    unet.zero_grad(set_to_none=True)


def _predict(unet: nn.Module, one: Pass, batch: int, side: int, width: int) -> Tensor:
    like = next(unet.parameters())
    count = one.batches * batch
    latents = torch.zeros(count, 4, side, side, device=like.device, dtype=like.dtype)
    context = torch.zeros(1, 77, width, device=like.device, requires_grad=bool(one.graph))
    timesteps = torch.full((count,), 500.0, device=like.device)
    with torch.set_grad_enabled(bool(one.graph)):
        eps: Tensor = unet(
            latents, timesteps, context=context.to(like.dtype).expand(count, -1, -1), transformer_options={}
        )
    return eps.float()


@contextlib.contextmanager
def _trainable(unet: nn.Module, one: Pass) -> Iterator[None]:
    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.host.gradients import checkpointed_blocks

    with contextlib.ExitStack() as stack:
        if one.graph == "lora":
            lora = LoraSet(attention_layers(unet), 4, torch.Generator()).to(next(unet.parameters()).device)
            stack.enter_context(lora.attached())
        stack.enter_context(checkpointed_blocks(unet, lambda: one.recomputed))
        unet.requires_grad_(one.graph == "weights")
        yield


def _keeping(less: bool) -> contextlib.AbstractContextManager[object]:
    from single_image_studio.host.recomputing import Recomputing

    return Recomputing() if less else contextlib.nullcontext()


def operations(structure: Structure, unet: nn.Module, batch: int, side: int, width: int) -> int:
    """Floating-point operations of the UNet in one step."""
    with FlopCounterMode(display=False) as counter:
        step(structure, unet, batch, side, width)
    return counter.get_total_flops()


def peak_bytes(structure: Structure, unet: nn.Module, batch: int, side: int, width: int) -> int:
    """The most bytes beside the weights that a step has at once."""
    with LiveBytes() as counter:
        step(structure, unet, batch, side, width)
    return counter.peak
