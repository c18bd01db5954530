"""The four inversions, side by side: what each computes, and what it tells about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.quality import latent_psnr
from ..support.errors import InputError
from .data import METHODS
from .ddim import ddim_invert
from .direct import direct_offsets
from .null_text import NullTextSettings, null_text
from .prompts import PredictEps, Prompt
from .sampling import Guidance, sample
from .stepping import Room, per_picture


@dataclass(frozen=True)
class InversionSettings:
    """guidance_scale: of the sampling that is to follow. null_text: only read by that method.

    Raises: InputError when a value does not fit.
    """

    method: str = "null_text"
    schedule: DDIMSchedule = DDIMSchedule()
    guidance_scale: float = 7.5
    null_text: NullTextSettings = NullTextSettings()

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"`method` is {self.method!r}; it must be one of {', '.join(METHODS)}: change `method`.")
        if not 0 <= self.guidance_scale < float("inf"):
            raise InputError(f"`cfg` is {self.guidance_scale}; it must be 0 or more: change `cfg`.")

    @property
    def sampling_scale(self) -> float:
        """Plain DDIM inversion has no guidance, so its sampling has none either."""
        return 1.0 if self.method == "ddim" else self.guidance_scale

    @property
    def optimises(self) -> bool:
        """At a guidance scale of 1 the unconditional prediction has no say, so there is nothing to optimise."""
        return self.method == "null_text" and self.guidance_scale != 1


@dataclass(frozen=True)
class Inverted:
    """noise_latents, reconstruction: (B, 4, h, w). uncond_embeds: (steps, B, n, width), or (1, 1 or B, n, width).

    errors: each picture's mean squared distance of the reconstruction from the trajectory after each step.
    inner_steps: each picture's null-text updates at each step; empty lists without any. psnr: each picture's, of
        latents.
    """

    noise_latents: Tensor
    uncond_embeds: Tensor
    offsets: Tensor | None
    reconstruction: Tensor
    errors: list[list[float]]
    inner_steps: list[list[int]]
    psnr: list[float]


@dataclass(frozen=True)
class Phase:
    """What is going on after a step.

    name: inverting, optimising, measuring or reconstructing. step: how many of the schedule's steps this phase has
        done.
    done: how many of `units` are done in all. latents: to show. distance: the mean squared distance from the
    inversion's own latents of this step (the largest of a batch), where it is known.
    """

    name: str
    step: int
    done: int
    latents: Tensor
    distance: float | None = None


OnPhase = Callable[[Phase], None]
"""May raise to cancel."""


def way_back(settings: InversionSettings) -> int:
    """What a step of the way back counts beside one of the way up, for a progress bar: an update is a forward and a
    backward."""
    return 3 * settings.null_text.inner_steps if settings.optimises else 1


def units(settings: InversionSettings) -> int:
    """How far `invert` counts."""
    return settings.schedule.steps * (1 + way_back(settings))


def invert(
    predict_eps: PredictEps,
    latents: Tensor,
    source: Prompt,
    uncond: Prompt,
    settings: InversionSettings,
    alpha_bar: Tensor,
    room: Room,
    on_phase: OnPhase,
) -> Inverted:
    """Inverts pictures, each on its own, and reconstructs them.

    latents: (B, 4, h, w), clean, VP scale. source, uncond: prompts; negative-prompt inversion puts the source in
        uncond's place.
    Raises: InputError when predictions are not finite.
    Source: null_text, direct and ddim: see their modules. negative_prompt: Miyake et al. 2023, arXiv:2305.16807.
    """
    schedule, steps = settings.schedule, settings.schedule.steps
    trajectory = ddim_invert(
        predict_eps, latents, source, schedule, alpha_bar, lambda done, z: on_phase(Phase("inverting", done, done, z))
    )
    if not torch.isfinite(trajectory[0]).all():
        raise InputError("the inversion gave numbers that are not finite: set `precision` to fp32.")
    uncond = source if settings.method == "negative_prompt" else uncond
    embeds, offsets = uncond.context[None], None
    inner: list[list[int]] = [[] for _ in latents]
    if settings.optimises:
        found = null_text(
            predict_eps,
            trajectory,
            source,
            uncond,
            schedule,
            alpha_bar,
            settings.guidance_scale,
            settings.null_text,
            room,
            lambda done, z, loss: on_phase(Phase("optimising", done, steps + done * way_back(settings), z, loss)),
        )
        embeds, back, errors, inner = found.embeds, found.latents, found.errors, found.inner_steps
    elif settings.method == "direct":
        offsets = direct_offsets(
            predict_eps,
            trajectory,
            source,
            uncond,
            schedule,
            alpha_bar,
            settings.guidance_scale,
            lambda done, z: on_phase(Phase("measuring", done, steps + done, z)),
        )
        back, errors = trajectory[-1], [[0.0] * steps for _ in latents]  # where the offsets lead by definition
    else:
        back, errors = _retrace(predict_eps, trajectory, source, uncond, settings, alpha_bar, on_phase)
    return Inverted(
        trajectory[0],
        embeds,
        offsets,
        back,
        errors,
        inner,
        [latent_psnr(b, z) for b, z in zip(back, latents, strict=True)],
    )


def _retrace(
    predict_eps: PredictEps,
    trajectory: Tensor,
    source: Prompt,
    uncond: Prompt,
    settings: InversionSettings,
    alpha_bar: Tensor,
    on_phase: OnPhase,
) -> tuple[Tensor, list[list[float]]]:
    errors: list[Tensor] = []

    def on_step(done: int, latents: Tensor) -> None:
        errors.append(per_picture(latents - trajectory[done]))
        on_phase(Phase("reconstructing", done, settings.schedule.steps + done, latents, errors[-1].max().item()))

    guidance = Guidance([uncond], settings.sampling_scale)
    back = sample(predict_eps, trajectory[0], lambda _: source, guidance, settings.schedule, alpha_bar, on_step=on_step)
    return back, torch.stack(errors, 1).tolist()
