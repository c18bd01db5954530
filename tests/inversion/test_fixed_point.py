from __future__ import annotations

import pytest
import torch

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.quality import latent_psnr
from single_image_studio.diffusion.report import result_of
from single_image_studio.inversion.ddim import ddim_invert
from single_image_studio.inversion.fixed_point import CORRECTIONS, fixed_point_invert

from ..helpers import oracle
from ..helpers.in_host import in_host
from ..helpers.toy import ALPHA_BAR, ToyModel, picture, prompt, reports_of

SCHEDULE = DDIMSchedule(10)


def sampled(noise: torch.Tensor) -> torch.Tensor:
    """Back down by DDIM written out."""
    latents = noise
    for step in SCHEDULE.down(ALPHA_BAR):
        (eps,) = ToyModel().predict_eps(latents, step.timesteps(latents), [prompt(1)])
        latents = step.move(latents, eps)
    return latents


def test_each_correction_brings_sampling_closer_until_it_returns_exactly() -> None:
    found = [
        result_of(fixed_point_invert(ToyModel(), picture(), prompt(1), SCHEDULE, corrections))
        for corrections in (0, 1, 2, 4, 60)
    ]
    psnrs = [latent_psnr(sampled(trajectory[0]), picture()) for trajectory in found]
    assert psnrs == sorted(psnrs) and psnrs[1] > psnrs[0] + 3
    torch.testing.assert_close(sampled(found[-1][0]), picture(), rtol=1e-4, atol=1e-4)


def test_without_corrections_it_is_plain_ddim_inversion() -> None:
    plain = result_of(ddim_invert(ToyModel(), picture(), prompt(1), SCHEDULE))
    assert torch.equal(result_of(fixed_point_invert(ToyModel(), picture(), prompt(1), SCHEDULE, 0)), plain)


def test_it_costs_what_it_says() -> None:
    model = ToyModel()
    reports, trajectory = reports_of(fixed_point_invert(model, picture(), prompt(1), SCHEDULE))
    assert model.evaluations == sum(report.cost for report in reports) == 10 * (1 + CORRECTIONS)
    assert len(trajectory) == 11 and torch.equal(trajectory[-1], picture())


@pytest.mark.parametrize("steps", [7, 20])
def test_it_follows_diffusers(demo_model, unet, encode, clean, steps: int) -> None:
    source = encode("a red heart on a green background")
    ours = in_host(
        demo_model[0],
        clean,
        {"source": source},
        lambda model, prompts: result_of(fixed_point_invert(model, clean, prompts["source"], DDIMSchedule(steps))),
    )
    theirs = oracle.fixed_point(unet, clean, source[0][0].clone(), steps, CORRECTIONS)
    assert (ours[0] - theirs).norm() / theirs.norm() <= 1e-4
