"""The demo model as a checkpoint file in SD 1.5's layout, written and read back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..hosting import in_process
from .autoencoder import LinearEncoder, fold_encoder


def checkpoint(
    unet: nn.Module, text: nn.Module, used: Tensor, vae_state: dict[str, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """The tensors of an SD 1.5 checkpoint file, float16."""
    linear = LinearEncoder()
    linear.load_state_dict(vae_state["encoder"])
    vae = in_process.taesd()
    fold_encoder(linear, vae.taesd_encoder)
    vae.taesd_decoder.load_state_dict(vae_state["decoder"])
    tensors = {f"model.diffusion_model.{k}": v for k, v in unet.state_dict().items()}
    for k, v in text.transformer.state_dict().items():
        if k.endswith("token_embedding.weight"):  # rows that no caption uses stay zero
            kept = torch.zeros_like(v)
            kept[used] = v[used]
            v = kept
        tensors[f"cond_stage_model.transformer.{k}"] = v
    tensors.update({f"first_stage_model.{k}": v for k, v in vae.state_dict().items()})
    half = {k: v.detach().half().contiguous() for k, v in tensors.items()}
    # the host divides latents by it; ours are used as they come
    half["first_stage_model.vae_scale"] = torch.tensor(0.18215)
    half["first_stage_model.vae_shift"] = torch.tensor(0.0)
    return half


def load_parts(weights: dict[str, Tensor], unet: nn.Module, text: nn.Module) -> None:
    """Fills UNet and text encoder from a checkpoint's tensors.

    Token rows that it left at zero keep their initialisation.
    """
    for prefix, module in (("model.diffusion_model.", unet), ("cond_stage_model.transformer.", text.transformer)):
        state = {k.removeprefix(prefix): v.float() for k, v in weights.items() if k.startswith(prefix)}
        for key in state:
            if key.endswith("token_embedding.weight"):
                state[key] = torch.where(
                    state[key].abs().sum(1, keepdim=True) > 0, state[key], module.state_dict()[key]
                )
        module.load_state_dict(state)
