"""CONDITIONINGs as the stock nodes make them, and what can hang on one. For tests with the `host` fixture."""

from __future__ import annotations

from typing import Any

import torch

Conditioning = list[Any]


def encode(clip: Any, text: str) -> Conditioning:
    import nodes

    with torch.inference_mode():
        return nodes.CLIPTextEncode().encode(clip, text)[0]


def with_options(conditioning: Conditioning, **options: Any) -> Conditioning:
    return [[embedding, {**old, **options}] for embedding, old in conditioning]


def controlnet(model: Any, seed: int = 0) -> Any:
    """A random ControlNet of the demo model's size, with a hint; stored, cast and placed as the host's loader does."""
    import comfy.cldm.cldm
    import comfy.controlnet
    import comfy.model_management as manager
    import comfy.ops

    torch.manual_seed(seed)
    not_its = ("out_channels", "disable_unet_model_creation", "transformer_depth_output", "dtype", "device")
    config = {k: v for k, v in model.model.model_config.unet_config.items() if k not in not_its}
    dtype, device = manager.unet_dtype(), manager.get_torch_device()
    cast = manager.unet_manual_cast(dtype, device)
    operations = comfy.ops.pick_operations(dtype, cast, disable_fast_fp8=True)
    with torch.inference_mode():
        net = comfy.cldm.cldm.ControlNet(**config, hint_channels=3, operations=operations, dtype=dtype, device="cpu")
        for parameter in net.parameters():
            parameter.copy_(torch.empty(parameter.shape).normal_(std=0.05))
        control = comfy.controlnet.ControlNet(net, load_device=device, manual_cast_dtype=cast)
        return control.set_cond_hint(
            torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(seed)), 1.0, (0.0, 1.0)
        )
