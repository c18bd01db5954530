"""Models that give NaN, as a broken file, a bad merge or fp16 does. The wires that they are made from stay whole."""

from __future__ import annotations

import copy
from typing import Any

import torch

NAN = float("nan")


def broken_model(model: Any) -> Any:
    """A MODEL with a NaN patched into its last weight, as a broken LoRA would."""
    clone = model.clone()
    weight = model.model.diffusion_model.out[2].weight
    clone.add_patches({"diffusion_model.out.2.weight": ("diff", (torch.full(weight.shape, NAN),))})
    return clone


def merged_with_broken(model: Any) -> Any:
    """A MODEL half merged with a broken one, by the stock node."""
    from comfy_extras.nodes_model_merging import ModelMergeSimple

    with torch.inference_mode():
        return ModelMergeSimple().merge(model, broken_model(model), 0.5)[0]


def broken_clip(clip: Any) -> Any:
    """A CLIP half merged, by the stock node, with one whose last norm is NaN."""
    from comfy_extras.nodes_model_merging import CLIPMergeSimple

    clone = clip.clone()
    name = "clip_l.transformer.text_model.final_layer_norm.weight"
    weight = clip.cond_stage_model.clip_l.transformer.text_model.final_layer_norm.weight
    clone.add_patches({name: ("diff", (torch.full(weight.shape, NAN),))})
    with torch.inference_mode():
        return CLIPMergeSimple().merge(clip, clone, 0.5)[0]


def broken_vae(vae: Any, number: float = NAN) -> Any:
    """A VAE that gives a number that is not finite, in latents and in pixels."""
    broken = copy.copy(vae)

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        latents = vae.encode(pixels).clone()
        latents[..., 0, 0] = number
        return latents

    def decode(samples: torch.Tensor) -> torch.Tensor:
        pixels = vae.decode(samples).clone()
        pixels[..., 0, 0, 0] = number
        return pixels

    broken.encode, broken.decode = encode, decode
    return broken
