"""A star that is inverted, and a grid of edits of it, on the demo model in this process."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule

from .conditionings import encode

Models = tuple[Any, Any, Any]
STEPS = 6


def inverted(models: Models, latent: dict[str, Tensor]) -> Any:
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.reporter import Reporter

    model, clip, _ = models
    settings = InversionSettings(method="direct", schedule=DDIMSchedule(STEPS), guidance_scale=5.0)
    with torch.inference_mode():
        prompts = SourcePrompts(source=encode(clip, "a star"), uncond=encode(clip, ""))
        return invert_pictures(model, latent, prompts, settings, Reporter())


def grid(
    models: Models, inversion: Any, alphas: list[float], ratios: list[float], model: Any = None, at_once: int = 1
) -> Any:
    from single_image_studio.pipelines.edit_grid import GridAxes, edit_grid
    from single_image_studio.pipelines.edit_picture import EditConditioning
    from single_image_studio.pipelines.reporter import Reporter

    own, clip, vae = models
    with torch.inference_mode():
        prompts = EditConditioning(source=encode(clip, "a star"), target=encode(clip, "a heart"))
        axes, reporter = GridAxes(alphas, ratios), Reporter()
        return edit_grid(model or own, vae, inversion, prompts, axes, reporter, at_once)
