"""Noising and its way back, against known values, the limits, and the host's own schedule."""

import pytest
import torch

from single_image_studio.diffusion.process import add_noise, scaled_linear_alpha_bar, x0_from_eps


def test_schedule_has_the_published_ends() -> None:
    alpha_bar = scaled_linear_alpha_bar()
    assert alpha_bar.shape == (1000,)
    assert alpha_bar[0].item() == pytest.approx(1 - 0.00085)
    assert alpha_bar[-1].item() == pytest.approx(0.0046598, rel=1e-4)  # Stable Diffusion's alphas_cumprod[999]
    assert bool((alpha_bar[1:] < alpha_bar[:-1]).all())


def test_schedule_is_the_hosts(host) -> None:
    from comfy.model_sampling import ModelSamplingDiscrete

    sigmas = ModelSamplingDiscrete().sigmas
    linear = scaled_linear_alpha_bar()
    # The host's default is SD's "linear" schedule, linear in sqrt(beta): the same numbers.
    assert torch.allclose(1 / (1 + sigmas**2), linear, rtol=1e-4)


def test_noise_and_back() -> None:
    x0, noise = torch.randn(3, 4, 5, 6), torch.randn(3, 4, 5, 6)
    alpha_bar = torch.tensor([0.99, 0.5, 0.01])
    latents = add_noise(x0, noise, alpha_bar)
    assert torch.allclose(latents[1], 0.5**0.5 * (x0[1] + noise[1]))
    assert torch.allclose(x0_from_eps(latents, noise, alpha_bar), x0, atol=2e-5)


def test_no_noise_at_alpha_bar_one() -> None:
    x0, noise = torch.randn(2, 4, 2, 2), torch.randn(2, 4, 2, 2)
    one = torch.ones(2)
    assert torch.equal(add_noise(x0, noise, one), x0)
    assert torch.equal(x0_from_eps(x0, noise, one), x0)
