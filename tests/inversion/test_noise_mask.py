from __future__ import annotations

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.report import result_of
from single_image_studio.inversion.ddim import ddim_invert
from single_image_studio.inversion.methods import METHODS, InversionSettings, invert
from single_image_studio.inversion.noise_mask import KnownPath, MaskedModel, mixed
from single_image_studio.inversion.null_text import NullTextSettings
from single_image_studio.inversion.sampling import Guidance, sample
from single_image_studio.support.errors import InputError

from ..helpers.toy import ALPHA_BAR, ToyModel, picture, prompt

SCHEDULE = DDIMSchedule(10)
LEVELS = SCHEDULE.levels(ALPHA_BAR)


def trajectory(latents: Tensor, schedule: DDIMSchedule = SCHEDULE) -> Tensor:
    return result_of(ddim_invert(ToyModel(), latents, prompt(1), schedule))


def left_half(value: float = 1.0) -> Tensor:
    mask = torch.zeros(1, 1, 3, 5)
    mask[..., :2] = value
    return mask


def masked(path: Tensor, mask: Tensor) -> MaskedModel:
    return MaskedModel(ToyModel(), lambda _: mask, KnownPath(path, LEVELS))


@pytest.mark.parametrize("offset", [0, 1])
def test_the_path_goes_through_the_trajectory_and_heads_for_the_next_entry(offset: int) -> None:
    schedule = DDIMSchedule(10, offset)
    levels, points = schedule.levels(ALPHA_BAR), trajectory(picture(), schedule)
    path = KnownPath(points, levels)
    for i, step in enumerate(schedule.down(ALPHA_BAR)):
        x, x0 = path.at(float(((1 - levels[i]) / levels[i]).sqrt()))
        latents = x * levels[i].sqrt()
        torch.testing.assert_close(latents, points[i])
        eps = (latents - levels[i].sqrt() * x0) / (1 - levels[i]).sqrt()
        torch.testing.assert_close(step.move(latents, eps), points[i + 1], atol=1e-5, rtol=1e-5)


def test_between_two_levels_the_path_is_straight() -> None:
    points = trajectory(picture())
    path = KnownPath(points, LEVELS)
    middle, x0 = path.at((path.sigmas[3] + path.sigmas[4]) / 2)
    torch.testing.assert_close(middle, (path.points[3] + path.points[4]) / 2)
    torch.testing.assert_close(x0, path.at(path.sigmas[3])[1])


def test_outside_the_mask_an_edit_is_the_picture_and_inside_it_is_not() -> None:
    latents, mask = picture(), left_half()
    model = masked(trajectory(latents), mask)
    guidance = Guidance([prompt(3)], 3.0)
    edited = result_of(sample(model, trajectory(latents)[0], [prompt(2)], guidance, SCHEDULE.down(ALPHA_BAR)))
    torch.testing.assert_close(edited * (1 - mask), latents * (1 - mask), atol=1e-5, rtol=0)
    assert ((edited - latents) * mask).abs().max() > 0.1


def test_a_mask_of_ones_changes_nothing_but_rounding() -> None:
    latents, guidance = picture(), Guidance([prompt(3)], 3.0)
    noise = trajectory(latents)[0]
    steps = list(SCHEDULE.down(ALPHA_BAR))
    whole = result_of(sample(masked(trajectory(latents), torch.ones(1, 1, 3, 5)), noise, [prompt(2)], guidance, steps))
    torch.testing.assert_close(
        whole, result_of(sample(ToyModel(), noise, [prompt(2)], guidance, steps)), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_prediction_is_the_host_s_masked_one(share: float) -> None:
    """KSamplerX0Inpaint written out: outside, the model sees the picture's own level, and the picture is predicted."""
    latents, mask, path = picture(5), left_half(share), trajectory(picture())
    step = list(SCHEDULE.down(ALPHA_BAR))[4]
    (eps,) = masked(path, mask).predict_eps(latents, step.timesteps(latents), [prompt(2)])
    a, sigma = step.alpha_bar_from, ((1 - step.alpha_bar_from) / step.alpha_bar_from).sqrt()
    known, x0 = KnownPath(path, LEVELS).at(float(sigma))
    seen = mixed(latents / a.sqrt(), known, mask)
    (plain,) = ToyModel().predict_eps(seen * a.sqrt(), step.timesteps(latents), [prompt(2)])
    denoised = mixed(seen - sigma * plain, x0, mask)
    torch.testing.assert_close(eps, (latents / a.sqrt() - denoised) / sigma, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_every_method_measures_its_way_back_under_the_mask(method: str, share: float) -> None:
    """The way back that is told is the one that sampling under the mask takes."""
    latents, mask = picture(), left_half(share)
    settings = InversionSettings(
        method=method, schedule=SCHEDULE, guidance_scale=3.0, null_text=NullTextSettings(inner_steps=2)
    )
    uncond = prompt(1) if METHODS[method].source_for_uncond else prompt(3)
    found = result_of(invert(ToyModel(), latents, prompt(1), uncond, settings, lambda _: mask))
    back = found.reconstruction
    guidance = Guidance([uncond.with_context(e) for e in back.uncond_embeds], settings.sampling_scale, back.offsets)
    model = masked(found.trajectory, mask)
    steps = settings.sampling_schedule.down(ALPHA_BAR)
    sampled = result_of(sample(model, found.noise_latents, [prompt(1)], guidance, steps))
    torch.testing.assert_close(sampled, back.latents, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sampled * (mask == 0), latents * (mask == 0), atol=1e-5, rtol=0)


def test_an_outside_of_another_picture_is_refused() -> None:
    from single_image_studio.inversion.noise_mask import Outside

    outside = Outside(left_half(), trajectory(picture()), LEVELS)
    outside.check(10, (1, 4, 3, 5))
    for steps, shape in ((9, (1, 4, 3, 5)), (10, (2, 4, 3, 5)), (10, (1, 4, 3, 6))):
        with pytest.raises(InputError, match="noise mask"):
            outside.check(steps, shape)
