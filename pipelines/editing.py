"""Ties the host's model to the inversion room's algorithms: what the editing nodes have in common."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..diffusion.ddim import TRAIN_STEPS, DDIMSchedule
from ..diffusion.quality import psnr
from ..host import checks
from ..host.conditioning import aligned, context_of, picture_of, with_context, within
from ..host.latents import decode, latent_of, latents_from
from ..host.memory import OUT_OF_MEMORY, free_memory_after
from ..host.progress import Progress
from ..host.scale import alpha_bar_of, sigmas_of
from ..host.unet import HostPrompt, UnetSession
from ..host.unet import Unet as Predictor
from ..host.weights import fingerprint
from ..inversion.data import Inversion
from ..inversion.grid import Cell, sample_grid, steps_needed
from ..inversion.methods import InversionSettings, Inverted, Phase, invert, units
from ..inversion.ranges import split_range, step_ranges
from ..inversion.sampling import Guidance, check_alpha, interpolate, source_steps
from ..inversion.stepping import Room
from ..inversion.text_optimization import TextOptimizationSettings, optimize_text
from ..page.live import LiveRun, Moment
from ..support.errors import InputError

log = logging.getLogger("single_image_studio")
Conditioning = Sequence[Any]
PREVIEW_EVERY = 5


def invert_pictures(
    model: Any,
    latent: Any,
    source: Conditioning,
    uncond: Conditioning,
    settings: InversionSettings,
    precision: str,
    vae: Any,
    live: LiveRun,
) -> Inversion:
    """Inverts every picture of a batch on its own."""
    checks.require_sd1(model)
    latents = latents_from(latent)
    if settings.method == "null_text" and not settings.optimises:
        log.warning(
            "Null-Text Invert: at `cfg` 1 the unconditional prompt has no say, so there is nothing to optimise; this is"
            " plain DDIM inversion."
        )
    if TRAIN_STEPS % settings.schedule.steps:
        log.info(
            "Null-Text Invert: %d steps do not divide 1000; with stock samplers use ddim_uniform and start at the step"
            " that the docs tell.",
            settings.schedule.steps,
        )
    pictures = len(latents)
    live.begin(units(settings) * pictures)
    show = Progress(live.total, model)
    began, found, evaluations = time.monotonic(), [], 0
    for i in range(pictures):
        one, count = _invert_one(
            model,
            latents[i : i + 1],
            picture_of(source, i, pictures),
            picture_of(uncond, i, pictures),
            settings,
            precision,
            show,
            live,
            (i, pictures),
        )
        found.append(one)
        evaluations += count
    alpha_bar = alpha_bar_of(sigmas_of(model.get_model_object("model_sampling")))
    base = source if settings.method == "negative_prompt" else uncond
    report = _report(latents, found, settings, evaluations, time.monotonic() - began, vae)
    return Inversion(
        method=settings.method,
        schedule=settings.schedule,
        guidance_scale=settings.sampling_scale,
        noise_latents=torch.cat([one.noise_latents for one in found]).cpu(),
        noise_alpha_bar=float(alpha_bar[settings.schedule.timesteps[0]]),
        uncond_embeds=_joined([one.uncond_embeds for one in found]),
        offsets=(
            None
            if found[0].offsets is None
            else torch.cat([one.offsets for one in found if one.offsets is not None], dim=1).cpu()
        ),
        base_model=fingerprint(model),
        report=report,
        uncond=base,
    )


def _joined(embeds: list[Tensor]) -> Tensor:
    """(steps or 1, B, n, width); one for all pictures where they agree."""
    if all(e is embeds[0] or torch.equal(e, embeds[0]) for e in embeds):
        return embeds[0].cpu()
    return torch.cat(embeds, dim=1).cpu()


def _invert_one(
    model: Any,
    latents: Tensor,
    source: Conditioning,
    uncond: Conditioning,
    settings: InversionSettings,
    precision: str,
    show: Progress,
    live: LiveRun,
    which: tuple[int, int],
) -> tuple[Inverted, int]:
    def algorithm(predictor: Predictor, prompts: dict[str, HostPrompt]) -> tuple[Inverted, int]:
        def on_phase(phase: Phase) -> None:
            index, pictures = which
            done = index * units(settings) + phase.done
            preview = show.update(done, phase.latents if phase.step % PREVIEW_EVERY == 0 else None)
            moment = Moment(phase.name, phase.step, settings.schedule.steps, index + 1, pictures)
            live.step(done, moment, {} if phase.distance is None else {"distance": phase.distance}, preview)

        found = invert(
            predictor.predict_eps,
            latents.to(predictor.device),
            prompts["source"],
            prompts["uncond"],
            settings,
            predictor.alpha_bar,
            room_of(predictor),
            on_phase,
        )
        return found, predictor.evaluations

    return run(
        model,
        {"source": source},
        {"uncond": uncond},
        latents,
        settings.schedule.timesteps,
        algorithm,
        precision,
        with_gradients=settings.optimises,
    )


def room_of(predictor: Predictor) -> Room:
    """Where a backward does not fit: recompute blocks instead of keeping them, once."""

    def make(error: BaseException) -> bool:
        if predictor.checkpointing:
            return False
        log.info("Memory is short: going on with gradient checkpointing.")
        free_memory_after(error)
        predictor.checkpointing = True
        return True

    return Room(OUT_OF_MEMORY, make)


def _report(
    latents: Tensor, found: list[Inverted], settings: InversionSettings, evaluations: int, seconds: float, vae: Any
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "method": settings.method,
        "steps": settings.schedule.steps,
        "cfg": settings.sampling_scale,
        "pictures": len(found),
        "latent_psnr": [one.psnr[0] for one in found],
        "errors": [one.errors[0] for one in found],
        "inner_steps": [one.inner_steps[0] for one in found],
        "unet_evaluations": evaluations,
        "seconds": seconds,
    }
    if vae is not None:
        checks.require_vae(vae)
        pairs = [
            (decode(vae, latent_of(one.reconstruction)), decode(vae, latent_of(latents[i : i + 1])))
            for i, one in enumerate(found)
        ]
        report["pixel_psnr"] = [psnr(a, b, 1.0) for a, b in pairs]
    return report


def report_text(report: dict[str, Any]) -> str:
    """The report, for a person: a Markdown list, as some pages take any text for Markdown and would run its lines
    together."""

    def listed(values: list[float]) -> str:
        return ", ".join("exact" if v == float("inf") else f"{v:.2f} dB" for v in values)

    lines = [
        f"method: {report['method']}, {report['steps']} steps, cfg {report['cfg']:g}",
        f"reconstruction PSNR, latents: {listed(report['latent_psnr'])}"
        + (" (by construction)" if report["method"] == "direct" else ""),
    ]
    if "pixel_psnr" in report:
        lines.append(f"reconstruction PSNR, pixels after the VAE: {listed(report['pixel_psnr'])}")
    for number, (errors, inner) in enumerate(zip(report["errors"], report["inner_steps"], strict=True), start=1):
        which = f" of picture {number}" if report["pictures"] > 1 else ""
        lines.append(f"error after each step{which}: " + " ".join(f"{e:.1e}" for e in errors))
        if inner:
            lines.append(f"inner steps{which}: {sum(inner)} in all: " + " ".join(map(str, inner)))
    lines.append(f"UNet evaluations: {report['unet_evaluations']}; seconds: {report['seconds']:.1f}")
    return "\n".join(f"- {line}" for line in lines)


def uncond_conditioning(inversion: Inversion) -> list[list[Any]]:
    """The inversion's unconditional side as a plain CONDITIONING; null embeddings act in their own step's range
    each."""
    base = plain_uncond(inversion)
    if len(inversion.uncond_embeds) == 1:
        return with_context(base, inversion.uncond_embeds[0])
    out = []
    for embeds, (start, end) in zip(inversion.uncond_embeds, step_ranges(inversion.schedule), strict=True):
        out += within(with_context(base, embeds), start, end)
    return out


def plain_uncond(inversion: Inversion) -> Conditioning:
    """The conditioning that the embeddings belong in: the wire's own, or after a file a bare one."""
    return inversion.uncond if inversion.uncond is not None else [[inversion.uncond_embeds[0], {}]]


def optimize_prompt(
    model: Any, target: Conditioning, latent: Any, settings: TextOptimizationSettings, precision: str, live: LiveRun
) -> tuple[list[list[Any]], dict[str, list[float]]]:
    """Imagic's text optimisation for every picture of a batch on its own. Returns the target with the embeddings found,
    and the losses."""
    checks.require_sd1(model)
    latents = latents_from(latent)
    pictures = len(latents)
    live.begin(settings.steps * pictures)
    show = Progress(max(1, live.total), model)
    embeds, losses = [], []
    for i in range(pictures):

        def algorithm(
            predictor: Predictor, prompts: dict[str, HostPrompt], i: int = i
        ) -> tuple[Tensor, list[list[float]]]:
            def on_step(done: int, loss: float) -> None:
                show.update(i * settings.steps + done)
                live.step(
                    i * settings.steps + done,
                    Moment("learning", done, settings.steps, i + 1, pictures),
                    {"misfit": loss},
                )

            return optimize_text(
                predictor.predict_eps,
                latents[i : i + 1].to(predictor.device),
                prompts["target"],
                predictor.alpha_bar,
                settings,
                room_of(predictor),
                on_step,
            )

        one = picture_of(target, i, pictures)
        found, history = run(
            model,
            {"target": one},
            {},
            latents[i : i + 1],
            DDIMSchedule().timesteps,
            algorithm,
            precision,
            with_gradients=True,
        )
        embeds.append(found.cpu())
        losses += history
    mean = [sum(values) / pictures for values in zip(*losses, strict=True)]
    with torch.inference_mode(False):
        return with_context(target, torch.cat(embeds)), {"loss": mean}


def edited_sides(
    source: Conditioning, target: Conditioning, optimized: Conditioning | None
) -> tuple[Conditioning, Tensor]:
    """The target, and the context that alpha 0 stands for: the optimised prompt's, or without one the source's.

    Raises: InputError when they cannot be blended.
    """
    if not target:
        raise InputError("`target` is empty: connect a CLIPTextEncode that says what the picture should become.")
    if not source:
        raise InputError(
            "`source` is empty: connect a CLIPTextEncode that describes the picture as it is, or one with empty text."
        )
    return aligned(target, source, "source") if optimized is None else aligned(target, optimized, "optimized")


def timestep_aware_conditioning(
    source: Conditioning,
    target: Conditioning,
    optimized: Conditioning | None,
    alpha: float,
    source_ratio: float,
    steps: int,
) -> list[list[Any]]:
    """The positive side as a plain CONDITIONING: the source in the first steps, the blend in the rest."""
    schedule = DDIMSchedule(steps)
    target, start = edited_sides(source, target, optimized)
    blend = with_context(target, interpolate(context_of(target), start, check_alpha(alpha)))
    first, rest = split_range(schedule, source_steps(steps, source_ratio))
    return [*(within(source, *first) if first else []), *(within(blend, *rest) if rest else [])]


def sample_cells(
    model: Any,
    inversion: Inversion,
    source: Conditioning,
    target: Conditioning,
    optimized: Conditioning | None,
    cells: list[Cell],
    node: str | None,
    previews: bool = True,
) -> list[dict[str, Tensor]]:
    """Edits of one inversion, sharing their first steps. Returns a LATENT for each cell.

    node: where to write the progress as text, or None. previews: whether to show pictures while it samples.
    """
    checks.require_sd1(model)
    if inversion.base_model and inversion.base_model != fingerprint(model):
        log.warning(
            "`inversion` was made with another checkpoint than `model`: the picture will not come back as it was;"
            " invert it again with this one."
        )
    target, start = edited_sides(source, target, optimized)
    _check_pictures(inversion, context_of(source), context_of(target), start)
    schedule = inversion.schedule
    show = Progress(steps_needed(cells, schedule.steps), model, node)

    def on_step(done: int, latents: Tensor) -> None:
        show.update(done, f"step {done} of {show.total}", latents if previews and done % PREVIEW_EVERY == 0 else None)

    def algorithm(predictor: Predictor, prompts: dict[str, HostPrompt]) -> list[Tensor]:
        uncond = [prompts["uncond"].with_context(e.to(predictor.device)) for e in inversion.uncond_embeds]
        guidance = Guidance(uncond, inversion.guidance_scale, inversion.offsets)
        began = prompts["target"].with_context(start.to(predictor.device))
        out = sample_grid(
            predictor.predict_eps,
            inversion.noise_latents.to(predictor.device),
            prompts["source"],
            prompts["target"],
            began,
            cells,
            guidance,
            schedule,
            predictor.alpha_bar,
            on_step,
        )
        log.info("Sampled %d edits in %d UNet evaluations.", len(cells), predictor.evaluations)
        return out

    found = run(
        model,
        {"source": source, "target": target},
        {"uncond": plain_uncond(inversion)},
        inversion.noise_latents,
        schedule.timesteps,
        algorithm,
    )
    return [latent_of(latents) for latents in found]


def _check_pictures(inversion: Inversion, *contexts: Tensor) -> None:
    pictures = len(inversion.noise_latents)
    for context in contexts:
        if len(context) not in (1, pictures):
            raise InputError(
                f"a prompt was made for {len(context)} pictures and `inversion` holds {pictures}: connect `optimized`"
                " and `inversion` made from the same latent."
            )


def run(model, positive, negative, latents, timesteps, algorithm, precision="auto", with_gradients=False):
    return UnetSession(
        model=model,
        shape=latents.shape,
        timesteps=timesteps,
        positive=positive,
        negative=negative,
        gradients=with_gradients,
        precision=precision,
    ).run(lambda unet: algorithm(unet, unet.prompts))
