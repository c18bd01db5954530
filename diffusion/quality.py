"""How close two tensors are."""

from __future__ import annotations

import torch
from torch import Tensor


def psnr(a: Tensor, b: Tensor, peak: float) -> float:
    """Peak signal-to-noise ratio in dB, of tensors of one shape; infinite when they are equal.

    peak: the range of values: 1 for pictures in [0, 1]; for latents, the reference's maximum minus its minimum.
    """
    error = (a.double() - b.double()).square().mean()
    return float(10 * torch.log10(peak**2 / error)) if error > 0 else float("inf")


def latent_psnr(latents: Tensor, reference: Tensor) -> float:
    """PSNR of latents (B, 4, h, w), whose values have no fixed range: the peak is the reference's own range."""
    return psnr(latents, reference, float(reference.max() - reference.min()))
