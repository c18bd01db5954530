"""Imagic Text Optimize: the target prompt's embeddings, moved until they describe the pictures of a LATENT."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..host import checks
from ..host.conditioning import Conditioning, check_conditioning, picture_of, with_context
from ..host.folders import finished_pictures
from ..host.latents import latents_from
from ..host.session import UnetSession
from ..host.unet import Unet
from ..inversion.data import Inversion
from ..inversion.text_optimization import OptimizedText, TextOptimizationSettings, optimize_text
from .batch_identity import run_of
from .finished_pictures import Finished, FinishedPictures, Form
from .kept_prompts import kept_prompt, with_origin
from .reporter import Reporter

log = logging.getLogger("single_image_studio")


def optimize_prompt(
    model: Any,
    target: Conditioning,
    latent: Any,
    settings: TextOptimizationSettings,
    reporter: Reporter,
    inversion: Inversion | None = None,
    origin: str | None = None,
) -> tuple[list[list[Any]], dict[str, list[float]]]:
    """Imagic's text optimisation for every picture of a batch on its own.

    inversion: of the same pictures; a prompt that it keeps of this target and these settings is returned as it is.
    origin: as `invert_pictures` has it.
    Returns the target with the embeddings found, and the mean loss of every step as {"loss": …}.
    Raises: InputError when an input does not fit, or the loss is not finite.
    """
    checks.require_sd1(model)
    latents = latents_from(latent)
    check_conditioning(model, "target", target)
    kept = None if inversion is None else kept_prompt(inversion, model, target, latents, settings)
    if kept is not None:
        log.info("Imagic Text Optimize: `inversion` keeps this prompt, so nothing is optimised.")
        reporter.begin(0, model)
        embeds, losses = kept.embeds, list(kept.losses)
    else:
        embeds, losses = _optimize_all(model, target, latents, settings, reporter, origin)
    with torch.inference_mode(False):
        optimized = with_context(target, embeds)
    return with_origin(optimized, model, target, latents, settings, losses), {"loss": losses}


def _optimize_all(
    model: Any,
    target: Conditioning,
    latents: Tensor,
    settings: TextOptimizationSettings,
    reporter: Reporter,
    origin: str | None,
) -> tuple[Tensor, list[float]]:
    """Every picture's embeddings, (B, n, width), and the mean loss of every step."""
    pictures = len(latents)
    reporter.begin(settings.steps * pictures, model, pictures=pictures)
    shelf = FinishedPictures(
        finished_pictures(), run_of("text", model, asdict(settings), origin, pictures), Form(_finished, _text_of)
    )

    def depends_on(i: int) -> tuple[Any, ...]:
        return latents[i : i + 1], picture_of(target, i, pictures)

    def text(i: int) -> OptimizedText:
        return _optimize_one(model, picture_of(target, i, pictures), latents[i : i + 1], settings, reporter, i + 1)

    texts = shelf.all(pictures, depends_on, text, reporter.advance, settings.steps)
    losses = [history for text in texts for history in text.losses]
    mean = [sum(values) / pictures for values in zip(*losses, strict=True)]
    with torch.inference_mode(False):
        return torch.cat([text.embeds.cpu() for text in texts]), mean


def _finished(text: OptimizedText) -> Finished:
    return Finished({"embeds": text.embeds}, {"losses": text.losses})


def _text_of(kept: Finished) -> OptimizedText:
    return OptimizedText(kept.tensors["embeds"], kept.facts["losses"])


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
