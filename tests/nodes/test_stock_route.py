"""The editing nodes' plain wires on the host's untouched samplers, against our own sampler."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.conditionings import controlnet, encode, with_options
from ..helpers.stock_sampling import host_samples, published_sigmas, star

STEPS = 20
CHOSEN = {"alpha": 0.4, "source_ratio": 0.25}


@pytest.fixture(scope="module")
def latent(loaded_demo_model) -> dict[str, Tensor]:
    return star(loaded_demo_model[2])


def invert(model: Any, latent: Any, source: Any, uncond: Any, method: str, steps: int = STEPS) -> Any:
    from single_image_studio.nodes.invert import NullTextInvert

    return NullTextInvert.execute(model, latent, source, uncond, method, steps, 5.0, 2, 0.01, 1e-5, "fp32").args


@pytest.fixture(scope="module")
def inverted(loaded_demo_model, latent) -> Callable[..., Any]:
    """`inverted("ddim", steps=7)`: the node's outputs for a star, found once for all tests."""

    @functools.cache
    def run(method: str, steps: int = STEPS) -> Any:
        model, clip, _ = loaded_demo_model
        with torch.inference_mode():
            return invert(model.clone(), latent, encode(clip, "a star"), encode(clip, ""), method, steps)

    return run


def stock(
    model: Any, positive: Any, negative: Any, noise_latent: Any, sigmas: Tensor, sampler: str, cfg: float
) -> Tensor:
    """Latents in the papers' scale, from a stock guider and sampler with its noise off."""
    out = host_samples(model, positive, negative, noise_latent["samples"], sigmas, cfg, sampler)
    return out * 0.18215 / (1 + sigmas[-1] ** 2).sqrt()


def both(
    model: Any, clip: Any, inverted: Any, sampler: str, steps: int = STEPS, target_options: dict[str, Any] | None = None
) -> tuple[Tensor, Tensor]:
    """The same edit of an inverted star by our sampler and by the stock route."""
    from single_image_studio.nodes.edit import TimestepAwareConditioning, TimestepAwareKSampler

    with torch.inference_mode():
        source = encode(clip, "a star")
        target = with_options(encode(clip, "a heart at the left on a white background"), **(target_options or {}))
        inversion, noise_latent, negative, _ = inverted
        (ours,) = TimestepAwareKSampler.execute(model, inversion, source, target, **CHOSEN).args
        (positive,) = TimestepAwareConditioning.execute(source, target, steps=steps, **CHOSEN).args
        theirs = stock(
            model, positive, negative, noise_latent, published_sigmas(model, steps), sampler, inversion.guidance_scale
        )
    return ours["samples"] * 0.18215, theirs


@pytest.mark.parametrize("sampler", ["euler", "ddim"])
@pytest.mark.parametrize("method", ["null_text", "negative_prompt", "ddim", "fixed_point"])
def test_stock_samplers_agree(demo_model, inverted, method: str, sampler: str) -> None:
    ours, theirs = both(*demo_model[:2], inverted(method), sampler)
    assert (ours - theirs).norm() / ours.norm() <= 1e-4


@pytest.mark.parametrize("steps", [7, 30])
def test_with_steps_that_do_not_divide_1000(demo_model, inverted, steps: int) -> None:
    ours, theirs = both(*demo_model[:2], inverted("null_text", steps), "euler", steps)
    assert (ours - theirs).norm() / ours.norm() <= 1e-4


def test_with_a_controlnet_on_the_target(demo_model, inverted) -> None:
    options = {"control": controlnet(demo_model[0]), "control_apply_to_uncond": False}
    ours, theirs = both(*demo_model[:2], inverted("null_text"), "euler", target_options=options)
    assert (ours - theirs).norm() / ours.norm() <= 1e-4
    bare, _ = both(*demo_model[:2], inverted("null_text"), "euler")
    assert (ours - bare).norm() / bare.norm() > 1e-2, "the ControlNet must do something"


@pytest.mark.parametrize("method", ["null_text", "negative_prompt", "fixed_point"])
def test_the_plain_wires_reconstruct_as_well(demo_model, latent, inverted, method: str) -> None:
    """Also on the stock ddim_uniform, which goes on to no noise at all."""
    import comfy.samplers

    from single_image_studio.diffusion.quality import latent_psnr

    model, clip, _ = demo_model
    with torch.inference_mode():
        source = encode(clip, "a star")
        inversion, noise_latent, negative, _ = inverted(method)
        sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "ddim_uniform", STEPS)
        rebuilt = stock(model, source, negative, noise_latent, sigmas, "ddim", inversion.guidance_scale)
    found = latent_psnr(rebuilt, latent["samples"] * 0.18215)
    assert found > min(inversion.report["latent_psnr"][0], 40) - 1


def test_masks_and_areas_survive_the_nodes(demo_model, latent) -> None:
    """Each step's entry keeps what was on the incoming one, and the blend too."""
    from single_image_studio.nodes.edit import TimestepAwareConditioning

    mask = torch.ones(1, 16, 16)
    with torch.inference_mode():
        uncond = with_options(encode(demo_model[1], ""), mask=mask, strength=0.5)
        source, target = (
            with_options(encode(demo_model[1], "a star"), area=(8, 8, 0, 0)),
            with_options(encode(demo_model[1], "a heart"), mask=mask),
        )
        _, _, negative, _ = invert(demo_model[0], latent, source, uncond, "null_text", 5)
        (positive,) = TimestepAwareConditioning.execute(source, target, 0.5, 0.5, 5).args
    assert len(negative) == 5 and all(
        torch.equal(options["mask"], mask) and options["strength"] == 0.5 for _, options in negative
    )
    assert (
        positive[0][1]["area"] == (8, 8, 0, 0)
        and "mask" not in positive[0][1]
        and torch.equal(positive[1][1]["mask"], mask)
    )
