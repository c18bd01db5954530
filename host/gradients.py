"""Gradients inside a host that runs its nodes in inference mode.

The host loads weights under `torch.inference_mode()`, and autograd refuses such tensors ("Inference tensors cannot be
saved for backward"). `thaw` swaps each for a clone of the same bits; the contexts here switch inference mode off, let
gradients through what the host writes in place, and put everything back at the end, also after an exception or a
cancel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import comfy.clip_model
import comfy.model_management
import torch
import torch.utils.checkpoint
from comfy.ldm.modules.diffusionmodules import openaimodel
from torch import Tensor, nn

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def thaw(module: nn.Module) -> None:
    """Makes a loaded module fit for autograd: same values, same memory, nothing trainable.

    Call it with inference mode off and after every load: a LoRA that was unpatched leaves inference tensors behind.
    """
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None and parameter.is_inference():
                part._parameters[name] = nn.Parameter(parameter.clone(), requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None and buffer.is_inference():
                part._buffers[name] = buffer.clone()
    module.requires_grad_(False)  # 0.3.75 loads UNet and VAE with requires_grad on


def own_copy(value: Any) -> Any:
    """Tensors that came over a wire, as ordinary tensors that autograd accepts; containers are walked."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {k: own_copy(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(own_copy(v) for v in value)
    return value


def static_memory(patcher: Any) -> Any:
    """A patcher whose weights are ordinary tensors.

    Newer hosts on NVIDIA keep weights in a dynamic cache that `thaw` cannot reach; they offer a clone without it.
    """
    if getattr(patcher, "is_dynamic", lambda: False)():
        return patcher.clone(disable_dynamic=True)
    return patcher


@contextlib.contextmanager
def training_mode() -> Iterator[None]:
    """Switches the executor's inference mode off and tells newer hosts that this is training, which keeps fused
    in-place code paths off.

    Never await inside: switched-off inference mode would leak into other nodes.
    """
    in_training = getattr(comfy.model_management, "in_training", None)
    try:
        if in_training is not None:
            comfy.model_management.in_training = True
        with torch.inference_mode(False):
            yield
    finally:
        if in_training is not None:
            comfy.model_management.in_training = in_training


@contextlib.contextmanager
def differentiable_unet(unet: nn.Module, checkpointing: Callable[[], bool]) -> Iterator[None]:
    """Lets gradients through a thawed UNet and the ControlNets on it; leaves nothing behind.

    checkpointing: asked at every block, whether to recompute it in backward instead of keeping its activations.
    """
    with out_of_place_control(), checkpointed_blocks(unet, checkpointing):
        yield


def out_of_place_patches(model_options: Mapping[str, Any]) -> dict[str, Any]:
    """The same options, with patches that gradients get through even if they write over activations (FreeU V2 does).

    torch's own `allow_mutation_on_saved_tensors` would do for all of the UNet, but it takes one view of a tensor for
    another of a different shape once Python has reused the first one's id.
    """
    options = dict(model_options.get("transformer_options", {}))
    options["patches"] = {kind: [_on_copies(p) for p in kept] for kind, kept in options.get("patches", {}).items()}
    options["patches_replace"] = {
        kind: {block: _on_copies(patch) for block, patch in kept.items()}
        for kind, kept in options.get("patches_replace", {}).items()
    }
    return {**model_options, "transformer_options": options}


def _on_copies(patch: Callable[..., Any]) -> Callable[..., Any]:
    """A patch that is given copies, and whose own operations save copies: whatever it overwrites, nobody else saved."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return patch(*args, **kwargs)
        with torch.autograd.graph.saved_tensors_hooks(torch.clone, lambda saved: saved):
            given = [value.clone() if isinstance(value, Tensor) else value for value in args]
            return patch(*given, **kwargs)

    return run


@contextlib.contextmanager
def differentiable_clip(patcher: Any) -> Iterator[None]:
    """Lets gradients through a loaded text encoder; leaves nothing behind.

    patcher: `clip.patcher`.
    """
    thaw(patcher.model)
    try:
        patcher.pre_run()
        with out_of_place_text_encoder(patcher.model):
            yield
    finally:
        patcher.cleanup()


@contextlib.contextmanager
def out_of_place_text_encoder(text_encoder: nn.Module) -> Iterator[None]:
    """Lets gradients through the host's CLIP layers, which add in place (`x += …`) over what a layer norm saved for
    backward.

    Each norm gets its own copy of its input; the forward values keep their bits.
    """
    layers = [m for m in text_encoder.modules() if isinstance(m, comfy.clip_model.CLIPLayer)]
    hooks = [
        norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(), *inputs[1:]))
        for layer in layers
        for norm in (layer.layer_norm1, layer.layer_norm2)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def out_of_place_control() -> Iterator[None]:
    """Lets gradients through a UNet with a ControlNet, whose residuals the host adds in place to activations saved for
    backward."""
    original = openaimodel.apply_control

    def apply_control(h: Tensor, control: Any, name: str) -> Tensor:
        return original(h if control is None else h.clone(), control, name)  # type: ignore[no-any-return]

    openaimodel.apply_control = apply_control
    try:
        yield
    finally:
        openaimodel.apply_control = original


@contextlib.contextmanager
def checkpointed_blocks(unet: nn.Module, wanted: Callable[[], bool]) -> Iterator[None]:
    """Recomputes the UNet's blocks during backward instead of keeping their activations, while `wanted()` is true.

    Wraps the instances' forwards and unwraps them at the end; a recomputation may itself be cancelled by the host.
    """
    blocks = [m for m in unet.modules() if isinstance(m, (openaimodel.ResBlock, openaimodel.SpatialTransformer))]
    before = [block.__dict__.get("forward") for block in blocks]  # another pack may have set one on the instance
    try:
        for block in blocks:
            block.forward = _checkpointed(block.forward, wanted)  # type: ignore[method-assign]
        yield
    finally:
        for block, forward in zip(blocks, before, strict=True):
            block.__dict__.pop("forward", None)
            if forward is not None:
                block.forward = forward  # type: ignore[method-assign]


def _checkpointed(forward: Callable[..., Tensor], wanted: Callable[[], bool]) -> Callable[..., Tensor]:
    def run(*args: Any, **kwargs: Any) -> Tensor:
        if not (wanted() and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        recomputed: Tensor = torch.utils.checkpoint.checkpoint(forward, *args, use_reentrant=False, **kwargs)
        return recomputed

    return run
