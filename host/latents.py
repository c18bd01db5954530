"""LATENT wires and the papers' latents."""

from __future__ import annotations

from typing import Any

import comfy.latent_formats
import torch
from torch import Tensor

from ..support.errors import InputError
from ..support.finite import require_finite
from ..support.kinds import kind_of_latents
from .vae import require_finite_vae

_FORMAT = comfy.latent_formats.SD15()


def latents_from(latent: dict[str, Any]) -> Tensor:
    """The latents of a LATENT wire in model space (VAE × 0.18215): (B, 4, h, w) float32, on the CPU.

    Raises: InputError as `require_latents`.
    """
    samples = require_latents("latent", latent)
    with torch.inference_mode(False), torch.no_grad():
        return _FORMAT.process_in(samples.clone().float().cpu())  # type: ignore[no-any-return]


def require_latents(name: str, latent: Any, maker: str = "VAE Encode") -> Tensor:
    """The samples of a LATENT wire. maker: the node that gives such a wire where `name` is.

    Raises: InputError when it is not a Stable Diffusion 1.x latent, empty or not finite.
    """
    samples = latent.get("samples") if isinstance(latent, dict) else None
    if not isinstance(samples, Tensor) or getattr(samples, "is_nested", False) or samples.is_complex():
        raise InputError(f"`{name}` holds no picture's latents: connect a {maker} to it.")
    if samples.dim() != 4 or samples.shape[1] != 4:
        raise InputError(
            f"`{name}` seems to be made for {_kind_of(samples)}, and this works on Stable Diffusion 1.x: encode the"
            " picture with the VAE of the checkpoint that `model` comes from."
        )
    if not samples.numel():
        raise InputError(f"`{name}` holds no picture: connect a {maker} to it.")
    advice = "the VAE that encoded it is broken, or its fp16 overflows; use another, or start ComfyUI with --fp32-vae"
    require_finite(name, advice, samples)
    return samples


def _kind_of(samples: Tensor) -> str:
    channels = samples.shape[1] if samples.dim() > 1 else 0
    return kind_of_latents(channels, samples.dim() - 2)


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
    """(B, H, W, 3), by the host's own path.

    Raises: InputError when the VAE gives numbers that are not finite.
    """
    pictures = vae.decode(latent["samples"])
    require_finite_vae(pictures)
    return pictures.reshape(-1, *pictures.shape[-3:])  # type: ignore[no-any-return]


def try_decoder(vae: Any) -> None:
    """Decodes a few grey pixels, so that a broken VAE is known before the work whose result it will decode.

    Raises: InputError as `decode`.
    """
    decode(vae, {"samples": torch.zeros(1, 4, 8, 8)})
