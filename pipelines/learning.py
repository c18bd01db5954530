"""Ties the host's model to the concept room's training: what the two training nodes have in common."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ..concept.data import Concept
from ..concept.encoders import build_encoder, resume_encoder
from ..concept.file import check_width
from ..concept.lora import LoraSet
from ..concept.picture import Prepared, prepare
from ..concept.settings import Stage1Settings, Stage2Settings
from ..concept.training import OnStep, Result, StepReport, train_stage1, train_stage2
from ..host import checks, text
from ..host.denoiser import OUT_OF_MEMORY, Denoiser, PeakMemory, free_memory_after, open_denoiser
from ..host.gradients import own_copy
from ..host.progress import Progress
from ..host.vae import posterior
from ..host.weights import attention_projections, fingerprint
from ..page.live import LiveRun, Moment
from ..pictures.eight_bits import to_pil
from ..pictures.mask_picture import mask_picture
from ..support.errors import InputError

log = logging.getLogger("single_image_studio")


def stage1(
    model: Any, clip: Any, vae: Any, image: Tensor, mask: Tensor, settings: Stage1Settings, live: LiveRun
) -> tuple[Prepared, Result]:
    """Runs Stage I on the graph's model and returns the picture as it was trained on, and what was learned."""
    _check_models(model, clip, vae)
    text.class_tokens(clip, settings.class_word)
    prepared = _ordinary(prepare(image, mask, settings.resolution))
    for note in prepared.notes:
        log.warning("Stage I: %s", note)
    live.begin(settings.steps)
    show = Progress(settings.steps, model)
    live.show_subject(_eight_bits(mask_picture(prepared.picture, prepared.mask)))
    with _training("Stage I", model, clip, vae, prepared, settings.class_word, settings.precision) as denoiser:
        start = text.class_embedding(clip, settings.class_word)
        encoder = build_encoder(settings.encoder, checks.text_width(clip), settings.seed, start)
        result = train_stage1(
            denoiser,
            encoder,
            _pixels(prepared),
            prepared.mask,
            settings,
            _on_step(show, settings.preview_every, live),
            OUT_OF_MEMORY,
            free_memory_after,
        )
        _log_result("Stage I", result)
    return prepared, result


def stage2(model: Any, clip: Any, vae: Any, concept: Concept, settings: Stage2Settings, live: LiveRun) -> Result:
    """Runs Stage II on a concept: the result's lora and embedding belong together."""
    _check_models(model, clip, vae)
    check_width(concept, checks.text_width(clip))
    if concept.picture is None or concept.mask is None:
        raise InputError(
            "`concept` was saved without its picture (`include_picture` was off), and Stage II learns from it: train"
            " Stage I again, or load one saved with it."
        )
    if concept.base_model and concept.base_model != fingerprint(model):
        log.warning("Stage II: the concept was trained on another checkpoint than `model`; the likeness may be weaker.")
    prepared = _ordinary(Prepared(concept.picture, concept.mask))
    live.begin(settings.steps)
    show = Progress(settings.steps, model)
    with _training("Stage II", model, clip, vae, prepared, concept.class_word, settings.precision) as denoiser:
        targets = attention_projections(denoiser.patcher, denoiser.clip if settings.train_text_encoder else None)
        lora = LoraSet(targets, settings.rank, torch.Generator().manual_seed(settings.seed))
        if concept.lora:
            lora.load_kohya(concept.lora)
        encoder = _encoder_to_go_on_with(concept, _pixels(prepared), denoiser.device)
        result = train_stage2(
            denoiser,
            encoder,
            lora,
            _pixels(prepared),
            prepared.mask,
            settings,
            _on_step(show, settings.preview_every, live),
            OUT_OF_MEMORY,
            free_memory_after,
        )
        _log_result("Stage II", result)
    return result


def tuned_concept(concept: Concept, settings: Stage2Settings, result: Result) -> Concept:
    """The concept after Stage II."""
    return dataclasses.replace(
        concept,
        embedding=result.embedding,
        lora=result.lora,
        stage=2,
        encoder_state=result.encoder_state,
        settings={**concept.settings, "stage2": settings.to_dict()},
        losses={**concept.losses, "stage2": result.losses},
    )


def _check_models(model: Any, clip: Any, vae: Any) -> None:
    checks.require_sd1(model)
    checks.require_sd1_clip(clip, model)
    checks.require_vae(vae)


def _ordinary(prepared: Prepared) -> Prepared:
    """The same, of tensors that autograd accepts and that outlive the host's inference mode."""
    with torch.inference_mode(False):
        return dataclasses.replace(
            prepared, picture=own_copy(prepared.picture).cpu(), mask=own_copy(prepared.mask).cpu()
        )


def _eight_bits(picture: Tensor) -> Image.Image:
    return to_pil(picture[0])


def _pixels(prepared: Prepared) -> Tensor:
    return prepared.picture.movedim(-1, 1)


def _encoder_to_go_on_with(concept: Concept, pixels: Tensor, device: torch.device) -> nn.Module:
    """Stage I's encoder where the wire still carries it; after a file, which keeps none of it, one that starts at the
    saved embedding."""
    first = concept.settings.get("stage1", {})
    encoder = build_encoder(
        first.get("encoder", "none"), concept.embedding.shape[1], int(first.get("seed", 0)), own_copy(concept.embedding)
    )
    return resume_encoder(
        encoder.to(device), concept.encoder_state, own_copy(concept.embedding).to(device), pixels.to(device)
    )


@contextlib.contextmanager
def _training(
    stage: str, model: Any, clip: Any, vae: Any, prepared: Prepared, class_word: str, precision: str
) -> Iterator[Denoiser]:
    latents = posterior(vae, prepared.picture)
    began = time.monotonic()
    with open_denoiser(model, clip, latents, class_word, precision) as denoiser:
        peak = PeakMemory(denoiser.device)
        yield denoiser
        used = peak.gigabytes()
        log.info(
            "%s took %.0f s; peak memory %s.",
            stage,
            time.monotonic() - began,
            "unknown" if used is None else f"{used:.2f} GB",
        )


def _on_step(show: Progress, preview_every: int, live: LiveRun) -> OnStep:
    def on_step(report: StepReport) -> None:
        wanted = preview_every and report.step % preview_every == 0
        preview = show.update(report.step, report.x0_pred if wanted else None)
        live.step(report.step, Moment("learning", report.step, report.steps), report.losses, preview)

    return on_step


def _log_result(stage: str, result: Result) -> None:
    loss = result.losses["loss"]
    log.info("%s: %d steps, loss %.4f at first, %.4f at last.", stage, len(loss), loss[0], loss[-1])
