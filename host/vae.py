"""The graph's VAE: the posterior of a picture's latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..support.finite import require_finite


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

    `VAE.encode` gives only the posterior's mode, so its moments are read where they enter the regulariser.
    Raises: InputError when the VAE gives numbers that are not finite.
    """
    moments: list[Tensor] = []
    regularizer = getattr(vae.first_stage_model, "regularization", None)
    hooks = []
    if isinstance(regularizer, torch.nn.Module):
        hooks.append(regularizer.register_forward_pre_hook(lambda _, inputs: moments.append(inputs[0])))
    try:
        with torch.inference_mode():
            mode = vae.encode(image[..., :3])
    finally:
        for hook in hooks:
            hook.remove()
    with torch.inference_mode(False), torch.no_grad():
        mean = mode.clone().float().cpu()
        require_finite_vae(mean, *moments)
        if not moments or sum(len(m) for m in moments) != len(mean) or moments[0].shape[2:] != mean.shape[2:]:
            return Posterior(mean, None)  # no moments, or a tiled encode's pieces
        # the same clamp as the public VAE code: exp(±…) stays finite
        log_variance = torch.cat([m.chunk(2, dim=1)[1] for m in moments]).clone().float().clamp(-30.0, 20.0)
        return Posterior(mean, (0.5 * log_variance).exp().cpu())


def require_finite_vae(*numbers: Tensor) -> None:
    """Raises: InputError when what a VAE gave is not finite."""
    advice = "it is broken, or its fp16 overflows; connect another VAE, or start ComfyUI with --fp32-vae"
    require_finite("vae", advice, *numbers, verb="gives")
