"""An inversion: what it takes to sample a picture again, or changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..support.errors import InputError
from ..support.finite import NOT_FINITE, are_finite
from ..support.kinds import SD1, kind_of_latents
from .kept_prompts import KeptPrompt
from .methods import METHODS
from .noise_mask import Outside

AGAIN = "invert the picture again"


@dataclass(frozen=True)
class Inversion:
    """The end of a picture's way to noise, and what guides it back.

    noise_latents: (B, 4, h, w) float32, VP scale, at the noise level of the schedule's first timestep,
        `noise_alpha_bar`.
    uncond_embeds: (steps, B, n, width) for null-text, else (1, 1 or B, n, width): one for all steps.
    offsets: (steps, B, 4, h, w) of direct inversion, or None.
    outside: what is kept outside the picture's noise mask; None for a picture without one.
    picture: what was inverted, (B, 4, h, w) float32; None in files of earlier versions. Edits are compared with it.
    guidance_scale: to sample with; 1 after plain DDIM inversion.
    prompts: target prompts optimised for the picture; files of earlier versions have none.
    base_model: the checkpoint's fingerprint. report: numbers of how well it went.
    uncond: the host's CONDITIONING that the embeddings belong in (ControlNet, masks …); on the wire only, files lack
        it.
    Raises: InputError when the parts do not fit together, or hold numbers that are not finite.
    """

    method: str
    schedule: DDIMSchedule
    guidance_scale: float
    noise_latents: Tensor
    noise_alpha_bar: float
    uncond_embeds: Tensor
    offsets: Tensor | None = None
    base_model: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    uncond: Any = None
    outside: Outside | None = None
    picture: Tensor | None = None
    prompts: tuple[KeptPrompt, ...] = ()

    def __post_init__(self) -> None:
        steps, shape = self.schedule.steps, tuple(self.noise_latents.shape)
        if self.method not in METHODS:
            raise InputError(
                f"the inversion's method is {self.method!r}, which this version does not know: update the pack."
            )
        if len(shape) != 4 or shape[1] != 4:
            made_for = kind_of_latents(shape[1] if len(shape) > 1 else 0, len(shape) - 2)
            raise InputError(
                f"the inversion seems to be made for {made_for}, and this works on {SD1}: invert the picture with"
                " Null-Text Invert."
            )
        if self.uncond_embeds.dim() != 4 or len(self.uncond_embeds) not in (1, steps):
            raise InputError(f"the inversion's embeddings are not those of its {steps} steps: {AGAIN}.")
        if self.offsets is not None and tuple(self.offsets.shape) != (steps, *shape):
            raise InputError(f"the inversion's offsets are not those of its {steps} steps and its pictures: {AGAIN}.")
        if self.picture is not None and tuple(self.picture.shape) != shape:
            raise InputError(f"the inversion's picture is not the one of its noise: {AGAIN}.")
        if not are_finite(self.noise_latents, self.uncond_embeds, self.offsets, self.picture):
            raise InputError(f"the inversion holds {NOT_FINITE}: {AGAIN}, with `precision` fp32.")
        if self.outside is not None:
            self.outside.check(steps, shape)
        for prompt in self.prompts:
            self._check_prompt(prompt)

    def _check_prompt(self, prompt: KeptPrompt) -> None:
        """Raises: InputError unless an optimised prompt is of this inversion's pictures, and finite."""
        embeds, target = prompt.embeds, prompt.target
        fits = embeds.dim() == target.dim() == 3 and embeds.shape[1:] == target.shape[1:]
        if not fits or len(embeds) != len(self.noise_latents) or len(target) not in (1, len(embeds)):
            raise InputError("the inversion's optimised prompt is not one of its pictures: optimise and save it again.")
        if not are_finite(embeds, target):
            raise InputError(f"the inversion's optimised prompt holds {NOT_FINITE}: optimise and save it again.")
