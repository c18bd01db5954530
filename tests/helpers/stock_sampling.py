"""A picture of the demo's world, and what the host's untouched guider and samplers make of it. For tests with the
`host` fixture."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor


def star(vae: Any) -> dict[str, Tensor]:
    """A star as VAE Encode gives it: a LATENT of one picture."""
    from lab.world import painting, random_scenes

    picture, _ = painting.render(random_scenes.sample_concept(random.Random(9), "star"))
    with torch.inference_mode():
        return {"samples": vae.encode(torch.from_numpy(picture)[None].float() / 255)}


def published_sigmas(model: Any, steps: int, last: float | None = None) -> Tensor:
    """DDIM's noise levels, and where they end: at the last one that no picture shows, or at `last`."""
    from single_image_studio.diffusion.ddim import DDIMSchedule

    sigmas = model.get_model_object("model_sampling").sigmas.detach().clone().float()
    end = sigmas[:1] if last is None else torch.tensor([last])
    return torch.cat([sigmas[DDIMSchedule(steps).timesteps], end])


def host_samples(
    model: Any,
    positive: Any,
    negative: Any,
    samples: Tensor,
    sigmas: Tensor,
    cfg: float,
    sampler: str = "euler",
    noise: Tensor | None = None,
    denoise_mask: Tensor | None = None,
) -> Tensor:
    """Where the host's sampler leads from a LATENT's samples, with its noise off unless some is given: LATENT scale, at
    the last noise level."""
    import comfy.samplers

    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    noise = torch.zeros_like(samples) if noise is None else noise
    chosen = comfy.samplers.sampler_object(sampler)
    return guider.sample(noise, samples, chosen, sigmas, denoise_mask=denoise_mask, disable_pbar=True, seed=0)
