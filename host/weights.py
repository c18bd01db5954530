"""A model's weights as other tools name and know them."""

from __future__ import annotations

import hashlib
from typing import Any

import comfy.lora
import torch
from torch import nn

from ..support.warnings import warn

_UNET_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
_TEXT_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")
# Weights that LoRAs leave alone, so that a checkpoint keeps its fingerprint with any of them on it.
_FINGERPRINT_KEYS = (
    "input_blocks.0.0.weight",
    "time_embed.0.weight",
    "middle_block.0.in_layers.2.weight",
    "out.2.weight",
)


def _by_path(root: nn.Module, names: dict[str, str], prefix: str, endings: tuple[str, ...]) -> dict[str, nn.Module]:
    found = {}
    for lora_name, key in names.items():
        path = key.removesuffix(".weight")
        if lora_name.startswith(prefix) and path.endswith(endings):
            found[lora_name] = root.get_submodule(path)
    return found


def attention_projections(model: Any, clip: Any | None) -> dict[str, nn.Module]:
    """The q, k, v and output projections of every attention layer, by kohya's names.

    SD 1.5 has 128 in the UNet and 48 in the text encoder. clip None leaves the text encoder out.
    """
    unet_names = {k: v for k, v in comfy.lora.model_lora_keys_unet(model.model, {}).items() if isinstance(v, str)}
    prefixes = ("lora_unet_down_blocks_", "lora_unet_mid_block_", "lora_unet_up_blocks_")
    found: dict[str, nn.Module] = {}
    for prefix in prefixes:
        found |= {k: v for k, v in _by_path(model.model, unet_names, prefix, _UNET_PROJECTIONS).items() if "_attn" in k}
    if clip is not None:
        text_names = {
            k: v for k, v in comfy.lora.model_lora_keys_clip(clip.cond_stage_model, {}).items() if isinstance(v, str)
        }
        found |= _by_path(clip.cond_stage_model, text_names, "lora_te_text_model_encoder_layers_", _TEXT_PROJECTIONS)
    return found


def fingerprint(model: Any) -> str:
    """Tells checkpoints apart: the first 16 hex digits of a SHA-256 over some of the UNet's weights, as float16.

    The weights are those that will be sampled with: a merge over the same base is another checkpoint. LoRAs are left
    aside, on whatever layers they are.
    """
    state = dict(model.model.diffusion_model.named_parameters())
    digest = hashlib.sha256()
    for key in _FINGERPRINT_KEYS:
        if key not in state:
            continue
        weight = state[key]
        kept = model.backup.get(f"diffusion_model.{key}")
        if kept is not None:  # a patch is on: the original lies here
            weight = getattr(kept, "weight", kept)
        with torch.inference_mode(False), torch.no_grad():
            merged = _merged(model, f"diffusion_model.{key}", weight.detach().clone())
            digest.update(merged.to("cpu", torch.float16).numpy().tobytes())
    return digest.hexdigest()[:16]


def _merged(model: Any, key: str, weight: torch.Tensor) -> torch.Tensor:
    """A weight with the patches on it that are whole weights, as the host's merge nodes add them."""
    patches = [patch for patch in model.patches.get(key, ()) if isinstance(patch[1], list)]
    if not patches:
        return weight
    return comfy.lora.calculate_weight(patches, weight.float(), key)  # type: ignore[no-any-return]


def warn_of_another_checkpoint(model: Any, base_model: str, warning: str, **values: str) -> None:
    """Warns that something was made on another checkpoint than MODEL.

    base_model: the fingerprint that the thing carries; "" for unknown, which is not warned of.
    warning, values: as `warn` takes them.
    """
    if base_model and base_model != fingerprint(model):
        warn(warning, **values)
