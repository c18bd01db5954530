"""Timestep-aware sampling of an inversion, on our own sampler and as a conditioning for the host's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..host import checks
from ..host.conditioning import Conditioning, aligned, check_conditioning, context_of, with_context, within
from ..host.latents import latent_of
from ..host.session import UnetSession
from ..host.unet import Unet
from ..host.weights import warn_of_another_checkpoint
from ..inversion.data import Inversion
from ..inversion.grid import Cell, EditPrompts, GridSampler, steps_needed
from ..inversion.model import EpsModel
from ..inversion.noise_mask import MaskedModel
from ..inversion.ranges import split_range, stock_start
from ..inversion.sampling import Guidance, interpolate
from ..support.checks import kind
from ..support.errors import InputError
from .inversion_wires import plain_uncond
from .reporter import Reporter

log = logging.getLogger("single_image_studio")
PREVIEW_EVERY = 5
MOST_AT_ONCE = 16  # beyond it larger evaluations gain nothing more


@dataclass(frozen=True, kw_only=True)
class EditConditioning:
    """CONDITIONINGs of an edit.

    source: what the picture was inverted with. target: what it shall become. optimized: where alpha 0 is; None for the
    source.
    """

    source: Conditioning
    target: Conditioning
    optimized: Conditioning | None = None

    def sides(self, model: Any | None = None) -> tuple[Conditioning, Tensor]:
        """The target in the shape of the blend, and the context that alpha 0 stands for.

        model: the MODEL that will read them; None for one that is not known here.
        Raises: InputError when they cannot be read, or not be blended.
        """
        check_conditioning(model, "target", self.target)
        check_conditioning(model, "source", self.source)
        if self.optimized is None:
            return aligned(self.target, self.source, "source")
        check_conditioning(model, "optimized", self.optimized)
        return aligned(self.target, self.optimized, "optimized")


def edit_picture(
    model: Any, inversion: Inversion, prompts: EditConditioning, cell: Cell, reporter: Reporter
) -> dict[str, Tensor]:
    """One edit of every picture of an inversion, as a LATENT."""
    (latent,) = sample_cells(model, inversion, prompts, [cell], reporter, PREVIEW_EVERY)
    return latent


def sample_cells(
    model: Any,
    inversion: Inversion,
    prompts: EditConditioning,
    cells: Sequence[Cell],
    reporter: Reporter,
    preview_every: int = 0,
    at_once: int = 1,
) -> list[dict[str, Tensor]]:
    """Edits of one inversion, sharing their first steps. Returns a LATENT for each cell.

    preview_every: sampling steps from preview to preview; 0: none. at_once: as on Edit Grid.
    Raises: InputError when the inputs do not fit together, or one gives numbers that are not finite.
    """
    checks.require_sd1(model)
    kind("inversion", inversion, Inversion, "Null-Text Invert")
    warn_of_another_checkpoint(model, inversion.base_model, "inversion_of_another_checkpoint")
    check_conditioning(model, "inversion", plain_uncond(inversion))
    target, start = prompts.sides(model)
    _check_pictures(inversion, context_of(prompts.source), context_of(target), start)
    reporter.begin(steps_needed(cells, inversion.schedule.steps), model, preview_every=preview_every)

    def work(unet: Unet) -> list[Tensor]:
        model = _masked(unet, inversion)
        uncond = [unet.prompts["uncond"].with_context(embeds.to(unet.device)) for embeds in inversion.uncond_embeds]
        guidance = Guidance(uncond, inversion.guidance_scale, inversion.offsets)
        optimized = unet.prompts["target"].with_context(start.to(unet.device))
        edit = EditPrompts(unet.prompts["source"], unet.prompts["target"], optimized)
        noise = inversion.noise_latents.to(unet.device)
        sampler = GridSampler(model, guidance, inversion.schedule, _at_once(unet, inversion, at_once))
        edits = reporter.follow(sampler.sample(noise, edit, cells))
        unet.require_finite(*edits)
        log.info("Sampled %d edits in %d UNet evaluations.", len(cells), unet.evaluations)
        return edits

    session = UnetSession(
        model=model,
        shape=inversion.noise_latents.shape,
        timesteps=inversion.schedule.timesteps,
        positive={"source": prompts.source, "target": target},
        negative={"uncond": plain_uncond(inversion)},
    )
    return [_latent(latents, inversion) for latents in session.run(work)]


def _at_once(unet: Unet, inversion: Inversion, wanted: int) -> int:
    """How many edits share an evaluation. Several pictures fill one by themselves, and what other packs put on MODEL
    may let the edits of one see each other."""
    if len(inversion.noise_latents) > 1 or unet.sides_differ:
        return 1
    return wanted or unet.pictures_at_once(inversion.noise_latents.shape, MOST_AT_ONCE)


def _masked(unet: Unet, inversion: Inversion) -> EpsModel:
    """The model that leaves what is outside the inversion's noise mask as it was."""
    outside = inversion.outside
    if outside is None:
        return unet
    return MaskedModel(unet, unet.masking(outside.mask), outside.path(unet.device))


def _latent(latents: Tensor, inversion: Inversion) -> dict[str, Tensor]:
    """A LATENT wire that keeps the noise mask, as the host's samplers keep it."""
    mask = {} if inversion.outside is None else {"noise_mask": inversion.outside.mask}
    return latent_of(latents) | mask


def _check_pictures(inversion: Inversion, *contexts: Tensor) -> None:
    pictures = len(inversion.noise_latents)
    for context in contexts:
        if len(context) not in (1, pictures):
            raise InputError(
                f"a prompt was made for {len(context)} pictures and `inversion` holds {pictures}: connect `optimized`"
                " and `inversion` made from the same latent."
            )


def timestep_aware_conditioning(prompts: EditConditioning, cell: Cell, steps: int) -> list[list[Any]]:
    """The positive side as a plain CONDITIONING: the source in the first steps, the blend in the rest.

    steps: the sampler's.
    """
    schedule = DDIMSchedule(steps)
    log.info("Timestep-Aware Conditioning: ddim_uniform, steps %d, start_at_step %d.", steps, stock_start(schedule))
    target, start = prompts.sides()
    blend = with_context(target, interpolate(context_of(target), start, cell.alpha))
    first, rest = split_range(schedule, cell.source_steps(steps))
    return [*(within(prompts.source, *first) if first else []), *(within(blend, *rest) if rest else [])]
