"""How much computing each task of the pack is, at SD 1.5's real size: `python -m lab.measuring.work`.

Counts floating-point operations on tensors without values, so that it takes seconds and no weights. The unit is one
evaluation of the UNet for one picture of 512 px; a picture of the stock KSampler with 20 steps at a cfg above 1 is 40
of them. README has the table that this prints.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..hosting import in_process
from .full_size import UNET

LATENT_SIDE = 64  # of 512 px
PICTURE = 2 * 20  # evaluations of a KSampler picture: 20 steps, with and without the prompt


@dataclass(frozen=True)
class Costs:
    """In UNet evaluations of one picture. learn: forward, and backward to the prompt. tune: the same with a LoRA.
    recomputed: `tune` with gradient checkpointing. operations: of one evaluation."""

    learn: float
    tune: float
    recomputed: float
    operations: int


@dataclass(frozen=True)
class Task:
    """name: for the table. evaluations: what it costs."""

    name: str
    evaluations: float

    @property
    def pictures(self) -> float:
        """As many KSampler pictures of 20 steps."""
        return self.evaluations / PICTURE


def tasks(costs: Costs) -> list[Task]:
    """The nodes' default settings. Of the text encoder, the image encoder and the VAE nothing is counted: together
    they are a few thousandths."""
    inversion_steps, text_steps = 50, 200
    return [
        Task("Stage I, 50 steps of 16", 50 * 16 * stage1(costs)),
        Task("Stage II, 100 steps of 4", 100 * 4 * stage2(costs)),
        Task("Null-Text Invert, `ddim`, `negative_prompt` or `edit_friendly`, 50 steps", inversion_steps * 2),
        Task("… `direct`", inversion_steps * 3),
        Task("… `fixed_point`", inversion_steps * 4),
        Task("… `null_text`, at most (10 updates each step)", inversion_steps * null_text(costs, 10)),
        Task("Imagic Text Optimize, 200 steps", text_steps * costs.learn),
        Task("Timestep-Aware KSampler, 50 steps", inversion_steps * 2),
    ]


def stage1(costs: Costs) -> float:
    """A sample: the class word's prediction, and the concept's with its gradient."""
    return 1 + costs.learn


def stage2(costs: Costs) -> float:
    """A sample: the frozen class word's prediction, and the concept's and the class word's with their gradients."""
    return 1 + 2 * costs.tune


def null_text(costs: Costs, updates: int) -> float:
    """A step: inverted, predicted with the prompt, updated, and landed."""
    return 1 + 1 + updates * costs.learn + 1


def measured() -> Costs:
    """Counts on a UNet of SD 1.5's size."""
    in_process.import_host()
    in_process.import_pack()
    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.host.gradients import checkpointed_blocks

    unet = unet_without_values()
    with countable_attention():
        with torch.no_grad():
            one = _operations(unet)
        learn = _operations(unet)
        with LoraSet(attention_layers(unet), 4, torch.Generator()).to("meta").attached():
            tune = _operations(unet)
            with checkpointed_blocks(unet, lambda: True):
                recomputed = _operations(unet)
    return Costs(learn / one, tune / one, recomputed / one, one)


def unet_without_values() -> nn.Module:
    """SD 1.5's UNet in half precision, frozen, on the meta device. For after `in_process.import_host`."""
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    operations = comfy.ops.disable_weight_init
    unet: nn.Module = UNetModel(**UNET, dtype=torch.float16, device="meta", operations=operations)
    return unet.requires_grad_(False).eval()


def attention_layers(unet: nn.Module) -> dict[str, nn.Module]:
    """The layers that Stage II puts LoRAs on, by a name each."""
    return {
        name.replace(".", "_"): module
        for name, module in unet.named_modules()
        if isinstance(module, nn.Linear) and (".attn1." in name or ".attn2." in name)
    }


def evaluation(unet: nn.Module, batch: int = 1, side: int = LATENT_SIDE) -> Tensor:
    """One prediction for noise without values: (batch, 4, side, side) float32. The prompt wants a gradient where
    gradients are on."""
    latents = torch.empty(batch, 4, side, side, device="meta", dtype=torch.float16)
    context = torch.empty(1, 77, 768, device="meta", requires_grad=torch.is_grad_enabled())
    repeated = context.half().expand(batch, -1, -1)
    eps: Tensor = unet(latents, torch.empty(batch, device="meta"), context=repeated, transformer_options={})
    return eps.float()


def _operations(unet: nn.Module) -> int:
    """Of one evaluation, and of its gradient where there is one."""
    with FlopCounterMode(display=False) as counter:
        eps = evaluation(unet)
        if torch.is_grad_enabled():
            eps.sum().backward()
    return counter.get_total_flops()


@contextlib.contextmanager
def countable_attention() -> Iterator[None]:
    """The kernel of GPUs, which the counter knows, in the place of the one that the host chose for this CPU."""
    import comfy.ldm.modules.attention as host

    def flash(q: Any, k: Any, v: Any, heads: int, *_: Any, **__: Any) -> Any:
        batch, _count, width = q.shape
        q, k, v = (part.reshape(batch, -1, heads, width // heads).transpose(1, 2) for part in (q, k, v))
        out = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, False)[0]
        return out.transpose(1, 2).reshape(batch, -1, width)

    names = ("optimized_attention", "optimized_attention_masked")
    before = {name: getattr(host, name) for name in names}
    try:
        for name in names:
            setattr(host, name, flash)
        yield
    finally:
        for name, attention in before.items():
            setattr(host, name, attention)


def table(costs: Costs) -> str:
    """In Markdown."""
    rows = [f"| {task.name} | {task.evaluations:,.0f} | {task.pictures:.3g} |" for task in tasks(costs)]
    return "\n".join(["| task | UNet evaluations | KSampler pictures of 20 steps |", "|---|---|---|", *rows])


def main() -> None:
    costs = measured()
    print(f"One evaluation of SD 1.5's UNet at 512 px: {costs.operations / 1e9:.0f} GFLOP (multiply and add: two).")
    print(f"With its gradient: {costs.learn:.2f} evaluations; with a LoRA's too: {costs.tune:.2f};", end=" ")
    print(f"with gradient checkpointing: {costs.recomputed:.2f}.\n\n{table(costs)}")


if __name__ == "__main__":
    main()
