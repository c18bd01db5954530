"""What other packs hang on MODEL and CONDITIONING: sides, keyframes, step caches."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.inversion.methods import METHODS

from ..helpers.conditionings import encode
from ..helpers.lora import some_lora

TIMESTEPS = [981, 501, 1]


def session(model: Any, clip: Any, **wires: Any) -> Any:
    from single_image_studio.host.session import UnetSession

    wires = {"positive": {"source": encode(clip, "a heart")}, "negative": {"uncond": encode(clip, "")}, **wires}
    return UnetSession(model=model, shape=(1, 4, 8, 8), timesteps=TIMESTEPS, precision="fp32", **wires)


def latents() -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))


def eps(unet: Any, *names: str, timestep: int = 501) -> list[Tensor]:
    return unet.predict_eps(latents(), torch.tensor([timestep]), [unet.prompts[name] for name in names])


def test_each_prompt_keeps_its_side_also_alone(demo_model: Any) -> None:
    """Image-prompt patches go by `cond_or_uncond`: 0 is the positive prompt, 1 the negative one."""
    model, clip, _ = demo_model
    sides: list[list[int]] = []

    def look(hidden: Tensor, options: dict[str, Any]) -> Tensor:
        sides.append(list(options["cond_or_uncond"]))
        return hidden

    patched = model.clone()
    patched.set_model_attn2_output_patch(look)
    for names, expected in ((["source"], {0}), (["uncond"], {1}), (["source", "uncond"], {0, 1})):
        sides.clear()
        with torch.inference_mode():
            session(patched, clip).run(lambda unet, names=names: eps(unet, *names))
        assert {side for call in sides for side in call} == expected


def by_side(strength: float) -> Any:
    """As image-prompt packs do: adds to the positive prompt's part of the batch alone."""

    def patch(hidden: Tensor, options: dict[str, Any]) -> Tensor:
        chunks = list(hidden.chunk(len(options["cond_or_uncond"])))
        added = strength * torch.randn(hidden.shape[-1], generator=torch.Generator().manual_seed(7))
        parts = [c if side else c + added.to(c) for c, side in zip(chunks, options["cond_or_uncond"], strict=True)]
        return torch.cat(parts)

    return patch


@pytest.mark.parametrize("method", METHODS)
def test_the_report_tells_what_the_sampler_gives_back(demo_model: Any, method: str) -> None:
    """Under a patch that treats the sides differently: sampling with the source prompt alone, as told within 0.1 dB."""
    from single_image_studio.diffusion.ddim import DDIMSchedule
    from single_image_studio.diffusion.quality import latent_psnr
    from single_image_studio.inversion.grid import Cell
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.pipelines.edit_picture import EditConditioning, edit_picture
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.reporter import Reporter

    model, clip, _ = demo_model
    patched = model.clone()
    patched.set_model_attn2_output_patch(by_side(0.5))
    source, latent = encode(clip, "a heart"), {"samples": latents()}
    settings = InversionSettings(method=method, schedule=DDIMSchedule(steps=10))
    with torch.inference_mode():
        prompts = SourcePrompts(source=source, uncond=encode(clip, ""))
        inversion = invert_pictures(patched, latent, prompts, settings, Reporter())
        edit = EditConditioning(source=source, target=source)
        back = edit_picture(patched, inversion, edit, Cell(0.0, 1.0), Reporter())
    told = inversion.report["latent_psnr"][0]
    given = latent_psnr(back["samples"], latent["samples"])
    assert given == pytest.approx(told, abs=0.1) or min(given, told) > 90  # exact, up to rounding


def test_hooks_take_the_keyframe_of_the_step_s_own_noise_level(demo_model: Any) -> None:
    """Upward, downward and again: the same as alone; and the keyframes do something."""
    import comfy.hooks

    model, clip, _ = demo_model
    hooks = comfy.hooks.create_hook_lora(lora=some_lora(model, clip), strength_model=1.0, strength_clip=0.0)
    frames = comfy.hooks.HookKeyframeGroup()
    for strength, start in ((0.0, 0.0), (1.0, 0.5)):
        frames.add(comfy.hooks.HookKeyframe(strength=strength, start_percent=start))
    hooks.set_keyframes_on_hooks(frames)
    positive = comfy.hooks.set_hooks_for_conditioning(encode(clip, "a heart"), hooks)
    wires = {"positive": {"source": positive}}
    order = [1, 900, 300, 900, 1]
    with torch.inference_mode():
        walked = session(model, clip, **wires).run(lambda unet: [eps(unet, "source", timestep=t)[0] for t in order])
        alone = {
            t: session(model, clip, **wires).run(lambda unet, t=t: eps(unet, "source", timestep=t)[0])
            for t in set(order)
        }
        plain = {t: session(model, clip).run(lambda unet, t=t: eps(unet, "source", timestep=t)[0]) for t in set(order)}
    for timestep, predicted in zip(order, walked, strict=True):
        assert torch.equal(predicted, alone[timestep])
    assert torch.equal(alone[900], plain[900])  # strength 0 while there is much noise
    assert not torch.allclose(alone[1], plain[1], atol=1e-3)


def test_a_step_cache_is_left_out_and_said(demo_model: Any, caplog: pytest.LogCaptureFixture) -> None:
    from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode

    model, clip, _ = demo_model
    with torch.inference_mode():
        plain = session(model, clip).run(lambda unet: eps(unet, "source", "uncond"))
        for node, name in ((EasyCacheNode, "easycache"), (LazyCacheNode, "lazycache")):
            caplog.clear()
            cached = node.execute(model, 0.2, 0.15, 0.95, False).result[0]
            under = session(cached, clip).run(
                lambda unet: [eps(unet, "source", "uncond", timestep=t) for t in (1, 501)][-1]
            )
            assert all(torch.equal(a, b) for a, b in zip(plain, under, strict=True))
            assert name in caplog.text and "`model`" in caplog.text
            assert cached.get_all_wrappers("outer_sample")  # the user's own MODEL keeps it


def test_an_unconditional_prompt_that_acts_in_some_steps_only(demo_model: Any) -> None:
    """In the steps that its range leaves out there is nothing to optimise; in the others it is optimised."""
    from single_image_studio.diffusion.ddim import DDIMSchedule
    from single_image_studio.host.conditioning import within
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.reporter import Reporter

    model, clip, _ = demo_model
    settings = InversionSettings(method="null_text", schedule=DDIMSchedule(steps=6))
    with torch.inference_mode():
        prompts = SourcePrompts(source=encode(clip, "a heart"), uncond=within(encode(clip, ""), 0.0, 0.5))
        inversion = invert_pictures(model, {"samples": latents()}, prompts, settings, Reporter())
    embeds, start = inversion.uncond_embeds, encode(clip, "")[0][0]
    assert not torch.equal(embeds[0], start)
    assert all(torch.equal(embeds[i], embeds[i - 1]) for i in (4, 5))  # at little noise it stays as it is


@pytest.mark.parametrize("method", ["negative_prompt"])
def test_an_unconditional_prompt_without_use_has_no_influence(demo_model: Any, method: str) -> None:
    from single_image_studio.diffusion.ddim import DDIMSchedule
    from single_image_studio.host.conditioning import within
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.reporter import Reporter

    model, clip, _ = demo_model
    settings = InversionSettings(method=method, schedule=DDIMSchedule(steps=4))
    noises = []
    with torch.inference_mode():
        for uncond in (encode(clip, ""), within(encode(clip, "a blue star"), 0.2, 0.4)):
            prompts = SourcePrompts(source=encode(clip, "a heart"), uncond=uncond)
            inversion = invert_pictures(model, {"samples": latents()}, prompts, settings, Reporter())
            noises.append((inversion.noise_latents, inversion.uncond_embeds))
    assert all(torch.equal(a, b) for a, b in zip(*noises, strict=True))
