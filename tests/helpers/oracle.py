"""The two papers' editing methods written with diffusers' UNet and schedulers: what ours must agree with."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler, UNet2DConditionModel
from torch import Tensor

SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
}


def unet_from(model: Any) -> UNet2DConditionModel:
    """The host's UNet as diffusers' class, with the same weights in float32."""
    import comfy.utils

    config = model.model.model_config.unet_config
    names = comfy.utils.unet_to_diffusers(config)
    state = model.model.diffusion_model.state_dict()
    weights = {theirs: state[ours].detach().clone().float() for theirs, ours in names.items() if ours in state}
    attention = [depth > 0 for depth in (0, 1, 1)]
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(64, 128, 128),
        cross_attention_dim=96,
        attention_head_dim=4,
        down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attention)),
    )
    unet.load_state_dict(weights)
    return unet.requires_grad_(False).eval()


def invert(unet: UNet2DConditionModel, latents: Tensor, context: Tensor, steps: int, offset: int) -> list[Tensor]:
    """The trajectory, cleanest first."""
    scheduler = DDIMInverseScheduler(**SCHEDULE, steps_offset=offset)
    scheduler.set_timesteps(steps)
    trajectory = [latents]
    with torch.no_grad():
        for t in scheduler.timesteps:
            eps = unet(trajectory[-1], t, context).sample
            trajectory.append(scheduler.step(eps, t, trajectory[-1]).prev_sample)
    return trajectory


def fixed_point(unet: UNet2DConditionModel, latents: Tensor, context: Tensor, steps: int, corrections: int) -> Tensor:
    """The noisiest latents of a way up whose every step is taken anew with the eps of where it led."""
    scheduler = DDIMInverseScheduler(**SCHEDULE, steps_offset=1)
    scheduler.set_timesteps(steps)
    with torch.no_grad():
        for t in scheduler.timesteps:
            found = latents
            for _ in range(1 + corrections):
                found = scheduler.step(unet(found, t, context).sample, t, latents).prev_sample
            latents = found
    return latents


def edit_friendly(
    unet: UNet2DConditionModel, pivots: Tensor, source: Tensor, conds: list[Tensor], uncond: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """LEDITS++'s inversion and sampling, by its own functions: the noise maps z, (steps, B, 4, h, w), and an edit.

    pivots: the picture at every level, (steps + 1, B, 4, h, w), noisiest first. conds: of the edit, one a step.
    """
    from diffusers.pipelines.ledits_pp.pipeline_leditspp_stable_diffusion import compute_noise

    steps = len(conds)
    scheduler = DDIMScheduler(**SCHEDULE, steps_offset=1)
    scheduler.set_timesteps(steps)

    def guided(latents: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        eps_uncond = unet(latents, t, uncond).sample
        return eps_uncond + scale * (unet(latents, t, cond).sample - eps_uncond)

    found, latents = [], pivots[0]
    with torch.no_grad():
        for i, t in enumerate(scheduler.timesteps):
            eps = guided(pivots[i], t, source)
            found.append(compute_noise(scheduler, pivots[i + 1], pivots[i], t, eps, 1.0)[0])
        for z, t, cond in zip(found, scheduler.timesteps, conds, strict=True):
            eps = guided(latents, t, cond)
            latents = scheduler.step(eps, t, latents, eta=1.0, variance_noise=z).prev_sample
    return torch.stack(found), latents


def sample(
    unet: UNet2DConditionModel,
    latents: Tensor,
    conds: list[Tensor],
    unconds: list[Tensor],
    scale: float,
    steps: int,
    offset: int,
) -> Tensor:
    """conds, unconds: one a step."""
    scheduler = DDIMScheduler(**SCHEDULE, steps_offset=offset)
    scheduler.set_timesteps(steps)
    with torch.no_grad():
        for t, cond, uncond in zip(scheduler.timesteps, conds, unconds, strict=True):
            eps_cond, eps_uncond = unet(latents, t, cond).sample, unet(latents, t, uncond).sample
            latents = scheduler.step(eps_uncond + scale * (eps_cond - eps_uncond), t, latents).prev_sample
    return latents


def null_text(
    unet: UNet2DConditionModel,
    trajectory: list[Tensor],
    cond: Tensor,
    uncond: Tensor,
    scale: float,
    steps: int,
    offset: int,
    inner: int = 10,
    rate: float = 1e-2,
    tolerance: float = 1e-5,
) -> tuple[list[Tensor], Tensor]:
    """Algorithm 1 of arXiv:2211.09794, with the public code's rates and stops. trajectory: cleanest first."""
    scheduler = DDIMScheduler(**SCHEDULE, steps_offset=offset)
    scheduler.set_timesteps(steps)
    latents, found = trajectory[-1], []
    for i, t in enumerate(scheduler.timesteps):
        leaf = uncond.clone().requires_grad_()
        optimizer = torch.optim.Adam([leaf], lr=rate * (1 - i / 100))
        pivot = trajectory[len(trajectory) - i - 2]
        with torch.no_grad():
            eps_cond = unet(latents, t, cond).sample
        for _ in range(inner):
            eps_uncond = unet(latents, t, leaf).sample
            landed = scheduler.step(eps_uncond + scale * (eps_cond - eps_uncond), t, latents).prev_sample
            loss = torch.nn.functional.mse_loss(landed, pivot)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if loss.item() < tolerance + i * 2e-5:
                break
        uncond = leaf.detach()
        found.append(uncond)
        with torch.no_grad():
            eps_uncond = unet(latents, t, uncond).sample
            latents = scheduler.step(eps_uncond + scale * (eps_cond - eps_uncond), t, latents).prev_sample
    return found, latents


def imagic(
    unet: UNet2DConditionModel, latents: Tensor, context: Tensor, steps: int, seed: int, rate: float = 1e-3
) -> Tensor:
    """Imagic's first stage (arXiv:2210.09276, eq. 2) with plain Adam; timesteps and noise drawn as ours draws them."""
    scheduler = DDIMScheduler(**SCHEDULE)
    generator = torch.Generator().manual_seed(seed)
    leaf = context.clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=rate)
    for _ in range(steps):
        t = torch.randint(0, 1000, (1,), generator=generator)
        noise = torch.randn(latents.shape, generator=generator)
        loss = torch.nn.functional.mse_loss(unet(scheduler.add_noise(latents, noise, t), t, leaf).sample, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return leaf.detach()
