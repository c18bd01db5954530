"""The published algorithms, through the real host, against diffusers on the same weights."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.report import result_of
from single_image_studio.inversion.ddim import ddim_invert
from single_image_studio.inversion.null_text import NullTextSettings, null_text
from single_image_studio.inversion.sampling import Guidance, sample
from single_image_studio.inversion.text_optimization import TextOptimizationSettings, optimize_text

from ..helpers import oracle
from ..helpers.in_host import in_host
from ..helpers.toy import ToyModel, ToyPrompt

SCALE = 7.5


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("offset", [1, 0])
@pytest.mark.parametrize("steps", [50, 30, 7])
def test_inversion_follows_diffusers_at_every_step(demo_model, unet, encode, clean, steps: int, offset: int) -> None:
    source = encode("a red heart on a green background")
    schedule = DDIMSchedule(steps, offset)
    ours = in_host(
        demo_model[0],
        clean,
        {"source": source},
        lambda model, prompts: result_of(ddim_invert(model, clean, prompts["source"], schedule)),
    )
    theirs = oracle.invert(unet, clean, source[0][0].clone(), steps, offset)
    errors = [relative(a, b) for a, b in zip(ours.flip(0), theirs, strict=True)]
    assert max(errors) <= 1e-4, errors


@pytest.mark.parametrize("offset", [1, 0])
def test_sampling_follows_diffusers(demo_model, unet, encode, clean, offset: int) -> None:
    """With another prompt in the first steps, and another unconditional embedding in each."""
    steps, generator = 20, torch.Generator().manual_seed(0)
    source, target, uncond = encode("a red heart"), encode("a blue star"), encode("")
    noise = torch.randn(clean.shape, generator=generator)
    embeds = [uncond[0][0].clone() + 0.05 * torch.randn(uncond[0][0].shape, generator=generator) for _ in range(steps)]

    def algorithm(model: Any, prompts: dict[str, Any]) -> Tensor:
        guidance = Guidance([prompts["uncond"].with_context(e) for e in embeds], SCALE)
        conds = [prompts["source" if i < 5 else "target"] for i in range(steps)]
        return result_of(sample(model, noise, conds, guidance, DDIMSchedule(steps, offset).down(model.alpha_bar)))

    ours = in_host(demo_model[0], clean, {"source": source, "target": target, "uncond": uncond}, algorithm)
    conds = [(source if i < 5 else target)[0][0].clone() for i in range(steps)]
    assert relative(ours, oracle.sample(unet, noise, conds, embeds, SCALE, steps, offset)) <= 1e-4


@pytest.mark.parametrize(("offset", "steps", "inner"), [(1, 20, 3), (0, 6, 10)])
def test_null_text_follows_diffusers(demo_model, unet, encode, clean, offset: int, steps: int, inner: int) -> None:
    source, uncond = encode("a red heart on a green background"), encode("")
    schedule = DDIMSchedule(steps, offset)

    def algorithm(model: Any, prompts: dict[str, Any]) -> Any:
        trajectory = result_of(ddim_invert(model, clean, prompts["source"], schedule))
        guidance, settings = Guidance([prompts["uncond"]], SCALE), NullTextSettings(inner_steps=inner)
        return result_of(null_text(model, trajectory, prompts["source"], guidance, schedule, settings))

    ours = in_host(demo_model[0], clean, {"source": source, "uncond": uncond}, algorithm, gradients=True)
    cond, start = source[0][0].clone(), uncond[0][0].clone()
    embeds, rebuilt = oracle.null_text(
        unet, oracle.invert(unet, clean, cond, steps, offset), cond, start, SCALE, steps, offset, inner=inner
    )
    errors = [relative(a, b) for a, b in zip(ours.uncond_embeds, embeds, strict=True)]
    assert max(errors) <= 1e-3, errors
    moved = relative(embeds[-1], start)
    assert moved > 1e-2, "nothing was optimised, so nothing was compared"
    from single_image_studio.diffusion.quality import latent_psnr

    assert latent_psnr(ours.latents, clean) == pytest.approx(latent_psnr(rebuilt, clean), abs=0.1)


def test_null_text_is_the_published_algorithm_to_the_last_digits(unet, encode, clean) -> None:
    """The same in float64, where nothing but the algorithm could make a difference: on diffusers' UNet for both.

    (In float32 each update passes its rounding on to the next, and many of them let two right programs drift apart.)
    """
    steps = 20
    exact, latents = copy.deepcopy(unet).double(), clean[:, :, 4:12, 4:12].double()
    cond, uncond = (encode(text)[0][0].clone().double() for text in ("a red heart on a green background", ""))
    alpha_bar = oracle.DDIMScheduler(**oracle.SCHEDULE).alphas_cumprod.double()
    inversion = oracle.invert(exact, latents, cond, steps, 1)

    class Exact(ToyModel):
        def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Any) -> list[Tensor]:
            return [exact(latents, timesteps, prompt.context).sample for prompt in prompts]

    ours = result_of(
        null_text(
            Exact(alpha_bar=alpha_bar),
            torch.stack(inversion[::-1]),
            ToyPrompt(cond),
            Guidance([ToyPrompt(uncond)], SCALE),
            DDIMSchedule(steps),
            NullTextSettings(inner_steps=3),
        )
    )
    embeds, rebuilt = oracle.null_text(exact, inversion, cond, uncond, SCALE, steps, 1, inner=3)
    assert max(relative(a, b) for a, b in zip(ours.uncond_embeds, embeds, strict=True)) <= 1e-6
    assert relative(ours.latents, rebuilt) <= 1e-6 and relative(embeds[-1], uncond) > 1e-2


def test_text_optimisation_follows_diffusers(demo_model, unet, encode, clean) -> None:
    target = encode("a small blue star on a red background")
    settings = TextOptimizationSettings(steps=20, seed=3)

    def algorithm(model: Any, prompts: dict[str, Any]) -> Any:
        return result_of(optimize_text(model, clean, prompts["target"], settings))

    ours, losses = in_host(demo_model[0], clean, {"target": target}, algorithm, gradients=True)
    theirs = oracle.imagic(unet, clean, target[0][0].clone(), 20, seed=3)
    assert relative(ours, theirs) <= 1e-3 and [len(history) for history in losses] == [20]
    assert relative(theirs - target[0][0], ours - target[0][0]) <= 0.01, "the way it moved, not only where it is"
