"""A VAE, CLIP, UNet or wire whose numbers are not finite is named, by every node, before the work is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.inversion.methods import METHODS
from single_image_studio.support.errors import InputError

from ..helpers.broken import NAN, broken_clip, broken_model, broken_vae, merged_with_broken
from ..helpers.conditionings import encode
from ..helpers.pipeline_runs import RUNS, inversion, stage1

Models = tuple[Any, Any, Any]
Conditioning = list[Any]


@pytest.fixture
def nan_prompt(demo_model: Models) -> Conditioning:
    return not_finite(encode(demo_model[1], "a heart"))


def not_finite(conditioning: Conditioning) -> Conditioning:
    spoilt = conditioning[0][0].clone()
    spoilt[0, -1, -1] = NAN
    return [[spoilt, dict(conditioning[0][1])]]


def refusal(work: Callable[[], Any]) -> str:
    """The sentence of a refusal, which blames the learning rate for nothing."""
    with torch.inference_mode(), pytest.raises(InputError) as caught:
        work()
    sentence = str(caught.value)
    assert "lower `learning_rate`" not in sentence and sentence.endswith(".")
    return sentence


def latent(samples: Tensor | None = None) -> dict[str, Tensor]:
    return {"samples": torch.randn(1, 4, 8, 8) if samples is None else samples}


def inverted(model: Any, clip: Any, vae: Any = None, wire: Any = None, **changes: Any) -> Any:
    from single_image_studio.diffusion.ddim import DDIMSchedule
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.reporter import Reporter

    method = changes.pop("method", "negative_prompt")
    settings = InversionSettings(method=method, schedule=DDIMSchedule(steps=2), precision="fp32")
    prompts = SourcePrompts(**{"source": encode(clip, "a heart"), "uncond": encode(clip, ""), **changes})
    with torch.inference_mode():
        return invert_pictures(model, wire or latent(), prompts, settings, Reporter(), vae)


def edited(model: Any, clip: Any, inversion: Any, **changes: Any) -> Any:
    from single_image_studio.inversion.grid import Cell
    from single_image_studio.pipelines.edit_picture import EditConditioning, edit_picture
    from single_image_studio.pipelines.reporter import Reporter

    prompts = EditConditioning(**{"source": encode(clip, "a heart"), "target": encode(clip, "a star"), **changes})
    return edit_picture(model, inversion, prompts, Cell(0.5, 0.2), Reporter())


def grid(model: Any, clip: Any, vae: Any, inversion: Any) -> Any:
    from single_image_studio.pipelines.edit_grid import GridAxes, edit_grid
    from single_image_studio.pipelines.edit_picture import EditConditioning
    from single_image_studio.pipelines.reporter import Reporter

    prompts = EditConditioning(source=encode(clip, "a heart"), target=encode(clip, "a star"))
    return edit_grid(model, vae, inversion, prompts, GridAxes([0.5], [0.2]), Reporter())


def tuned(model: Any, clip: Any, vae: Any, concept: Any) -> Any:
    from single_image_studio.concept.settings import Stage2Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, tune_concept
    from single_image_studio.pipelines.reporter import Reporter

    return tune_concept(Checkpoint(model, clip, vae), concept, Stage2Settings(steps=1, batch_size=1), Reporter())


@pytest.fixture(scope="module")
def concept(loaded_demo_model: Models) -> Any:
    with torch.inference_mode():
        return stage1(*loaded_demo_model)


@pytest.mark.parametrize("name", RUNS)
def test_every_long_node_names_the_model_and_leaves_it_whole(
    demo_model: Models, concept: Any, stock_picture: Any, name: str
) -> None:
    model, clip, vae = demo_model
    before = stock_picture(model, clip, vae)
    run = RUNS[name] if name != "stage2" else lambda *wires: tuned(*wires, concept)
    assert "`model` gives numbers that are not finite" in refusal(lambda: run(broken_model(model), clip, vae))
    assert torch.equal(stock_picture(model, clip, vae), before)


def test_the_model_is_named_after_one_prediction(demo_model: Models) -> None:
    model, clip, vae = demo_model
    calls: list[int] = []

    def nothing(apply_model: Any, call: dict[str, Any]) -> Tensor:
        calls.append(1)
        return apply_model(call["input"], call["timestep"], **call["c"]) * NAN

    patched = model.clone()
    patched.set_model_unet_function_wrapper(nothing)
    for run in (stage1, inversion("null_text")):
        calls.clear()
        assert "`model`" in refusal(lambda run=run: run(patched, clip, vae))
        assert len(calls) == 1


@pytest.mark.parametrize(("precision", "advice"), [("fp16", "set `precision` to fp32"), ("fp32", "load another")])
def test_half_precision_is_told_what_helps(demo_model: Models, precision: str, advice: str) -> None:
    from single_image_studio.inversion.text_optimization import TextOptimizationSettings
    from single_image_studio.pipelines.optimize_prompt import optimize_prompt
    from single_image_studio.pipelines.reporter import Reporter

    model, clip, _ = demo_model
    settings = TextOptimizationSettings(steps=1, precision=precision)
    target = encode(clip, "a star")
    said = refusal(lambda: optimize_prompt(broken_model(model), target, latent(), settings, Reporter()))
    assert advice in said and ("fp32" in said) == (precision == "fp16")


@pytest.mark.parametrize("number", [NAN, float("inf")])
def test_training_names_the_vae(demo_model: Models, concept: Any, number: float) -> None:
    model, clip, vae = demo_model
    broken = broken_vae(vae, number)
    for said in (refusal(lambda: stage1(model, clip, broken)), refusal(lambda: tuned(model, clip, broken, concept))):
        assert said.startswith("`vae` gives numbers that are not finite")


def test_training_names_the_clip(demo_model: Models, concept: Any) -> None:
    model, clip, vae = demo_model
    for said in (
        refusal(lambda: stage1(model, broken_clip(clip), vae)),
        refusal(lambda: tuned(model, broken_clip(clip), vae, concept)),
    ):
        assert said.startswith("`clip` gives numbers that are not finite")


def test_using_a_concept_names_model_and_clip(demo_model: Models, concept: Any) -> None:
    from single_image_studio.pipelines.use_concept import use_concept

    model, clip, _ = demo_model
    with torch.inference_mode():
        use_concept(model, clip, concept, "mine")
    assert refusal(lambda: use_concept(merged_with_broken(model), clip, concept, "mine")).startswith("`model` holds")
    assert refusal(lambda: use_concept(model, broken_clip(clip), concept, "mine")).startswith("`clip` holds")


@pytest.mark.parametrize("method", METHODS)
def test_inverting_names_each_wire(demo_model: Models, nan_prompt: Conditioning, method: str) -> None:
    model, clip, vae = demo_model
    spoilt = torch.randn(2, 4, 8, 8)
    spoilt[1, 0, 0, 0] = NAN

    def said(**changes: Any) -> str:
        return refusal(lambda: inverted(model, clip, method=method, **changes))

    assert said(wire=latent(spoilt)).startswith("`latent` holds numbers that are not finite")
    assert said(source=nan_prompt).startswith("`source` holds numbers that are not finite")
    assert said(vae=broken_vae(vae)).startswith("`vae` gives numbers that are not finite")
    if not METHODS[method].source_for_uncond:
        assert said(uncond=nan_prompt).startswith("`uncond` holds numbers that are not finite")
    else:
        inverted(model, clip, method=method, uncond=nan_prompt)


def test_a_later_picture_of_a_batch_is_looked_at_before_the_first(demo_model: Models) -> None:
    model, clip, _ = demo_model
    ((embedding, options),) = encode(clip, "a heart")
    both = torch.cat([embedding, torch.full_like(embedding, NAN)])
    assert "`source`" in refusal(
        lambda: inverted(model, clip, wire=latent(torch.randn(2, 4, 8, 8)), source=[[both, {}]])
    )


@pytest.mark.parametrize("wire", ["source", "target", "optimized"])
def test_editing_names_each_prompt(demo_model: Models, nan_prompt: Conditioning, wire: str) -> None:
    from single_image_studio.inversion.grid import Cell
    from single_image_studio.pipelines.edit_picture import EditConditioning, timestep_aware_conditioning

    model, clip, _ = demo_model
    said = refusal(lambda: edited(model, clip, inverted(model, clip), **{wire: nan_prompt}))
    assert said.startswith(f"`{wire}` holds numbers that are not finite")
    prompts = {"source": encode(clip, "a heart"), "target": encode(clip, "a star")} | {wire: nan_prompt}
    said = refusal(lambda: timestep_aware_conditioning(EditConditioning(**prompts), Cell(0.5, 0.2), 10))
    assert said.startswith(f"`{wire}` holds numbers that are not finite")


def test_editing_names_model_vae_and_inversion(demo_model: Models) -> None:
    import dataclasses

    model, clip, vae = demo_model
    made = inverted(model, clip)
    assert "`model` gives" in refusal(lambda: edited(broken_model(model), clip, made))
    assert "`model` gives" in refusal(lambda: grid(broken_model(model), clip, vae, made))
    assert refusal(lambda: grid(model, clip, broken_vae(vae), made)).startswith("`vae` gives")
    with pytest.raises(InputError, match="the inversion holds numbers that are not finite"):
        dataclasses.replace(made, noise_latents=made.noise_latents * NAN)
    for_sd2 = dataclasses.replace(made, uncond=None, uncond_embeds=torch.zeros(1, 1, 77, 1024))
    said = refusal(lambda: edited(model, clip, for_sd2))
    assert said.startswith("`inversion` seems to be made for Stable Diffusion 2.x, and `model` cannot read it")


def test_a_model_that_breaks_only_late_is_named_too(demo_model: Models) -> None:
    """Overflow may begin at one noise level; NaN then stays to the end."""
    model, clip, _ = demo_model
    made = inverted(model, clip)

    def late(apply_model: Any, call: dict[str, Any]) -> Tensor:
        found = apply_model(call["input"], call["timestep"], **call["c"])
        return found if float(call["timestep"][0]) > 400 else found * NAN

    patched = model.clone()
    patched.set_model_unet_function_wrapper(late)
    assert "`model` gives numbers that are not finite" in refusal(lambda: edited(patched, clip, made))


@pytest.mark.parametrize(
    ("width", "kind"),
    [
        (1024, "Stable Diffusion 2.x"),
        (2048, "SDXL"),
        (4096, "Stable Diffusion 3, Flux or"),
        (33, "another kind of model"),
    ],
)
def test_prompts_of_other_models_are_told_in_plain_words(demo_model: Models, width: int, kind: str) -> None:
    model, clip, _ = demo_model
    other, made = [[torch.zeros(1, 77, width), {"pooled_output": None}]], inverted(model, clip)
    for said in (
        refusal(lambda: inverted(model, clip, source=other)),
        refusal(lambda: inverted(model, clip, uncond=other, method="direct")),
        refusal(lambda: edited(model, clip, made, target=other)),
        refusal(lambda: edited(model, clip, made, optimized=other)),
    ):
        assert re.match(r"`(source|uncond|target|optimized)` seems to be made for", said) and kind in said
        assert str(width) not in said and "(" not in said


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((1, 16, 8, 8), "Stable Diffusion 3, Flux or a like model"),
        ((1, 16, 3, 8, 8), "a video model"),
        ((1, 64, 1024), "an audio model"),
        ((1, 8, 16, 40), "an audio model"),
        ((1, 128, 8, 8), "another kind of model"),
        ((4,), "another kind of model"),
    ],
)
def test_latents_of_other_models_are_told_in_plain_words(host: Any, shape: tuple[int, ...], kind: str) -> None:
    from single_image_studio.host.latents import latents_from

    said = refusal(lambda: latents_from(latent(torch.zeros(shape))))
    assert said.startswith("`latent` seems to be made for") and kind in said and str(shape) not in said


@pytest.mark.parametrize(
    ("channels", "dimensions", "kind"), [(16, 2, "Stable Diffusion 3, Flux"), (16, 3, "a video"), (64, 1, "an audio")]
)
def test_vaes_of_other_models_are_told_in_plain_words(host: Any, channels: int, dimensions: int, kind: str) -> None:
    import types

    from single_image_studio.host.checks import require_vae

    vae = types.SimpleNamespace(first_stage_model=1, latent_channels=channels, latent_dim=dimensions)
    with pytest.raises(InputError, match=f"`vae` seems to be made for {kind}"):
        require_vae(vae)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (("clip_l", "clip_g"), "SDXL"),
        (("clip_h",), "Stable Diffusion 2.x"),
        (("clip_l", "t5xxl"), "Stable Diffusion 3, Flux"),
        (("qwen25_7b",), "another kind of model"),
    ],
)
def test_text_encoders_of_other_models_are_told_in_plain_words(host: Any, parts: tuple[str, ...], kind: str) -> None:
    import types

    from single_image_studio.host.checks import require_sd1_clip

    clip = types.SimpleNamespace(cond_stage_model=types.SimpleNamespace(**dict.fromkeys(parts)))
    with pytest.raises(InputError, match=f"`clip` is a text encoder of {kind}"):
        require_sd1_clip(clip)
