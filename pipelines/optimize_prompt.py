"""Imagic Text Optimize: the target prompt's embeddings, moved until they describe the pictures of a LATENT."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..host import checks
from ..host.conditioning import Conditioning, check_conditioning, picture_of, with_context
from ..host.latents import latents_from
from ..host.session import UnetSession
from ..host.unet import Unet
from ..inversion.text_optimization import OptimizedText, TextOptimizationSettings, optimize_text
from .reporter import Reporter


def optimize_prompt(
    model: Any, target: Conditioning, latent: Any, settings: TextOptimizationSettings, reporter: Reporter
) -> tuple[list[list[Any]], dict[str, list[float]]]:
    """Imagic's text optimisation for every picture of a batch on its own.

    Returns the target with the embeddings found, and the mean loss of every step as {"loss": …}.
    Raises: InputError when an input does not fit, or the loss is not finite.
    """
    checks.require_sd1(model)
    latents = latents_from(latent)
    check_conditioning(model, "target", target)
    pictures = len(latents)
    reporter.begin(settings.steps * pictures, model, pictures=pictures)
    texts = [
        _optimize_one(model, picture_of(target, i, pictures), picture[None], settings, reporter, i + 1)
        for i, picture in enumerate(latents)
    ]
    losses = [history for text in texts for history in text.losses]
    mean = [sum(values) / pictures for values in zip(*losses, strict=True)]
    with torch.inference_mode(False):
        return with_context(target, torch.cat([text.embeds.cpu() for text in texts])), {"loss": mean}


def _optimize_one(
    model: Any,
    target: Conditioning,
    latents: Tensor,
    settings: TextOptimizationSettings,
    reporter: Reporter,
    picture: int,
) -> OptimizedText:
    def work(unet: Unet) -> OptimizedText:
        return reporter.follow(optimize_text(unet, latents.to(unet.device), unet.prompts["target"], settings), picture)

    session = UnetSession(
        model=model,
        shape=latents.shape,
        timesteps=DDIMSchedule().timesteps,
        positive={"target": target},
        gradients=True,
        precision=settings.precision,
    )
    return session.run(work)
