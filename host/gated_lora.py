"""LoRAs beside the UNet's layers instead of in their weights, each of them gated token by token and place by place.

The update of a layer is gated between its halves: up(gate · down(x)). There it is as wide as the rank, so that several
concepts cost little more than one, and a place with gate 0 keeps its bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import comfy.lora
import comfy.weight_adapter
import torch
import torch.nn.functional as F
from comfy.ldm.modules.attention import BasicTransformerBlock
from torch import Tensor, nn

from ..support.errors import InputError
from .token_marks import KEY

_TOKEN_LAYERS = ("attn2.to_k", "attn2.to_v")


@dataclass(frozen=True)
class Update:
    """One concept's LoRA of one layer, scaled: (rank, …) and (outputs, rank), as the layer's own weight is laid out."""

    down: Tensor
    up: Tensor


class Gates(Protocol):
    """What one call of the UNet lets through: made by `host.unet_apart`, carried in its transformer_options.

    All are (rows, tokens or places, ranks), or None when nothing is let through.
    owners: of each rank, the concept's index.
    """

    def of_tokens(self, length: int, owners: tuple[int, ...]) -> Tensor | None: ...
    def of_places(self, height: int, width: int, owners: tuple[int, ...]) -> Tensor | None: ...
    def attention_bias(self, height: int, width: int, length: int) -> Tensor | None: ...


def patches_of(model: Any, lora: Mapping[str, Tensor]) -> dict[Any, Any]:
    """A LoRA as the host's patches of the UNet's weights. lora: by kohya's names, or any other that the host knows."""
    names = comfy.lora.model_lora_keys_unet(model.model, {})
    return comfy.lora.load_lora(dict(lora), names, log_missing=False)  # type: ignore[no-any-return]


def updates_of(model: Any, patches: Mapping[Any, Any], strength: float) -> dict[str, Update]:
    """Those patches that can be added to a layer's output, by their weights' keys."""
    updates = {key: _update(model.model, key, patch, strength) for key, patch in patches.items()}
    return {key: update for key, update in updates.items() if update is not None}


def layer_of(key: str) -> str:
    """A weight's layer in the UNet: `input_blocks.1.1.…`."""
    return key.removeprefix("diffusion_model.").removesuffix(".weight")


def _update(base: nn.Module, key: Any, patch: Any, strength: float) -> Update | None:
    if not isinstance(patch, comfy.weight_adapter.LoRAAdapter) or not isinstance(key, str):
        return None
    up, down, alpha, *unusual = patch.weights
    layer = base.get_submodule(key.removesuffix(".weight"))
    if any(part is not None for part in unusual) or not isinstance(layer, (nn.Linear, nn.Conv2d)):
        return None
    if len(up) != layer.weight.shape[0] or down[0].numel() != layer.weight[0].numel():
        raise InputError(
            f"`concept` has a LoRA for another kind of model on {layer_of(key)}: connect the checkpoint that it was"
            " trained on."
        )
    scale = strength if alpha is None else strength * float(alpha) / down.shape[0]
    with torch.inference_mode(False), torch.no_grad():
        down = down.detach().clone().float().reshape(len(down), *layer.weight.shape[1:])
        return Update(down, up.detach().clone().float().flatten(1) * scale)


class GatedLayers:
    """All concepts' updates on one UNet, as hooks that act while `attached` in calls that carry gates."""

    def __init__(self, unet: nn.Module, concepts: Sequence[Mapping[str, Update]]) -> None:
        self._unet = unet
        self._layers = [
            _Layer(unet.get_submodule(name), [(i, of[name]) for i, of in enumerate(concepts) if name in of],
                   name.endswith(_TOKEN_LAYERS), self)
            for name in dict.fromkeys(name for of in concepts for name in of)
        ]  # fmt: skip
        self.of_call: Gates | None = None
        self.of_block: Gates | None = None
        self.shape: tuple[int, int] = (0, 0)

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """of_call is to be set at each call of the UNet, for layers outside of its transformer blocks. Inside, gates
        are read off the block's own options: backward may recompute a block long after its call."""
        with contextlib.ExitStack() as stack:
            for block in transformer_blocks(self._unet):
                stack.callback(block.register_forward_pre_hook(self._enter, with_kwargs=True).remove)
                stack.callback(block.register_forward_hook(self._leave, always_call=True).remove)
                stack.callback(block.attn2.register_forward_pre_hook(self._biased, with_kwargs=True).remove)
            for layer in self._layers:
                stack.callback(layer.module.register_forward_hook(layer).remove)
            yield

    def _enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        options = options_of(args, kwargs)
        self.shape = shape_of(options)
        self.of_block = options.get(KEY)

    def _leave(self, *_: Any) -> None:
        self.of_block = None

    def _biased(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Lets each phrase's tokens be attended to in their own region only."""
        context = kwargs.get("context")
        if self.of_block is None or context is None or kwargs.get("mask") is not None:
            return None
        bias = self.of_block.attention_bias(*self.shape, context.shape[1])
        if bias is None or bias.shape[:2] != args[0].shape[:2]:
            return None
        return args, {**kwargs, "mask": bias.to(args[0].dtype)}


def options_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The transformer_options that a transformer block is called with."""
    return kwargs.get("transformer_options") or (args[2] if len(args) > 2 else {})


def shape_of(options: Mapping[str, Any]) -> tuple[int, int]:
    """The height and width of the block that is called, in places."""
    height, width = options.get("activations_shape", (0, 0))[-2:]
    return height, width


def transformer_blocks(unet: nn.Module) -> list[Any]:
    """The UNet's blocks of self-attention, cross-attention and feed-forward."""
    return [module for module in unet.modules() if isinstance(module, BasicTransformerBlock)]


class _Layer:
    """The hook of one layer, with all concepts' updates of it side by side."""

    def __init__(self, module: Any, updates: list[tuple[int, Update]], by_tokens: bool, layers: GatedLayers) -> None:
        self.module, self._by_tokens, self._layers = module, by_tokens, layers
        self.owners = tuple(index for index, update in updates for _ in range(len(update.down)))
        with torch.inference_mode(False), torch.no_grad():
            self._down = torch.cat([update.down for _, update in updates])
            self._up = torch.cat([update.up for _, update in updates], dim=1)

    def __call__(self, module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0]
        if x.dim() == 4:
            return self._on_picture(module, x, output)
        gate = self._gate_of(x)
        if gate is None:
            return output
        down, up = self._weights(x)
        inner = (F.linear(x, down) * gate).flatten(0, 1).to(output.dtype)
        flat, outward = output.flatten(0, 1), up.t().to(output.dtype)
        if torch.is_grad_enabled() or not output.is_contiguous():
            return torch.addmm(flat, inner, outward).view_as(output)
        flat.addmm_(inner, outward)  # the layer has just made it
        return output

    def _gate_of(self, x: Tensor) -> Tensor | None:
        """(rows, tokens or places, ranks); None where nothing is added.

        Where other packs' patches have merged or tiled tokens, nobody knows which place is where: such a layer goes
        without.
        """
        gates, (height, width) = self._layers.of_block, self._layers.shape
        if gates is None or x.dim() != 3:
            return None
        tokens = self._by_tokens
        gate = gates.of_tokens(x.shape[1], self.owners) if tokens else gates.of_places(height, width, self.owners)
        return gate.to(x.dtype) if gate is not None and gate.shape[:2] == x.shape[:2] else None

    def _on_picture(self, module: Any, x: Tensor, output: Tensor) -> Tensor:
        """A convolution, as other LoRAs have them: (rows, channels, h, w)."""
        gates, (height, width) = self._layers.of_call, output.shape[-2:]
        gate = None if gates is None else gates.of_places(height, width, self.owners)
        if gate is None or len(gate) != len(x):
            return output
        down, up = self._weights(x)
        laid_out = gate.transpose(1, 2).unflatten(2, (height, width)).to(x.dtype)
        inner = F.conv2d(x, down, None, module.stride, module.padding) * laid_out
        return output + F.conv2d(inner, up[..., None, None]).to(output.dtype)

    def _weights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """On the input's device, in its precision."""
        if self._down.device != x.device or self._down.dtype != x.dtype:
            with torch.inference_mode(False), torch.no_grad():
                self._down, self._up = self._down.to(x), self._up.to(x)
        return self._down, self._up
