"""The graph's VAE: the posterior of a picture's latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.model_management
import torch
from torch import Tensor

from ..support.errors import InputError
from ..support.finite import require_finite
from ..support.out_of_memory import require_out_of_memory
from ..support.warnings import warn


@dataclass(frozen=True)
class Posterior:
    """What a VAE says of a picture: latents in its own (unscaled) space, float32.

    mean: (B, 4, H/8, W/8). std: the same, or None for a VAE without one (TAESD), whose mode is then its only sample.
    """

    mean: Tensor
    std: Tensor | None

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws for each picture: (B·count, 4, H/8, W/8). Drawn on the CPU, so that a seed means the same
        everywhere."""
        mean = self.mean.repeat_interleave(count, 0)
        if self.std is None:
            return mean.clone()
        noise = torch.randn(mean.shape, generator=generator)
        return mean + self.std.repeat_interleave(count, 0) * noise.to(mean.device)


def posterior(vae: Any, image: Tensor) -> Posterior:
    """Encodes pictures (B, H, W, 3) in [0, 1], by the host's own path.

    `VAE.encode` gives only the posterior's mode, so its moments are read where they enter the regulariser. Where memory
    runs out, the host encodes in tiles, which have no moments: then all other models make room, and it is tried again.
    Raises: InputError when the VAE gives numbers that are not finite, or memory is short for tiles too.
    """
    mode, moments = _encoded(vae, image)
    if _are_of_tiles(moments, mode):
        comfy.model_management.unload_all_models()
        comfy.model_management.soft_empty_cache()
        mode, moments = _encoded(vae, image)
        if _are_of_tiles(moments, mode):
            warn("vae_in_tiles")
            moments = []
    with torch.inference_mode(False), torch.no_grad():
        mean = mode.clone().float().cpu()
        require_finite_vae(mean, *moments)
        if not moments:
            return Posterior(mean, None)
        # the same clamp as the public VAE code: exp(±…) stays finite
        log_variance = torch.cat([m.chunk(2, dim=1)[1] for m in moments]).clone().float().clamp(-30.0, 20.0)
        return Posterior(mean, (0.5 * log_variance).exp().cpu())


def _encoded(vae: Any, image: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The posterior's mode, and the moments that the VAE made on the way; none for a VAE without a spread."""
    moments: list[Tensor] = []
    regularizer = getattr(vae.first_stage_model, "regularization", None)
    hooks = []
    if isinstance(regularizer, torch.nn.Module):
        hooks.append(regularizer.register_forward_pre_hook(lambda _, inputs: moments.append(inputs[0])))
    try:
        with torch.inference_mode():
            return vae.encode(image[..., :3]), moments
    except RuntimeError as error:  # of CPUs and MPS, whose errors the host does not know as this
        require_out_of_memory(error)
        raise InputError(
            "out of memory while `vae` encodes the picture: lower `resolution`, or close other programs."
        ) from error
    finally:
        for hook in hooks:
            hook.remove()


def _are_of_tiles(moments: list[Tensor], mode: Tensor) -> bool:
    return bool(moments) and (sum(map(len, moments)) != len(mode) or moments[0].shape[2:] != mode.shape[2:])


def require_finite_vae(*numbers: Tensor) -> None:
    """Raises: InputError when what a VAE gave is not finite."""
    advice = "it is broken, or its fp16 overflows; connect another VAE, or start ComfyUI with --fp32-vae"
    require_finite("vae", advice, *numbers, verb="gives")
