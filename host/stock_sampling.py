"""The host's own KSampler, for a node that looks on while a picture is drawn and leaves the drawing alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.sample
import comfy.samplers
import comfy.utils
from torch import Tensor

from ..support import checks
from ..support.finite import is_float8

MOST_STEPS = 10_000
SAMPLERS, SCHEDULERS = comfy.samplers.KSampler.SAMPLERS, comfy.samplers.KSampler.SCHEDULERS


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """The widgets of the host's KSampler, within its limits.

    Raises: InputError for a value that is not.
    """

    seed: int
    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    denoise: float = 1.0

    def __post_init__(self) -> None:
        checks.whole("seed", self.seed, 0, checks.LARGEST_SEED)
        checks.whole("steps", self.steps, 1, MOST_STEPS)
        checks.number("cfg", self.cfg)
        known = comfy.samplers.KSampler  # as it is now: packs put other lists in the place of these
        checks.choice("sampler_name", self.sampler_name, known.SAMPLERS)
        checks.choice("scheduler", self.scheduler, known.SCHEDULERS)
        checks.share("denoise", self.denoise)


def with_own_channels(model: Any, latent: Any) -> Any:
    """A LATENT as the host's KSampler takes it: an empty picture of another kind of model gets this one's channels."""
    samples = latent.get("samples") if isinstance(latent, dict) else None
    if not isinstance(samples, Tensor) or samples.dim() != 4 or not samples.numel():
        return latent
    return {**latent, "samples": comfy.sample.fix_empty_latent_channels(model, samples)}


def _resizable(mask: Tensor | None) -> Tensor | None:
    """The host resizes no masks of whole numbers, truth values or float8."""
    if mask is None or (mask.is_floating_point() and not is_float8(mask)):
        return mask
    return mask.float()


def sample(model: Any, positive: Any, negative: Any, latent: dict[str, Any], sampling: Sampling) -> dict[str, Any]:
    """A LATENT, to the bit what the host's KSampler gives for the same inputs; with its bar and its previews."""
    import latent_preview

    start = with_own_channels(model, latent)["samples"]
    samples = comfy.sample.sample(
        model,
        comfy.sample.prepare_noise(start, sampling.seed, latent.get("batch_index")),
        sampling.steps,
        sampling.cfg,
        sampling.sampler_name,
        sampling.scheduler,
        positive,
        negative,
        start,
        denoise=sampling.denoise,
        noise_mask=_resizable(latent.get("noise_mask")),
        callback=latent_preview.prepare_callback(model, sampling.steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=sampling.seed,
    )
    return {**latent, "samples": samples}
