"""Noise masks of LATENT wires, in our sampler, the grid and the host's own samplers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.quality import latent_psnr
from single_image_studio.inversion.methods import METHODS

from ..helpers.conditionings import encode
from ..helpers.stock_sampling import host_samples, published_sigmas, star

STEPS, CFG = 8, 5.0


@pytest.fixture
def latent(demo_model: Any) -> dict[str, Tensor]:
    return star(demo_model[2])


def pixels(height: int = 128, width: int = 128) -> Tensor:
    """A mask as SetLatentNoiseMask gives it, of the picture's size: 1 at the left, 0 at the right."""
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1.0
    return mask


SOFT = torch.linspace(1.5, -0.5, 128).clamp(0, 1).expand(1, 1, 128, 128)
MASKS = {"hard": pixels(), "soft": SOFT}


def inverted(model: Any, clip: Any, latent: Any, method: str = "negative_prompt") -> Any:
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.inversion.null_text import NullTextSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.reporter import Reporter

    settings = InversionSettings(
        method=method,
        schedule=DDIMSchedule(STEPS),
        guidance_scale=CFG,
        null_text=NullTextSettings(inner_steps=2),
        precision="fp32",
    )
    with torch.inference_mode():
        prompts = SourcePrompts(source=encode(clip, "a star"), uncond=encode(clip, ""))
        return invert_pictures(model, latent, prompts, settings, Reporter())


def edited(model: Any, clip: Any, inversion: Any, text: str = "a blue heart", cells: Any = None) -> list[Any]:
    from single_image_studio.inversion.grid import Cell
    from single_image_studio.pipelines.edit_picture import EditConditioning, sample_cells
    from single_image_studio.pipelines.reporter import Reporter

    with torch.inference_mode():
        prompts = EditConditioning(source=encode(clip, "a star"), target=encode(clip, text))
        return sample_cells(model, inversion, prompts, cells or [Cell(1.0, 0.2)], Reporter())


def on_latents(mask: Tensor) -> Tensor:
    return torch.nn.functional.interpolate(mask, (16, 16), mode="bilinear")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", MASKS)
def test_the_sampler_keeps_what_is_outside(demo_model: Any, latent: Any, method: str, kind: str) -> None:
    """And with the source prompt gives back what the report tells, within 0.1 dB."""
    from single_image_studio.inversion.grid import Cell

    model, clip, _ = demo_model
    inversion = inverted(model, clip, {**latent, "noise_mask": MASKS[kind]}, method)
    edit, back = edited(model, clip, inversion, cells=[Cell(1.5, 0.0), Cell(0.0, 1.0)])
    mask, samples = on_latents(MASKS[kind]), latent["samples"]
    for given in (edit, back):
        torch.testing.assert_close(given["samples"] * (mask == 0), samples * (mask == 0), atol=1e-4, rtol=0)
        torch.testing.assert_close(given["noise_mask"], mask)
    assert ((edit["samples"] - samples) * (mask > 0.5)).abs().max() > 1, "inside, the picture changes"
    told, found = inversion.report["latent_psnr"][0], latent_psnr(back["samples"], samples)
    assert found == pytest.approx(told, abs=0.1) or min(found, told) > 90


def test_every_cell_of_a_grid_keeps_it(demo_model: Any, latent: Any) -> None:
    from single_image_studio.inversion.grid import cells_of

    model, clip, _ = demo_model
    inversion = inverted(model, clip, {**latent, "noise_mask": pixels()}, "direct")
    edits = edited(model, clip, inversion, cells=cells_of([0.3, 1.0], [0.0, 0.4]))
    outside = on_latents(pixels()) == 0
    for edit in edits:
        torch.testing.assert_close(edit["samples"] * outside, latent["samples"] * outside, atol=1e-4, rtol=0)
    assert len({edit["samples"].sum().item() for edit in edits}) == 4


def test_a_mask_of_ones_is_no_mask(demo_model: Any, latent: Any) -> None:
    model, clip, _ = demo_model
    bare = inverted(model, clip, latent)
    ones = inverted(model, clip, {**latent, "noise_mask": torch.ones(1, 1, 128, 128)})
    assert ones.outside is None
    ours, theirs = edited(model, clip, ones)[0], edited(model, clip, bare)[0]
    assert torch.equal(ours["samples"], theirs["samples"]) and "noise_mask" not in ours


def test_every_picture_of_a_batch_has_its_own_mask(demo_model: Any, latent: Any) -> None:
    model, clip, _ = demo_model
    masks = torch.cat([pixels(), 1 - pixels()])
    both = {"samples": latent["samples"].repeat(2, 1, 1, 1), "noise_mask": masks}
    (edit,) = edited(model, clip, inverted(model, clip, both))
    for one, mask in zip(edit["samples"], masks, strict=True):
        (alone,) = edited(model, clip, inverted(model, clip, {**latent, "noise_mask": mask[None]}))
        torch.testing.assert_close(one, alone["samples"][0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("method", ["negative_prompt", "edit_friendly"])
def test_a_saved_inversion_keeps_the_mask(demo_model: Any, latent: Any, tmp_path: Path, method: str) -> None:
    from single_image_studio.inversion.file import load_inversion, save_inversion

    model, clip, _ = demo_model
    inversion = inverted(model, clip, {**latent, "noise_mask": SOFT}, method)
    loaded = load_inversion(save_inversion(inversion, "masked", [tmp_path]))
    assert torch.equal(edited(model, clip, loaded)[0]["samples"], edited(model, clip, inversion)[0]["samples"])


def test_a_mask_of_nan_is_refused(demo_model: Any, latent: Any) -> None:
    from single_image_studio.support.errors import InputError

    with pytest.raises(InputError, match="noise mask of `latent`"):
        inverted(*demo_model[:2], {**latent, "noise_mask": torch.full((1, 1, 128, 128), float("nan"))})


def differential(model: Any) -> Any:
    """The host's Differential Diffusion."""
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

    return DifferentialDiffusion.execute(model).args[0]


def test_differential_diffusion_changes_the_mask_with_noise(demo_model: Any, latent: Any) -> None:
    model, clip, _ = demo_model
    masked = {**latent, "noise_mask": SOFT}
    (plain,) = edited(model, clip, inverted(model, clip, masked))
    patched = differential(model)
    (changed,) = edited(patched, clip, inverted(patched, clip, masked))
    assert (plain["samples"] - changed["samples"]).abs().max() > 0.1


@pytest.mark.parametrize("patch", [None, differential], ids=["plain", "differential"])
@pytest.mark.parametrize("method", ["null_text", "negative_prompt"])
@pytest.mark.parametrize("kind", MASKS)
def test_a_stock_sampler_keeps_what_ours_keeps(
    demo_model: Any, latent: Any, method: str, kind: str, patch: Any
) -> None:
    """By the `uncond` wire alone; also beside hooks of somebody else on it."""
    from single_image_studio.inversion.grid import Cell
    from single_image_studio.pipelines.edit_picture import EditConditioning, timestep_aware_conditioning
    from single_image_studio.pipelines.inversion_wires import plain_wires

    model, clip, _ = demo_model
    model = patch(model) if patch else model
    inversion = inverted(model, clip, {**latent, "noise_mask": MASKS[kind]}, method)
    (ours,) = edited(model, clip, inversion)
    with torch.inference_mode():
        noise_latent, negative = plain_wires(inversion)
        prompts = EditConditioning(source=encode(clip, "a star"), target=encode(clip, "a blue heart"))
        positive = timestep_aware_conditioning(prompts, Cell(1.0, 0.2), STEPS)
        sigmas = published_sigmas(model, STEPS)
        theirs = (
            host_samples(model, positive, negative, noise_latent["samples"], sigmas, CFG) / (1 + sigmas[-1] ** 2).sqrt()
        )
        whole = host_samples(
            model, positive, negative, noise_latent["samples"], published_sigmas(model, STEPS, 0.0), CFG
        )
    assert (ours["samples"] - theirs).norm() / theirs.norm() <= 1e-4
    outside = on_latents(MASKS[kind]) == 0
    torch.testing.assert_close(whole * outside, latent["samples"] * outside, atol=1e-4, rtol=0)
    assert "noise_mask" not in noise_latent, "there the host would keep the noise itself"


@pytest.mark.parametrize("kind", MASKS)
def test_along_a_straight_path_it_is_the_host_s_own_masking(demo_model: Any, latent: Any, kind: str) -> None:
    """With a trajectory that is the picture under one noise, stock masking of that picture and noise is the oracle."""
    from single_image_studio.host.noise_masks import keeping_outside
    from single_image_studio.inversion.noise_mask import KnownPath

    model, clip, _ = demo_model
    sigmas, samples = published_sigmas(model, STEPS, 0.0), latent["samples"]
    noise = torch.randn(samples.shape, generator=torch.Generator().manual_seed(3))
    clean, mask = samples * 0.18215, on_latents(MASKS[kind])
    levels = 1 / (1 + published_sigmas(model, STEPS) ** 2)
    trajectory = torch.stack([(clean + ((1 - a) / a).sqrt() * noise) * a.sqrt() for a in levels])
    positive, negative = encode(clip, "a blue heart"), encode(clip, "")
    kept = keeping_outside(negative, mask, KnownPath(trajectory, levels), clean)
    start = (trajectory[0] / levels[0].sqrt()) / 0.18215
    with torch.inference_mode():
        ours = host_samples(model, positive, kept, start, sigmas, CFG)
        theirs = host_samples(model, positive, negative, samples, sigmas, CFG, noise=noise, denoise_mask=mask)
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-3)
    assert (ours - samples).abs().max() > 1


def test_other_hooks_on_uncond_stay(demo_model: Any, latent: Any) -> None:
    import comfy.hooks

    from single_image_studio.host.noise_masks import keeping_outside
    from single_image_studio.inversion.noise_mask import KnownPath

    inversion = inverted(*demo_model[:2], {**latent, "noise_mask": pixels()})
    other = comfy.hooks.HookGroup()
    other.add(comfy.hooks.TransformerOptionsHook({}))
    outside = inversion.outside
    path = KnownPath(outside.trajectory, outside.levels)
    ((_, options),) = keeping_outside([[torch.zeros(1, 77, 8), {"hooks": other}]], outside.mask, path, outside.mask)
    assert len(options["hooks"].hooks) == 2 and other.hooks[0] in options["hooks"].hooks
