from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler

from single_image_studio.diffusion.ddim import DDIMSchedule, ddim_step, ddpm_variance
from single_image_studio.diffusion.guidance import guide
from single_image_studio.diffusion.process import scaled_linear_alpha_bar
from single_image_studio.diffusion.quality import latent_psnr, psnr
from single_image_studio.support.errors import InputError


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("steps", [1, 4, 7, 20, 30, 50, 100, 250, 999])
def test_timesteps_are_diffusers(steps: int, offset: int) -> None:
    scheduler = DDIMScheduler(steps_offset=offset)
    scheduler.set_timesteps(steps)
    assert DDIMSchedule(steps, offset).timesteps == scheduler.timesteps.tolist()


def test_the_trajectory_ends_at_the_lowest_noise_level_and_not_at_none() -> None:
    alpha_bar = scaled_linear_alpha_bar()
    levels = DDIMSchedule(50).levels(alpha_bar)
    assert len(levels) == 51 and levels[-1] == alpha_bar[0] < 1 and levels[0] == alpha_bar[981]
    assert (levels.diff() > 0).all()


def test_one_step_by_hand() -> None:
    """alpha_bar 0.36 to 0.64: x0 = (2 - 0.8·1) / 0.6 = 2; then 0.8·2 + 0.6·1 = 2.2."""
    latents, eps = torch.full((1, 4, 2, 2), 2.0), torch.ones(1, 4, 2, 2)
    stepped = ddim_step(latents, eps, torch.tensor(0.36), torch.tensor(0.64))
    torch.testing.assert_close(stepped, torch.full((1, 4, 2, 2), 2.2))
    torch.testing.assert_close(ddim_step(stepped, eps, torch.tensor(0.64), torch.tensor(0.36)), latents)
    torch.testing.assert_close(ddim_step(latents, eps, torch.tensor(0.36), torch.tensor(0.36)), latents)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_with_fresh_noise_a_step_is_diffusers(eta: float, offset: int) -> None:
    """Its mean, and the deviation of the noise that is to come on top."""
    alpha_bar, generator = scaled_linear_alpha_bar(), torch.Generator().manual_seed(0)
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = DDIMScheduler(**settings, clip_sample=False, set_alpha_to_one=False, steps_offset=offset)
    scheduler.set_timesteps(20)
    latents, eps, noise = (torch.randn(1, 4, 2, 2, generator=generator) for _ in range(3))
    for step in DDIMSchedule(20, offset, eta).down(alpha_bar):
        theirs = scheduler.step(eps, step.timestep, latents, eta=eta, variance_noise=noise).prev_sample
        drawn = eta * ddpm_variance(step.alpha_bar_from, step.alpha_bar_to).sqrt() * noise
        torch.testing.assert_close(step.move(latents, eps) + drawn, theirs, rtol=1e-5, atol=1e-5)


def test_inversion_draws_nothing() -> None:
    ups = [DDIMSchedule(20, eta=eta).up(scaled_linear_alpha_bar()) for eta in (0.0, 1.0)]
    assert [step.eta for step in ups[1]] == [step.eta for step in ups[0]] == [0.0] * 20


@pytest.mark.parametrize("eta", [-0.1, 1.5, float("nan"), "much"])
def test_an_impossible_share_of_noise_is_refused(eta) -> None:
    with pytest.raises(InputError, match="`eta`"):
        DDIMSchedule(50, 1, eta)


@pytest.mark.parametrize("steps", [0, -3, 1000, 2.5])
def test_impossible_steps_are_refused(steps) -> None:
    with pytest.raises(InputError, match="`steps`"):
        DDIMSchedule(steps)


def test_impossible_offset_is_refused() -> None:
    with pytest.raises(InputError, match="`steps_offset`"):
        DDIMSchedule(50, 2)


def test_guidance_by_hand() -> None:
    cond, uncond = torch.tensor([3.0]), torch.tensor([1.0])
    assert (
        guide(cond, uncond, 7.5).item() == 16
        and guide(cond, uncond, 1).item() == 3
        and guide(cond, uncond, 0).item() == 1
    )


def test_psnr_by_hand() -> None:
    a = torch.zeros(1, 4, 2, 2)
    assert psnr(a, a + 0.1, 1.0) == pytest.approx(20)
    assert psnr(a, a, 1.0) == float("inf")
    reference = torch.tensor([-1.0, 1.0])
    assert latent_psnr(reference + 0.2, reference) == pytest.approx(20)
