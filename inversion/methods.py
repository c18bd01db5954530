"""The inversion methods, side by side in one table: what each computes, costs and is called.

To add one, write its algorithm in a module of its own and give it an entry in `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.quality import latent_psnr
from ..diffusion.report import Steps
from ..support.checks import LARGEST_SEED, PRECISIONS, choice, number, whole
from ..support.finite import OTHER_WEIGHTS, require_finite
from .ddim import ddim_invert
from .direct import direct
from .fixed_point import CORRECTIONS, fixed_point_invert
from .model import EpsModel, Prompt
from .noise_mask import KnownPath, MaskAt, MaskedModel
from .noised import noised
from .null_text import NullTextSettings, null_text
from .reconstruction import Reconstruction, reconstruct
from .sampling import Guidance


@dataclass(frozen=True, kw_only=True)
class InversionSettings:
    """guidance_scale: of the sampling that is to follow. null_text: only read by that method.

    precision: what the model computes in; read by who runs it. seed: of the noise that a method draws.
    Raises: InputError when a value does not fit.
    """

    method: str = "null_text"
    schedule: DDIMSchedule = DDIMSchedule()
    guidance_scale: float = 7.5
    null_text: NullTextSettings = NullTextSettings()
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        choice("method", self.method, tuple(METHODS))
        number("cfg", self.guidance_scale)
        choice("precision", self.precision, PRECISIONS)
        whole("seed", self.seed, 0, LARGEST_SEED)

    @property
    def sampling_scale(self) -> float:
        """The guidance scale to sample with: 1 after a method whose way back has no guidance."""
        return self.guidance_scale if METHODS[self.method].guided else 1.0

    @property
    def sampling_schedule(self) -> DDIMSchedule:
        """The schedule to sample with: with fresh noise after a method that keeps such."""
        return replace(self.schedule, eta=METHODS[self.method].eta)

    @property
    def optimises(self) -> bool:
        """At a guidance scale of 1 the unconditional prediction has no say, so there is nothing to optimise."""
        return METHODS[self.method].optimises and self.guidance_scale != 1

    @property
    def cost(self) -> int:
        """What the costs of all steps of `invert` add up to."""
        return self.schedule.steps * METHODS[self.method].step_cost(self)


WayUp = Callable[[EpsModel, Tensor, Prompt, InversionSettings], Steps[Tensor]]
"""(model, latents, source, settings): the way up. Its trajectory is laid out as that of `ddim_invert`."""

Find = Callable[[EpsModel, Tensor, Prompt, Guidance, InversionSettings], Steps[Reconstruction]]
"""(model, trajectory, source, guidance, settings): the way back, and what guides it."""


def _along_the_ode(model: EpsModel, latents: Tensor, source: Prompt, settings: InversionSettings) -> Steps[Tensor]:
    return ddim_invert(model, latents, source, settings.schedule)


def _corrected(model: EpsModel, latents: Tensor, source: Prompt, settings: InversionSettings) -> Steps[Tensor]:
    return fixed_point_invert(model, latents, source, settings.schedule)


def _noised(model: EpsModel, latents: Tensor, source: Prompt, settings: InversionSettings) -> Steps[Tensor]:
    yield from ()  # no step of it computes anything
    return noised(model, latents, settings.schedule, settings.seed)


@dataclass(frozen=True, kw_only=True)
class Method:
    """One inversion method.

    note: what to know of it, for the tooltip. up, find: its way up and its way back.
    closer: what to change when a picture comes back poorly.
    step_cost: what a step counts in the progress bar, up and back together; an inversion step counts 1.
    guided: sampled with guidance; if not, at a scale of 1. optimises: its way back needs gradients.
    source_for_uncond: the source prompt takes the unconditional one's place.
    exact: sampling with the source prompt gives the picture back by construction.
    eta: the share of fresh noise that its steps back leave room for, and its offsets hold; then `seed` is read.
    """

    note: str
    find: Find
    closer: str = ""
    up: WayUp = _along_the_ode
    step_cost: Callable[[InversionSettings], int] = lambda settings: 2
    guided: bool = True
    optimises: bool = False
    source_for_uncond: bool = False
    exact: bool = False
    eta: float = 0.0


def _optimised(
    model: EpsModel, trajectory: Tensor, source: Prompt, guidance: Guidance, settings: InversionSettings
) -> Steps[Reconstruction]:
    if not settings.optimises:
        return reconstruct(model, trajectory, source, guidance, settings.sampling_schedule)
    return null_text(model, trajectory, source, guidance, settings.sampling_schedule, settings.null_text)


def _measured(
    model: EpsModel, trajectory: Tensor, source: Prompt, guidance: Guidance, settings: InversionSettings
) -> Steps[Reconstruction]:
    return direct(model, trajectory, source, guidance, settings.sampling_schedule)


def _as_it_is(
    model: EpsModel, trajectory: Tensor, source: Prompt, guidance: Guidance, settings: InversionSettings
) -> Steps[Reconstruction]:
    return reconstruct(model, trajectory, source, guidance, settings.sampling_schedule)


METHODS = {
    "null_text": Method(
        note="the paper's method, slow and close",
        find=_optimised,
        closer="more `inner_steps` with `tolerance` 0, or `direct`",
        step_cost=lambda settings: 1 + (settings.null_text.cost if settings.optimises else 1),
        optimises=True,
    ),
    # Source: Miyake et al. 2023, arXiv:2305.16807.
    "negative_prompt": Method(
        note="many times faster", find=_as_it_is, closer="`null_text` or `direct`", source_for_uncond=True
    ),
    "direct": Method(note="exact and fast", find=_measured, exact=True),
    "ddim": Method(
        note="plain DDIM inversion (cfg 1)", find=_as_it_is, closer="more `steps`, or `direct`", guided=False
    ),
    "fixed_point": Method(
        note="negative_prompt, much closer, at twice the time",
        find=_as_it_is,
        closer="more `steps`, or `direct`",
        up=_corrected,
        step_cost=lambda settings: 2 + CORRECTIONS,
        source_for_uncond=True,
    ),
    "edit_friendly": Method(
        note="exact, faster than direct, with noise drawn by the seed",
        find=_measured,
        up=_noised,
        step_cost=lambda settings: 1,
        exact=True,
        eta=1.0,
    ),
}
"""By their names on the node and in files; a tooltip tells them in this order."""


def method_notes() -> str:
    """Every method's name and note, for a tooltip."""
    return " ".join(f"{name}: {method.note}." for name, method in METHODS.items())


@dataclass(frozen=True)
class Inverted:
    """trajectory: (steps + 1, B, 4, h, w), noisiest first. psnr: each picture's, of the reconstructed latents."""

    trajectory: Tensor
    reconstruction: Reconstruction
    psnr: list[float]

    @property
    def noise_latents(self) -> Tensor:
        """Where sampling starts: (B, 4, h, w)."""
        return self.trajectory[0]


def invert(
    model: EpsModel,
    latents: Tensor,
    source: Prompt,
    uncond: Prompt,
    settings: InversionSettings,
    mask_at: MaskAt | None = None,
) -> Steps[Inverted]:
    """Inverts pictures, each on its own, and reconstructs them.

    latents: (B, 4, h, w), clean, VP scale. uncond: a method with `source_for_uncond` wants the source prompt here too,
    on the unconditional side. mask_at: where the way back may leave the trajectory; None: everywhere.
    Raises: InputError when predictions are not finite.
    """
    method = METHODS[settings.method]
    trajectory = yield from method.up(model, latents, source, settings)
    _require_finite(trajectory[0])
    if mask_at is not None:
        model = MaskedModel(model, mask_at, KnownPath(trajectory, settings.schedule.levels(model.alpha_bar)))
    same = method.source_for_uncond and not model.sides_differ  # one prediction serves both sides
    guidance = Guidance([source if same else uncond], settings.sampling_scale)
    back = yield from method.find(model, trajectory, source, guidance, settings)
    _require_finite(back.offsets)
    psnr = [latent_psnr(a, b) for a, b in zip(back.latents, latents, strict=True)]
    return Inverted(trajectory, back, psnr)


def _require_finite(found: Tensor | None) -> None:
    require_finite("model", f"set `precision` to fp32, {OTHER_WEIGHTS}", found, verb="gives")
