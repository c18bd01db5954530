from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule, ddpm_variance
from single_image_studio.diffusion.report import result_of
from single_image_studio.inversion.methods import InversionSettings, Inverted, invert
from single_image_studio.inversion.noised import noised
from single_image_studio.inversion.sampling import Guidance, sample
from single_image_studio.support.errors import InputError

from ..helpers import oracle
from ..helpers.in_host import in_host
from ..helpers.toy import ALPHA_BAR, ToyModel, picture, prompt

SETTINGS = InversionSettings(method="edit_friendly", schedule=DDIMSchedule(20), guidance_scale=3.0)


def inverted(seed: int = 0, model: ToyModel | None = None, latents: Tensor | None = None) -> Inverted:
    settings = replace(SETTINGS, seed=seed)
    latents = picture() if latents is None else latents
    return result_of(invert(model or ToyModel(), latents, prompt(1), prompt(2), settings))


@pytest.mark.parametrize("steps", [20, 7])
def test_inversion_and_edit_are_leditspp_s(demo_model, unet, encode, clean, steps: int) -> None:
    source, target, uncond = encode("a red heart on a green background"), encode("a blue star"), encode("")
    settings = replace(SETTINGS, schedule=DDIMSchedule(steps), guidance_scale=5.0)

    def algorithm(model: Any, prompts: dict[str, Any]) -> Any:
        found = result_of(invert(model, clean, prompts["source"], prompts["uncond"], settings))
        guidance = Guidance([prompts["uncond"]], 5.0, found.reconstruction.offsets)
        conds = [prompts["source" if i < 3 else "target"] for i in range(steps)]
        down = settings.sampling_schedule.down(model.alpha_bar)
        return found, result_of(sample(model, found.noise_latents, conds, guidance, down))

    found, edit = in_host(demo_model[0], clean, {"source": source, "target": target, "uncond": uncond}, algorithm)
    embeds = {"source": source[0][0].clone(), "target": target[0][0].clone()}
    conds = [embeds["source" if i < 3 else "target"] for i in range(steps)]
    maps, theirs = oracle.edit_friendly(
        unet, found.trajectory.clone(), embeds["source"], conds, uncond[0][0].clone(), 5.0
    )
    for step, offset, z in zip(settings.schedule.down(ALPHA_BAR), found.reconstruction.offsets, maps, strict=True):
        drawn = offset / ddpm_variance(step.alpha_bar_from, step.alpha_bar_to).sqrt()
        assert (drawn - z).norm() / z.norm() <= 1e-4
    assert (edit - theirs).norm() / theirs.norm() <= 1e-4 and (edit - clean).abs().max() > 0.1


def test_with_offset_0_the_last_step_draws_nothing_and_the_picture_comes_back_all_the_same() -> None:
    settings = replace(SETTINGS, schedule=DDIMSchedule(20, 0))
    found = result_of(invert(ToyModel(), picture(), prompt(1), prompt(2), settings))
    guidance = Guidance([prompt(2)], 3.0, found.reconstruction.offsets)
    down = settings.sampling_schedule.down(ALPHA_BAR)
    back = result_of(sample(ToyModel(), found.noise_latents, [prompt(1)], guidance, down))
    torch.testing.assert_close(back, picture(), rtol=1e-5, atol=1e-5)


def test_every_level_has_noise_of_its_own() -> None:
    clean = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    points, levels = noised(ToyModel(), clean, DDIMSchedule(20), 0), DDIMSchedule(20).levels(ALPHA_BAR)
    drawn = [(point - a.sqrt() * clean) / (1 - a).sqrt() for point, a in zip(points[:-1], levels[:-1], strict=True)]
    together = torch.corrcoef(torch.stack([noise.flatten() for noise in drawn]))
    assert (together - torch.eye(20)).abs().max() < 0.04, "neighbours share nothing"
    assert all(noise.std() == pytest.approx(1, abs=0.03) for noise in drawn)
    assert torch.equal(points[-1], clean)


def test_two_evaluations_a_step_and_none_on_the_way_up() -> None:
    model = ToyModel()
    inverted(model=model)
    assert model.evaluations == 40 and [timestep for timestep, _ in model.calls] == DDIMSchedule(20).timesteps


def test_the_seed_decides_and_every_picture_of_a_batch_gets_the_same_noise() -> None:
    one, again, other = (inverted(seed).trajectory for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
    twice = inverted(3, latents=picture().repeat(2, 1, 1, 1)).trajectory
    assert torch.equal(twice[:, :1], one) and torch.equal(twice[:, 1:], one)


def test_other_methods_do_not_read_the_seed() -> None:
    runs = [replace(SETTINGS, method="direct", seed=seed) for seed in (0, 1)]
    found = [result_of(invert(ToyModel(), picture(), prompt(1), prompt(2), settings)) for settings in runs]
    assert torch.equal(found[0].trajectory, found[1].trajectory)
    assert runs[0].sampling_schedule == runs[0].schedule != SETTINGS.sampling_schedule


@pytest.mark.parametrize("seed", [-1, 1.5, 2**64, None])
def test_an_impossible_seed_is_refused(seed: Any) -> None:
    with pytest.raises(InputError, match="`seed`"):
        InversionSettings(method="edit_friendly", seed=seed)
