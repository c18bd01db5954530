"""An inversion as the host's own wires: what a stock sampler takes."""

from __future__ import annotations

from typing import Any

from ..host.conditioning import Conditioning, with_context, within
from ..host.latents import noise_latent_of
from ..host.noise_masks import keeping_outside
from ..inversion.data import Inversion
from ..inversion.ranges import step_ranges


def plain_wires(inversion: Inversion) -> tuple[dict[str, Any], list[list[Any]]]:
    """An inversion as LATENT and CONDITIONING: its noise, and its unconditional side, which keeps what is outside a
    noise mask."""
    noise_latent = noise_latent_of(inversion.noise_latents, inversion.noise_alpha_bar)
    uncond = uncond_conditioning(inversion)
    return noise_latent, _keeping_outside(uncond, inversion)


def _keeping_outside(uncond: Conditioning, inversion: Inversion) -> list[list[Any]]:
    outside = inversion.outside
    if outside is None:
        return list(uncond)
    return keeping_outside(uncond, outside.mask, outside.path(), outside.trajectory[-1])


def uncond_conditioning(inversion: Inversion) -> list[list[Any]]:
    """The inversion's unconditional side as a plain CONDITIONING; null embeddings act in their own step's range
    each."""
    base = plain_uncond(inversion)
    if len(inversion.uncond_embeds) == 1:
        return with_context(base, inversion.uncond_embeds[0])
    entries = []
    for embeds, (start, end) in zip(inversion.uncond_embeds, step_ranges(inversion.schedule), strict=True):
        entries += within(with_context(base, embeds), start, end)
    return entries


def plain_uncond(inversion: Inversion) -> Conditioning:
    """The conditioning that the embeddings belong in: the wire's own, or after a file a bare one."""
    return inversion.uncond if inversion.uncond is not None else [[inversion.uncond_embeds[0], {}]]
