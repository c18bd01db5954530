"""The shortest run of every pipeline that reaches the UNet, on wires as the stock nodes give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from single_image_studio.inversion.methods import METHODS

Run = Callable[[Any, Any, Any], None]


def stage1(model: Any, clip: Any, vae: Any) -> Any:
    from single_image_studio.concept.settings import Stage1Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, learn_concept
    from single_image_studio.pipelines.reporter import Reporter

    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1
    picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    settings = Stage1Settings(class_word="heart", steps=1, batch_size=1, encoder="none", learning_rate=1e-2)
    return learn_concept(Checkpoint(model, clip, vae), picture, mask, settings, Reporter())


def stage2(model: Any, clip: Any, vae: Any) -> Any:
    from single_image_studio.concept.settings import Stage2Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, tune_concept
    from single_image_studio.pipelines.reporter import Reporter

    settings = Stage2Settings(steps=1, batch_size=1, learning_rate=1e-3)
    plain = model.clone()
    plain.model_options = {key: value for key, value in plain.model_options.items() if key != "model_function_wrapper"}
    concept = stage1(plain, clip, vae)
    return tune_concept(Checkpoint(model, clip, vae), concept, settings, Reporter())


def prompt(clip: Any, text: str) -> Any:
    import nodes

    return nodes.CLIPTextEncode().encode(clip, text)[0]


def text_optimisation(model: Any, clip: Any, vae: Any) -> Any:
    from single_image_studio.inversion.text_optimization import TextOptimizationSettings
    from single_image_studio.pipelines.optimize_prompt import optimize_prompt
    from single_image_studio.pipelines.reporter import Reporter

    latent, settings = {"samples": torch.randn(1, 4, 8, 8)}, TextOptimizationSettings(steps=1)
    return optimize_prompt(model, prompt(clip, "a star"), latent, settings, Reporter())


def inversion(method: str) -> Run:
    def run(model: Any, clip: Any, vae: Any) -> Any:
        from single_image_studio.diffusion.ddim import DDIMSchedule
        from single_image_studio.inversion.methods import InversionSettings
        from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
        from single_image_studio.pipelines.reporter import Reporter

        settings = InversionSettings(method=method, schedule=DDIMSchedule(steps=2))
        prompts = SourcePrompts(source=prompt(clip, "a heart"), uncond=prompt(clip, ""))
        return invert_pictures(model, {"samples": torch.randn(1, 4, 8, 8)}, prompts, settings, Reporter())

    return run


RUNS = {
    "stage1": stage1,
    "stage2": stage2,
    "text optimisation": text_optimisation,
    **{method: inversion(method) for method in METHODS},
}
