"""Timestep-aware sampling of an inversion, on our own sampler and as a conditioning for the host's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..host import checks
from ..host.latents import latent_of
from ..host.prompts import HostPrompt, Predictor, aligned, context_of, run, with_context, within
from ..host.weights import fingerprint
from ..inversion.data import Inversion
from ..inversion.grid import Cell, EditPrompts, sample_grid, steps_needed
from ..inversion.ranges import split_range
from ..inversion.sampling import Guidance, interpolate
from ..support.errors import InputError
from .inversion_wires import plain_uncond
from .reporter import Reporter

log = logging.getLogger("single_image_studio")
Conditioning = Sequence[Any]
PREVIEW_EVERY = 5


@dataclass(frozen=True, kw_only=True)
class EditConditioning:
    """CONDITIONINGs of an edit.

    source: what the picture was inverted with. target: what it shall become. optimized: where alpha 0 is; None for the
    source.
    """

    source: Conditioning
    target: Conditioning
    optimized: Conditioning | None = None

    def sides(self) -> tuple[Conditioning, Tensor]:
        """The target in the shape of the blend, and the context that alpha 0 stands for.

        Raises: InputError when they cannot be blended.
        """
        if not self.target:
            raise InputError("`target` is empty: connect a CLIPTextEncode that says what the picture should become.")
        if not self.source:
            raise InputError(
                "`source` is empty: connect a CLIPTextEncode that describes the picture as it is, or one with empty"
                " text."
            )
        if self.optimized is None:
            return aligned(self.target, self.source, "source")
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
) -> list[dict[str, Tensor]]:
    """Edits of one inversion, sharing their first steps. Returns a LATENT for each cell.

    preview_every: sampling steps from preview to preview; 0: none.
    Raises: InputError when the inputs do not fit together.
    """
    checks.require_sd1(model)
    _warn_of_another_model(model, inversion)
    target, start = prompts.sides()
    _check_pictures(inversion, context_of(prompts.source), context_of(target), start)
    reporter.begin(steps_needed(cells, inversion.schedule.steps), model, preview_every=preview_every)

    def algorithm(unet: Predictor, host_prompts: dict[str, HostPrompt]) -> list[Tensor]:
        uncond = [host_prompts["uncond"].with_context(e.to(unet.device)) for e in inversion.uncond_embeds]
        guidance = Guidance(uncond, inversion.guidance_scale, inversion.offsets)
        optimized = host_prompts["target"].with_context(start.to(unet.device))
        edit = EditPrompts(host_prompts["source"], host_prompts["target"], optimized)
        noise = inversion.noise_latents.to(unet.device)
        edits = reporter.follow(sample_grid(unet, noise, edit, cells, guidance, inversion.schedule))
        log.info("Sampled %d edits in %d UNet evaluations.", len(cells), unet.evaluations)
        return edits

    positive, negative = {"source": prompts.source, "target": target}, {"uncond": plain_uncond(inversion)}
    edits = run(model, positive, negative, inversion.noise_latents, inversion.schedule.timesteps, algorithm)
    return [latent_of(latents) for latents in edits]


def _warn_of_another_model(model: Any, inversion: Inversion) -> None:
    if inversion.base_model and inversion.base_model != fingerprint(model):
        log.warning(
            "`inversion` was made with another checkpoint than `model`: the picture will not come back as it was;"
            " invert it again with this one."
        )


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
    target, start = prompts.sides()
    blend = with_context(target, interpolate(context_of(target), start, cell.alpha))
    first, rest = split_range(schedule, cell.source_steps(steps))
    return [*(within(prompts.source, *first) if first else []), *(within(blend, *rest) if rest else [])]
