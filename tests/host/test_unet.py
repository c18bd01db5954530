"""Algorithms inside the host's sampling: what hangs on a conditioning survives, and nothing is left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from single_image_studio.support.errors import InputError

from ..helpers.conditionings import Conditioning, controlnet, encode, with_options

T = TypeVar("T")
TIMESTEPS = [981, 501, 1]


def latents(height: int = 16, width: int = 16, pictures: int = 1) -> Tensor:
    return torch.randn(pictures, 4, height, width, generator=torch.Generator().manual_seed(4))


def predict(
    model: Any, positive: dict[str, Conditioning], negative: dict[str, Conditioning], z: Tensor, timestep: int = 501
) -> dict[str, Tensor]:
    """One prediction for each named conditioning, in the executor's inference mode."""

    def work(unet: Any) -> dict[str, Tensor]:
        t = torch.full((len(z),), timestep)
        return dict(zip(unet.prompts, unet.predict_eps(z, t, list(unet.prompts.values())), strict=True))

    return in_session(work, model=model, positive=positive, negative=negative, shape=z.shape, precision="fp32")


def in_session(work: Callable[[Any], T], **wires: Any) -> T:
    """`work` with the opened UNet, inside inference mode as the executor has it."""
    from single_image_studio.host.session import UnetSession

    with torch.inference_mode():
        return UnetSession(**{"shape": latents().shape, "timesteps": TIMESTEPS, **wires}).run(work)


def stock_eps(model: Any, positive: Conditioning, negative: Conditioning, z: Tensor, timestep: int = 501) -> Tensor:
    """The same prediction by the stock sampler at cfg 1: one euler step from a noise level to none ends at the
    predicted x0."""
    import comfy.sample
    import comfy.samplers

    sigma = model.get_model_object("model_sampling").sigmas[timestep].clone().float()
    x = z * (1 + sigma**2).sqrt()
    with torch.inference_mode():
        guider = comfy.samplers.CFGGuider(model)
        guider.set_conds(positive, negative)
        guider.set_cfg(1.0)
        format_ = model.model.latent_format
        out = guider.sample(
            torch.zeros_like(x),
            format_.process_out(x),
            comfy.samplers.sampler_object("euler"),
            torch.stack([sigma, torch.zeros(())]),
            disable_pbar=True,
        )
        x0 = format_.process_in(out)
    return (x - x0) / sigma


@pytest.fixture
def extras(demo_model) -> dict[str, dict[str, Any]]:
    mask = torch.zeros(1, 16, 16)
    mask[:, :, 8:] = 1
    return {
        "mask": {"mask": mask, "mask_strength": 1.0, "set_area_to_bounds": False},
        "area": {"area": (8, 12, 4, 2), "strength": 1.0},
        "range on": {"start_percent": 0.0, "end_percent": 1.0},
        "control": {"control": controlnet(demo_model[0]), "control_apply_to_uncond": False},
    }


@pytest.mark.parametrize("kind", ["mask", "area", "range on", "control"])
def test_what_hangs_on_a_conditioning_acts_as_in_the_stock_sampler(demo_model, extras, kind: str) -> None:
    """Alone, and beside a plain entry for the rest of the picture."""
    model, clip, _ = demo_model
    z, negative = latents(), encode(clip, "")
    plain, special = (
        encode(clip, "a red heart"),
        with_options(encode(clip, "a blue star on a white background"), **extras[kind]),
    )
    for positive in (special, [*plain, *special]):
        ours = predict(model, {"source": positive}, {"uncond": negative}, z)["source"]
        torch.testing.assert_close(ours, stock_eps(model, positive, negative, z), rtol=1e-3, atol=1e-4)
    bare = predict(model, {"source": encode(clip, "a blue star on a white background")}, {"uncond": negative}, z)[
        "source"
    ]
    if kind != "range on":
        assert not torch.allclose(
            predict(model, {"source": special}, {"uncond": negative}, z)["source"], bare, atol=1e-3
        ), "it must do something here"


@pytest.mark.parametrize("kind", ["mask", "area", "control"])
def test_gradients_reach_the_embedding_through_it(demo_model, extras, kind: str) -> None:
    model, clip, _ = demo_model
    z = latents()

    def work(unet: Any) -> Tensor:
        leaf = unet.prompts["uncond"].context.clone().requires_grad_()
        with torch.enable_grad():
            (eps,) = unet.predict_eps(z, torch.tensor([501]), [unet.prompts["uncond"].with_context(leaf)])
            eps.square().mean().backward()
        return leaf.grad

    positive = {"source": encode(clip, "a heart")}
    negative = {"uncond": with_options(encode(clip, ""), **extras[kind])}
    grad = in_session(work, model=model, positive=positive, negative=negative, gradients=True)
    assert torch.isfinite(grad).all() and grad.abs().sum() > 0


def test_several_prompts_in_one_pass_are_as_alone(demo_model) -> None:
    model, clip, _ = demo_model
    source, target, uncond = encode(clip, "a heart"), encode(clip, "a blue star " * 30), encode(clip, "")
    assert target[0][0].shape[1] > 77
    z = latents(13, 21, pictures=2)
    together = predict(model, {"source": source, "target": target}, {"uncond": uncond}, z)
    for name, conditioning in (("source", source), ("target", target), ("uncond", uncond)):
        alone = predict(model, {name: conditioning}, {}, z)[name]
        torch.testing.assert_close(together[name], alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("with_gradients", [True, False])
def test_nothing_is_left_behind(
    demo_model, extras, stock_picture, error: type[BaseException] | None, with_gradients: bool
) -> None:
    model, clip, vae = demo_model
    before = stock_picture(model, clip, vae)

    def work(unet: Any) -> None:
        unet.checkpointing = True
        unet.predict_eps(latents(), torch.tensor([501]), list(unet.prompts.values()))
        if error is not None:
            raise error

    positive = {"source": with_options(encode(clip, "a heart"), **extras["control"])}
    negative = {"uncond": encode(clip, "")}
    with torch.inference_mode(), pytest.raises(error) if error else contextlib.nullcontext():
        in_session(work, model=model, positive=positive, negative=negative, gradients=with_gradients)
        assert torch.is_inference_mode_enabled()
    assert torch.equal(stock_picture(model, clip, vae), before)


def test_ranges_decide_by_the_timestep_of_each_sample(demo_model) -> None:
    """The host reads a batch's range off its first timestep; here each sample has its own."""
    from single_image_studio.host.conditioning import within

    model, clip, _ = demo_model
    early, late = within(encode(clip, "a heart"), 0.0, 0.5), within(encode(clip, "a blue star"), 0.5, 1.0)
    z = latents(pictures=2)

    def work(unet: Any) -> Tensor:
        return unet.predict_eps(z, torch.tensor([900, 100]), [unet.prompts["source"]])[0]

    mixed = in_session(work, model=model, positive={"source": [*early, *late]}, shape=z.shape, precision="fp32")
    torch.testing.assert_close(
        mixed[:1], predict(model, {"s": encode(clip, "a heart")}, {}, z[:1], 900)["s"], rtol=1e-3, atol=1e-4
    )
    torch.testing.assert_close(
        mixed[1:], predict(model, {"s": encode(clip, "a blue star")}, {}, z[1:], 100)["s"], rtol=1e-3, atol=1e-4
    )


def test_within_keeps_ranges_that_are_there(demo_model) -> None:
    from single_image_studio.host.conditioning import within

    conditioning = with_options(encode(demo_model[1], "a heart"), start_percent=0.2, end_percent=0.6)
    (entry,) = within(conditioning, 0.4, 1.0)
    assert (entry[1]["start_percent"], entry[1]["end_percent"]) == (0.4, 0.6)
    assert within(conditioning, 0.7, 1.0) == []


def test_a_batch_is_taken_apart(demo_model) -> None:
    from single_image_studio.host.conditioning import picture_of

    control = controlnet(demo_model[0])
    control.cond_hint_original = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 3, 8, 8)
    conditioning = [
        [
            torch.arange(3.0).view(3, 1, 1).expand(3, 77, 96),
            {"mask": torch.arange(3.0).view(3, 1, 1).expand(3, 16, 16), "control": control, "strength": 0.5},
        ]
    ]
    ((embedding, options),) = picture_of(conditioning, 1, 3)
    assert (
        embedding.unique() == 1
        and options["mask"].unique() == 1
        and options["control"].cond_hint_original.unique() == 1
        and options["strength"] == 0.5
    )
    assert control.cond_hint_original.shape[0] == 3, "the wire's own is not changed"


def test_prompts_of_different_length_are_aligned(demo_model) -> None:
    from single_image_studio.host.conditioning import aligned

    short, long = encode(demo_model[1], "a heart"), encode(demo_model[1], "a blue star " * 40)
    repeated, context = aligned(short, long, "source")
    assert repeated[0][0].shape == context.shape == long[0][0].shape
    assert torch.equal(repeated[0][0][:, :77], short[0][0]) and torch.equal(repeated[0][0][:, 77:154], short[0][0])
    repeated, context = aligned([*short, *short], short, "source")
    assert context.shape[1] == 154
    with pytest.raises(InputError, match="`optimized` has 3 parts"):
        aligned([*short, *short], [*short, *short, *short], "optimized")


@pytest.mark.parametrize(
    ("conditioning", "sentence"),
    [
        ([], "`source` is empty"),
        ([[None, {}]], "`source` holds no text embedding"),
        (
            [[torch.zeros(1, 77, 768), {}]],
            "`source` seems to be made for Stable Diffusion 1.x, and `model` cannot read it",
        ),
        ([[torch.full((1, 77, 96), float("nan")), {}]], "`source` holds numbers that are not finite"),
    ],
)
def test_conditionings_that_cannot_be_used(demo_model, conditioning: Conditioning, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        predict(demo_model[0], {"source": conditioning}, {}, latents())


def test_a_patch_of_the_guidance_is_said(demo_model, caplog) -> None:
    model, clip, _ = demo_model
    model.set_model_sampler_post_cfg_function(lambda args: args["denoised"])
    predict(model, {"source": encode(clip, "a heart")}, {}, latents())
    assert "patch of the guidance" in caplog.text


def test_ranges_and_embeddings_of_each_picture(demo_model) -> None:
    """A batch with ranges, a timestep and embeddings of its own for each picture: as each alone."""
    from single_image_studio.host.conditioning import within

    model, clip, _ = demo_model
    z = latents(pictures=2)
    ranged = [*within(encode(clip, "a heart"), 0.0, 0.5), *within(encode(clip, "a blue star"), 0.5, 1.0)]
    noise = torch.randn(2, 154, 96, generator=torch.Generator().manual_seed(1))

    def work(unet: Any) -> tuple[Tensor, list[Tensor]]:
        prompt, times = unet.prompts["source"].with_context(noise), torch.tensor([900, 100])
        together = unet.predict_eps(z, times, [prompt])[0]
        alone = [unet.predict_eps(z[i : i + 1], times[i : i + 1], [prompt.of_picture(i)])[0] for i in range(2)]
        return together, alone

    together, alone = in_session(work, model=model, positive={"source": ranged}, shape=z.shape, precision="fp32")
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)
