"""A model's weights as other tools name and know them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import comfy.lora
import torch
from torch import nn

from ..support.finite import OTHER_WEIGHTS, require_finite
from ..support.warnings import warn

_UNET_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
_TEXT_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")
# Weights that LoRAs leave alone, so that a checkpoint keeps its fingerprint with any of them on it.
_FINGERPRINT_KEYS = (
    "diffusion_model.input_blocks.0.0.weight",
    "diffusion_model.time_embed.0.weight",
    "diffusion_model.middle_block.0.in_layers.2.weight",
    "diffusion_model.out.2.weight",
)
_TEXT = "clip_l.transformer.text_model."
_TEXT_KEYS = (f"{_TEXT}embeddings.position_embedding.weight", f"{_TEXT}final_layer_norm.weight")


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


def _merged_weights(patcher: Any, names: Iterable[str]) -> list[torch.Tensor]:
    """Some of a model's weights as they will be computed with, LoRAs aside. names: those that it lacks count for
    nothing."""
    state = dict(patcher.model.named_parameters())
    return [_merged_weight(patcher, name, state[name]) for name in names if name in state]


def _merged_weight(patcher: Any, name: str, weight: torch.Tensor) -> torch.Tensor:
    kept = patcher.backup.get(name)
    if kept is not None:  # a patch is on: the original lies here
        weight = getattr(kept, "weight", kept)
    with torch.inference_mode(False), torch.no_grad():
        return _merged(patcher, name, weight.detach().clone())


def require_finite_weights(model: Any, clip: Any) -> None:
    """A look at a few weights of each, for who uses them without computing anything: a broken merge breaks all.

    Raises: InputError when one is not finite.
    """
    require_finite("model", OTHER_WEIGHTS, *_merged_weights(model, _FINGERPRINT_KEYS))
    require_finite("clip", OTHER_WEIGHTS, *_merged_weights(clip.patcher, _TEXT_KEYS))


def fingerprint(model: Any) -> str:
    """Tells checkpoints apart: the first 16 hex digits of a SHA-256 over some of the UNet's weights, as float16.

    The weights are those that will be sampled with: a merge over the same base is another checkpoint. LoRAs are left
    aside, on whatever layers they are.
    """
    digest = hashlib.sha256()
    for weight in _merged_weights(model, _FINGERPRINT_KEYS):
        digest.update(weight.to("cpu", torch.float16).numpy().tobytes())
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
