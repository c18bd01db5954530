"""Null-Text Invert: the pictures of a LATENT to noise, and a report of how well they come back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.quality import psnr
from ..host import checks
from ..host.conditioning import Conditioning, check_conditioning, picture_of
from ..host.folders import finished_pictures
from ..host.latents import decode, latent_of, latents_from, try_decoder
from ..host.noise_masks import noise_mask_of
from ..host.progress import courtesy
from ..host.scale import alpha_bar_of, sigmas_of
from ..host.session import UnetSession
from ..host.unet import Unet
from ..host.weights import fingerprint
from ..inversion.data import Inversion
from ..inversion.methods import METHODS, InversionSettings, Inverted, invert
from ..inversion.noise_mask import Outside
from ..inversion.ranges import stock_start
from ..inversion.reconstruction import Reconstruction
from ..support.warnings import warn
from .batch_identity import run_of
from .finished_pictures import Finished, FinishedPictures, Form
from .reporter import Reporter

PREVIEW_EVERY = 5
# In dB, of pixels. Means of 40 pictures (docs/reports/INVERSIONS.md): 44 for fixed_point, whose pictures are hard to
# tell from the given ones; 28 for negative_prompt and ddim. Below that is poor.
CLOSELY, WELL = 35.0, 26.0


@dataclass(frozen=True, kw_only=True)
class SourcePrompts:
    """CONDITIONINGs. source: what the pictures show. uncond: what sampling is guided away from."""

    source: Conditioning
    uncond: Conditioning

    def used(self, method: str) -> dict[str, Conditioning]:
        """Those that a method reads, by the names of their inputs."""
        every = {"source": self.source, "uncond": self.uncond}
        return {"source": self.source} if METHODS[method].source_for_uncond else every

    def of_picture(self, index: int, pictures: int) -> SourcePrompts:
        """One picture's part of prompts that were made for a batch."""
        return SourcePrompts(
            source=picture_of(self.source, index, pictures), uncond=picture_of(self.uncond, index, pictures)
        )


class _Run(NamedTuple):
    """One picture's inversion, and how many UNet evaluations it took."""

    inverted: Inverted
    evaluations: int

    def finished(self) -> Finished:
        """To be kept; `of` reads it."""
        back = self.inverted.reconstruction
        tensors = {"trajectory": self.inverted.trajectory, "latents": back.latents, "uncond_embeds": back.uncond_embeds}
        if back.offsets is not None:
            tensors["offsets"] = back.offsets
        facts = {"errors": back.errors, "inner_steps": back.inner_steps, "psnr": self.inverted.psnr}
        return Finished(tensors, facts | {"evaluations": self.evaluations})

    @classmethod
    def of(cls, kept: Finished) -> _Run:
        tensors, facts = kept
        back = Reconstruction(
            latents=tensors["latents"],
            errors=facts["errors"],
            uncond_embeds=tensors["uncond_embeds"],
            offsets=tensors.get("offsets"),
            inner_steps=facts["inner_steps"],
        )
        return cls(Inverted(tensors["trajectory"], back, facts["psnr"]), facts["evaluations"])


def invert_pictures(
    model: Any,
    latent: Any,
    prompts: SourcePrompts,
    settings: InversionSettings,
    reporter: Reporter,
    vae: Any = None,
    origin: str | None = None,
) -> Inversion:
    """Inverts every picture of a batch on its own.

    vae: with one, the report has the pixels' PSNR too. origin: with one, finished pictures of a batch are kept, and
    those of an earlier run are found; tells what the wire of `model` was made by (`host.identity.made_by`).
    Raises: InputError when an input does not fit, or the inversion is not finite.
    """
    checks.require_sd1(model)
    if vae is not None:
        checks.require_vae(vae)
        try_decoder(vae)
    latents = latents_from(latent)
    mask = noise_mask_of(latent, latents.shape)
    for name, wire in prompts.used(settings.method).items():
        check_conditioning(model, name, wire)
    _warn(settings)
    pictures = len(latents)
    reporter.begin(settings.cost * pictures, model, pictures=pictures, preview_every=PREVIEW_EVERY)
    began = time.monotonic()
    shelf = FinishedPictures(
        finished_pictures(),
        run_of("inversion", model, asdict(settings), origin, pictures),
        Form(_Run.finished, _Run.of),
    )

    def depends_on(i: int) -> tuple[Any, ...]:
        return latents[i : i + 1], _part(mask, i), prompts.of_picture(i, pictures).used(settings.method)

    def run(i: int) -> _Run:
        asked = prompts.of_picture(i, pictures)
        return _invert_one(model, latents[i : i + 1], _part(mask, i), asked, settings, reporter, i + 1)

    runs = shelf.all(pictures, depends_on, run, reporter.advance, settings.cost)
    report = {**_figures(runs, settings), "seconds": time.monotonic() - began}
    if vae is not None:
        with courtesy("The pixels' PSNR"):  # memory may be too short for decoding; the inversion is made
            report["pixel_psnr"] = _pixel_psnr(vae, latents, runs)
    uncond = prompts.source if METHODS[settings.method].source_for_uncond else prompts.uncond
    inversion = _inversion(model, latents, [run.inverted for run in runs], settings, report, uncond)
    if mask is None:
        return inversion
    trajectory = torch.cat([run.inverted.trajectory for run in runs], dim=1)
    return replace(inversion, outside=Outside(mask, trajectory, settings.schedule.levels(_alpha_bar(model))))


def _alpha_bar(model: Any) -> Tensor:
    return alpha_bar_of(sigmas_of(model.get_model_object("model_sampling")))


def _part(mask: Tensor | None, picture: int) -> Tensor | None:
    return None if mask is None else mask[picture : picture + 1]


def _warn(settings: InversionSettings) -> None:
    if METHODS[settings.method].optimises and not settings.optimises:
        warn("nothing_to_optimise")


def _invert_one(
    model: Any,
    latents: Tensor,
    mask: Tensor | None,
    prompts: SourcePrompts,
    settings: InversionSettings,
    reporter: Reporter,
    picture: int,
) -> _Run:
    def work(unet: Unet) -> _Run:
        source, uncond = unet.prompts["source"], unet.prompts["uncond"]
        mask_at = None if mask is None else unet.masking(mask)
        steps = invert(unet, latents.to(unet.device), source, uncond, settings, mask_at)
        inverted = reporter.follow(steps, picture)
        back = inverted.reconstruction
        unet.require_finite(back.latents, back.uncond_embeds, back.offsets)
        return _Run(_on_cpu(inverted), unet.evaluations)

    session = UnetSession(
        model=model,
        shape=latents.shape,
        timesteps=settings.schedule.timesteps,
        positive={"source": prompts.source},
        negative={"uncond": prompts.source if METHODS[settings.method].source_for_uncond else prompts.uncond},
        gradients=settings.optimises,
        precision=settings.precision,
    )
    return session.run(work)


def _on_cpu(inverted: Inverted) -> Inverted:
    """As pictures are that were kept of an earlier run, which stand beside it."""
    back = inverted.reconstruction
    offsets = None if back.offsets is None else back.offsets.cpu()
    back = replace(back, latents=back.latents.cpu(), uncond_embeds=back.uncond_embeds.cpu(), offsets=offsets)
    return replace(inverted, trajectory=inverted.trajectory.cpu(), reconstruction=back)


def _inversion(
    model: Any,
    latents: Tensor,
    pictures: Sequence[Inverted],
    settings: InversionSettings,
    report: dict[str, Any],
    uncond: Conditioning,
) -> Inversion:
    """The wire of all pictures together."""
    offsets = [one.reconstruction.offsets for one in pictures if one.reconstruction.offsets is not None]
    return Inversion(
        method=settings.method,
        schedule=settings.sampling_schedule,
        guidance_scale=settings.sampling_scale,
        noise_latents=torch.cat([one.noise_latents for one in pictures]),
        noise_alpha_bar=float(_alpha_bar(model)[settings.schedule.timesteps[0]]),
        uncond_embeds=_joined([one.reconstruction.uncond_embeds for one in pictures]),
        offsets=torch.cat(offsets, dim=1) if offsets else None,
        base_model=fingerprint(model),
        report=report,
        uncond=uncond,
        picture=latents,
    )


def _joined(embeds: list[Tensor]) -> Tensor:
    """(steps or 1, B, n, width); one for all pictures where they agree."""
    if all(e is embeds[0] or torch.equal(e, embeds[0]) for e in embeds):
        return embeds[0]
    return torch.cat(embeds, dim=1)


def _figures(runs: Sequence[_Run], settings: InversionSettings) -> dict[str, Any]:
    backs = [run.inverted.reconstruction for run in runs]
    return {
        "method": settings.method,
        **({"solver": settings.null_text.solver} if settings.optimises else {}),
        **({"seed": settings.seed} if settings.sampling_schedule.eta else {}),
        "steps": settings.schedule.steps,
        "cfg": settings.sampling_scale,
        "pictures": len(runs),
        "latent_psnr": [run.inverted.psnr[0] for run in runs],
        "errors": [back.errors[0] for back in backs],
        "inner_steps": [back.inner_steps[0] if back.inner_steps else [] for back in backs],
        "unet_evaluations": sum(run.evaluations for run in runs),
    }


def _pixel_psnr(vae: Any, latents: Tensor, runs: Sequence[_Run]) -> list[float]:
    """Each picture's, of what the VAE makes of the reconstruction and of the picture's own latents."""
    return [
        psnr(decode(vae, latent_of(run.inverted.reconstruction.latents)), decode(vae, latent_of(picture[None])), 1.0)
        for run, picture in zip(runs, latents, strict=True)
    ]


def report_text(report: Mapping[str, Any]) -> str:
    """The report, for a person: a sentence, then the numbers as a Markdown list, as some pages take any text for
    Markdown and would run its lines together."""
    by_construction = " (by construction)" if METHODS[report["method"]].exact else ""
    solver = f", solver {report['solver']}" if report.get("solver", "adam") != "adam" else ""
    seed = f", seed {report['seed']}" if "seed" in report else ""
    lines = [
        f"method: {report['method']}{solver}, {report['steps']} steps, cfg {report['cfg']:g}{seed}",
        f"reconstruction PSNR, latents: {_decibels(report['latent_psnr'])}{by_construction}",
    ]
    if "pixel_psnr" in report:
        lines.append(f"reconstruction PSNR, pixels after the VAE: {_decibels(report['pixel_psnr'])}")
    lines += _lines_by_picture(report)
    lines.append(f"UNet evaluations: {report['unet_evaluations']}; seconds: {report['seconds']:.1f}")
    lines.append(f"with ComfyUI's own sampler: {_stock_sampler(report)}")
    return "\n".join([_in_words(report), "", *(f"- {line}" for line in lines)])


def _stock_sampler(report: Mapping[str, Any]) -> str:
    if METHODS[report["method"]].eta:
        return "not possible, as the noise of each step is in `inversion` alone"
    return f"ddim_uniform, steps {report['steps']}, start_at_step {stock_start(DDIMSchedule(report['steps']))}"


def _in_words(report: Mapping[str, Any]) -> str:
    """How the picture, or the worst of several, comes back, and what to change if that is poor."""
    worst = min(report.get("pixel_psnr", report["latent_psnr"]))
    which = f"The worst of the {report['pictures']} pictures" if report["pictures"] > 1 else "The picture"
    if worst == float("inf"):
        return f"{which} comes back exactly."
    words = next((word for word, least in (("closely", CLOSELY), ("well", WELL)) if worst >= least), "poorly")
    advice = f": {METHODS[report['method']].closer}" if words == "poorly" else ""
    return f"{which} comes back {words} ({worst:.0f} dB){advice}."


def _lines_by_picture(report: Mapping[str, Any]) -> list[str]:
    lines = []
    for number, (errors, inner) in enumerate(zip(report["errors"], report["inner_steps"], strict=True), start=1):
        which = f" of picture {number}" if report["pictures"] > 1 else ""
        lines.append(f"error after each step{which}: " + " ".join(f"{e:.1e}" for e in errors))
        if inner:
            lines.append(f"inner steps{which}: {sum(inner)} in all: " + " ".join(map(str, inner)))
    return lines


def _decibels(values: Sequence[float]) -> str:
    return ", ".join("exact" if v == float("inf") else f"{v:.2f} dB" for v in values)
