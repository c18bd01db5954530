"""Gradients inside the host's inference mode, and that nothing is left behind."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.support.errors import InputError

from ..helpers.lora import some_lora
from ..helpers.opened_model import on_model


def backward_once(model: Any, clip: Any, vae: Any, image: Tensor, **options: Any) -> Tensor:
    """A gradient through UNet and text encoder at an embedding of ones."""

    def backward(opened: Any) -> Tensor:
        opened.checkpointing = options.get("checkpointing", False)
        embedding = torch.full((1, 96), 0.1, requires_grad=True)
        x0 = opened.draw_latents(2, torch.Generator().manual_seed(0))
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
        pred = opened.predict_x0(0.5 * x0 + 0.5 * noise, torch.tensor([200, 700]), opened.encode(embedding))
        pred.square().mean().backward()
        assert embedding.grad is not None
        return embedding.grad.clone()

    return on_model((model, clip, vae), image, backward, **options)


def test_gradients_flow_inside_inference_mode(demo_model, concept_picture) -> None:
    grad = backward_once(*demo_model, concept_picture[0])
    assert torch.isfinite(grad).all() and grad.abs().sum() > 0


def test_gradient_is_right(demo_model, concept_picture) -> None:
    """Against a finite difference of the same prediction."""

    def compare(opened: Any) -> tuple[float, float]:
        x = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        t = torch.tensor([500])

        def value(embedding: Tensor) -> Tensor:
            return opened.predict_x0(x, t, opened.encode(embedding)).square().sum()

        start = torch.full((1, 96), 0.1)
        direction = 0.1 * torch.randn(1, 96, generator=torch.Generator().manual_seed(2))
        leaf = start.clone().requires_grad_()
        value(leaf).backward()
        with torch.no_grad():
            h = 1e-2
            difference = (value(start + h * direction) - value(start - h * direction)) / (2 * h)
        return (leaf.grad * direction).sum().item(), difference.item()

    gradient, difference = on_model(demo_model, concept_picture[0], compare, precision="fp32")
    assert gradient == pytest.approx(difference, rel=0.02)


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16", "fp16"])
def test_every_precision_leaves_stock_pictures_their_bits(
    demo_model, concept_picture, stock_picture, precision: str
) -> None:
    before = stock_picture(*demo_model)
    grad = backward_once(*demo_model, concept_picture[0], precision=precision)
    assert torch.isfinite(grad).all()
    assert torch.equal(stock_picture(*demo_model), before)


def test_stock_nodes_before_and_a_lora_on_the_model(demo_model, concept_picture, stock_picture) -> None:
    """LoRA-patched weights are put back as inference tensors: the next training must still work, and the other way
    round."""
    import comfy.sd

    model, clip, vae = demo_model
    lora = some_lora(model, clip)
    with torch.inference_mode():
        patched = comfy.sd.load_lora_for_models(model, clip, lora, 1.0, 1.0)
    plain, styled = stock_picture(model, clip, vae), stock_picture(*patched, vae)
    assert not torch.equal(plain, styled)
    one = backward_once(*patched, vae, concept_picture[0])
    assert torch.equal(stock_picture(model, clip, vae), plain)
    other = backward_once(model, clip, vae, concept_picture[0])
    assert not torch.allclose(one, other)  # the LoRA was on while training
    assert torch.equal(stock_picture(*patched, vae), styled)
    assert torch.equal(stock_picture(model, clip, vae), plain)


class Boom(Exception):
    pass


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt, MemoryError])
def test_an_error_leaves_nothing_behind(demo_model, concept_picture, stock_picture, error: type[BaseException]) -> None:
    import comfy.model_management

    model, clip, vae = demo_model
    before = stock_picture(model, clip, vae)
    training = getattr(comfy.model_management, "in_training", None)

    def fail(opened: Any) -> None:
        opened.checkpointing = True
        opened.encode(torch.ones(1, 96, requires_grad=True))
        raise error

    with contextlib.suppress(error):
        on_model((model, clip, vae), concept_picture[0], fail)
    assert getattr(comfy.model_management, "in_training", None) == training
    unet = model.model.diffusion_model
    assert not any("forward" in m.__dict__ for m in unet.modules())
    assert not any(
        m._forward_pre_hooks or m._forward_hooks for m in [*unet.modules(), *clip.cond_stage_model.modules()]
    )
    assert torch.equal(stock_picture(model, clip, vae), before)


def test_the_hosts_own_cancel_reaches_a_step(demo_model, concept_picture, stock_picture) -> None:
    """The host raises its interrupt inside a layer's forward, also while a checkpoint recomputes."""
    import comfy.model_management as mm

    before = stock_picture(*demo_model)

    def cancelled(opened: Any) -> None:
        opened.checkpointing = True
        embedding = torch.ones(1, 96, requires_grad=True)
        pred = opened.predict_x0(torch.randn(1, 4, 16, 16), torch.tensor([500]), opened.encode(embedding))
        mm.interrupt_current_processing(True)
        try:
            pred.sum().backward()
            from single_image_studio.host.progress import throw_if_cancelled

            throw_if_cancelled()
        finally:
            mm.interrupt_current_processing(False)

    with pytest.raises(mm.InterruptProcessingException):
        on_model(demo_model, concept_picture[0], cancelled)
    assert torch.equal(stock_picture(*demo_model), before)


def test_checkpointing_gives_the_same_gradient(demo_model, concept_picture) -> None:
    plain = backward_once(*demo_model, concept_picture[0])
    checkpointed = backward_once(*demo_model, concept_picture[0], checkpointing=True)
    assert torch.allclose(checkpointed, plain, rtol=1e-4, atol=1e-7)


def test_predictions_are_the_hosts_own(demo_model, concept_picture) -> None:
    """eps and x0 against the bare UNet called as the papers write it."""
    from single_image_studio.diffusion.process import eps_from_x0, x0_from_eps

    @torch.no_grad()
    def compare(opened: Any) -> None:
        latents, t = torch.randn(3, 4, 16, 16), torch.tensor([1, 400, 999])
        context = opened.encode(None)
        x0 = opened.predict_x0(latents, t, context)
        eps = eps_from_x0(latents, x0, opened.alpha_bar[t])
        direct = opened.unet.base.diffusion_model(latents, t.float(), context=context.expand(3, -1, -1))
        assert torch.allclose(eps, direct, rtol=1e-3, atol=2e-3)
        assert torch.allclose(x0, x0_from_eps(latents, direct, opened.alpha_bar[t]), rtol=1e-3, atol=2e-3)

    on_model(demo_model, concept_picture[0], compare, precision="fp32")


def test_encoding_the_class_is_the_stock_encoding(demo_model, concept_picture) -> None:
    import nodes

    with torch.inference_mode():
        stock = nodes.CLIPTextEncode().encode(demo_model[1], "golden heart star")[0][0][0]
    encoded = on_model(demo_model, concept_picture[0], lambda opened: opened.encode(None).detach(), "golden heart star")
    assert torch.equal(encoded, stock)


@pytest.mark.parametrize(
    "word, complaint", [("", "empty"), ("  ", "empty"), ("heart " * 80, "longer"), ("heart " * 75, "longer")]
)
def test_class_words_that_do_not_fit(demo_model, word: str, complaint: str) -> None:
    from single_image_studio.host.text import class_tokens

    with pytest.raises(InputError, match=complaint):
        class_tokens(demo_model[1], word)


def test_the_longest_class_word_fits(demo_model) -> None:
    from single_image_studio.host.text import class_tokens, encode

    tokens = class_tokens(demo_model[1], "heart " * 74)
    assert len(tokens) == 74
    assert encode(demo_model[1], [(torch.ones(96), 1.0), *tokens]).shape == (1, 77, 96)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_every_weight_format_trains_and_keeps_its_bits(
    host, concept_picture, stock_picture, dtype: torch.dtype, precision: str
) -> None:
    """Weights stored as float32, bfloat16 and float16: a short training, then the stock picture has the same bits."""
    import comfy.sd
    import comfy.utils

    weights = host / "models" / "checkpoints" / "sis_demo_sd15.safetensors"
    with torch.inference_mode():
        model, clip, vae = comfy.sd.load_checkpoint_guess_config(
            str(weights), output_vae=True, output_clip=True, model_options={"dtype": dtype}
        )[:3]
    assert {p.dtype for p in model.model.diffusion_model.parameters()} == {dtype}
    before = stock_picture(model, clip, vae, steps=2)
    grad = backward_once(model, clip, vae, concept_picture[0], precision=precision)
    assert torch.isfinite(grad).all() and grad.abs().sum() > 0
    assert {p.dtype for p in model.model.diffusion_model.parameters()} == {dtype}
    assert torch.equal(stock_picture(model, clip, vae, steps=2), before)


def test_a_forward_that_another_pack_has_set_comes_back(demo_model, concept_picture) -> None:
    from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock

    block = next(m for m in demo_model[0].model.diffusion_model.modules() if isinstance(m, ResBlock))
    original = block.forward
    block.forward = own = lambda *args, **kwargs: original(*args, **kwargs)
    try:
        backward_once(*demo_model, concept_picture[0])
        assert block.__dict__["forward"] is own
    finally:
        del block.forward
