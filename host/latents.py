"""LATENT wires and the papers' latents."""

from __future__ import annotations

from typing import Any

import comfy.latent_formats
import torch
from torch import Tensor

from ..support.errors import InputError

_FORMAT = comfy.latent_formats.SD15()


def latents_from(latent: dict[str, Any]) -> Tensor:
    """The latents of a LATENT wire in model space (VAE × 0.18215): (B, 4, h, w) float32, on the CPU.

    Raises: InputError when it is not a Stable Diffusion 1.x latent, empty or not finite.
    """
    samples = latent.get("samples") if isinstance(latent, dict) else None
    if not isinstance(samples, Tensor) or getattr(samples, "is_nested", False):
        raise InputError("`latent` holds no picture's latents: connect a VAEEncode to it.")
    if samples.dim() != 4 or samples.shape[1] != 4:
        raise InputError(
            f"`latent` has shape {tuple(samples.shape)}, and Stable Diffusion 1.x has (pictures, 4, height, width):"
            " encode the picture with the checkpoint's own VAE."
        )
    if not len(samples):
        raise InputError("`latent` holds no picture: connect a VAEEncode to it.")
    with torch.inference_mode(False), torch.no_grad():
        samples = samples.clone().float().cpu()
        if not torch.isfinite(samples).all():
            raise InputError(
                "`latent` holds numbers that are not finite (NaN): encode the picture again, with a VAE in fp32."
            )
        return _FORMAT.process_in(samples)  # type: ignore[no-any-return]


def latent_of(latents: Tensor) -> dict[str, Tensor]:
    """A LATENT wire of clean latents (B, 4, h, w)."""
    return {"samples": _FORMAT.process_out(latents.float().cpu())}


def noise_latent_of(latents: Tensor, alpha_bar: float) -> dict[str, Tensor]:
    """A LATENT wire of noisy latents, for stock samplers with their own noise switched off.

    latents: (B, 4, h, w), VP scale, at the noise level `alpha_bar`. The host's samplers work at x = latents /
        sqrt(alpha_bar).
    """
    return {"samples": _FORMAT.process_out(latents.float().cpu() / alpha_bar**0.5)}


def decode(vae: Any, latent: dict[str, Tensor]) -> Tensor:
    """(B, H, W, 3), by the host's own path."""
    pictures = vae.decode(latent["samples"])
    return pictures.reshape(-1, *pictures.shape[-3:])  # type: ignore[no-any-return]
