"""Gradients inside a host that runs its nodes in inference mode.

The host loads weights under `torch.inference_mode()`, and autograd refuses such tensors ("Inference tensors cannot be
saved for backward"). `gradients` swaps each for a clone of the same bits, switches inference mode off, and puts every
flag back when it ends, also after an exception or a cancel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import comfy.clip_model
import comfy.model_management
import torch
import torch.utils.checkpoint
from comfy.ldm.modules.diffusionmodules import openaimodel
from torch import Tensor, nn

PRECISIONS: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


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
def gradients(*patchers: Any, memory_required: float = 0) -> Iterator[tuple[Any, ...]]:
    """Loads the patchers fully and lets autograd run through their models.

    patchers: ModelPatchers (`model`, `clip.patcher`). Yields them, or the clones to use in their place.
    memory_required: bytes that the work itself will need, for the host to make room.
    """
    with training_mode(), torch.enable_grad(), contextlib.ExitStack() as cleanup:
        loaded = tuple(static_memory(p) for p in patchers)
        comfy.model_management.load_models_gpu(list(loaded), memory_required=memory_required, force_full_load=True)
        for patcher in loaded:
            thaw(patcher.model)
            patcher.pre_run()
            cleanup.callback(patcher.cleanup)
        yield loaded


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
    from comfy.ldm.modules.attention import SpatialTransformer
    from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock

    def wrap(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def checkpointed(*args: Any, **kwargs: Any) -> Tensor:
            if wanted() and torch.is_grad_enabled():
                return torch.utils.checkpoint.checkpoint(forward, *args, use_reentrant=False, **kwargs)  # type: ignore[no-any-return]
            return forward(*args, **kwargs)

        return checkpointed

    blocks = [m for m in unet.modules() if isinstance(m, (ResBlock, SpatialTransformer))]
    try:
        for block in blocks:
            block.forward = wrap(block.forward)  # type: ignore[method-assign]
        yield
    finally:
        for block in blocks:
            block.__dict__.pop("forward", None)
