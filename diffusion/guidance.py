"""Classifier-free guidance."""

from __future__ import annotations

from torch import Tensor


def guide(eps_cond: Tensor, eps_uncond: Tensor, guidance_scale: float) -> Tensor:
    """The guided prediction; a scale of 1 is the conditional one alone.

    eps_cond, eps_uncond: (B, 4, h, w).
    Source: Ho and Salimans 2022, arXiv:2207.12598, eq. 6 with w = guidance_scale - 1.
    """
    return eps_uncond + guidance_scale * (eps_cond - eps_uncond)
