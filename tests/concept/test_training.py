"""The two training stages on a small linear model whose results can be worked out, without a host."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from single_image_studio.concept.encoders import build_encoder
from single_image_studio.concept.lora import LoraSet
from single_image_studio.concept.settings import Stage2Settings
from single_image_studio.concept.training import Subject, latent_mask, train_stage2
from single_image_studio.diffusion.report import StepReport
from single_image_studio.support import warnings
from single_image_studio.support.errors import InputError
from single_image_studio.support.warnings import Warned

from ..helpers.linear_model import WIDTH, LinearModel, first_draw, mask, stage1, stage2


def test_stage1_learns_and_reports_every_step() -> None:
    reports: list[StepReport] = []
    result = stage1(LinearModel(), reports=reports)
    assert [r.step for r in reports] == list(range(1, 31))
    assert set(result.losses) == {"loss", "foreground", "background"}
    assert all(len(v) == 30 for v in result.losses.values())
    assert sum(result.losses["loss"][-5:]) < sum(result.losses["loss"][:5])
    for loss, fg, bg in zip(*(result.losses[k] for k in ("loss", "foreground", "background"))):
        assert loss == pytest.approx(fg + bg)


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    one, two, other = stage1(LinearModel()), stage1(LinearModel()), stage1(LinearModel(), seed=4)
    assert torch.equal(one.embedding, two.embedding) and one.losses == two.losses
    assert not torch.equal(one.embedding, other.embedding)


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    first, second = LinearModel(), LinearModel()  # torch's own initialisation draws from it
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = stage1(first)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(stage1(second).embedding, one.embedding)


def test_first_step_is_the_papers_equations() -> None:
    """One step's losses and update, written out again from the equations."""
    model = LinearModel()
    result = stage1(model, steps=1, start=0.0, background_weight=0.5)
    x0, t, latents = first_draw(model)
    embedding = torch.zeros(1, WIDTH, requires_grad=True)
    star = model.predict_x0(latents, t, model.encode(embedding))
    frozen = model.predict_x0(latents, t, model.encode(None)).detach()
    m = torch.zeros(1, 1, 4, 4)
    m[:, :, :2] = 1
    fg, bg = (m * (star - x0) ** 2).mean(), ((1 - m) * (star - frozen) ** 2).mean()
    assert result.losses["foreground"][0] == pytest.approx(fg.item(), rel=1e-5)
    assert result.losses["background"][0] == pytest.approx(bg.item(), rel=1e-5)
    assert result.class_alone == [pytest.approx((m * (frozen - x0) ** 2).mean().item(), rel=1e-5)]
    (fg + 0.5 * bg).backward()
    grad = embedding.grad
    assert grad is not None
    grad = grad * min(1.0, 1.0 / (grad.norm().item() + 1e-6))
    # Adam's first update is the sign of the gradient, up to eps; weight decay acts on zeros
    expected = -0.05 * grad / (grad.abs() + 1e-8)
    assert torch.allclose(result.embedding, expected, atol=1e-5)


def test_micro_batches_change_nothing() -> None:
    whole = stage1(LinearModel())
    short = LinearModel()
    short.fail_over = 1
    with warnings.collecting("Stage I") as warned:
        split = stage1(short)
    assert warned[-1] == Warned("micro_batches", {"size": 1})
    assert max(short.calls[-8:]) == 1
    assert torch.allclose(whole.embedding, split.embedding, atol=1e-4)
    assert whole.losses["loss"] == pytest.approx(split.losses["loss"], rel=1e-4)


def test_the_optimisers_memory_is_told_before_it_exists() -> None:
    model = LinearModel()
    stage1(model, steps=1)
    assert model.reserved == 2 * WIDTH * 4  # two moments of a word, float32


@pytest.mark.parametrize(("wanted", "size", "checkpointing"), [("auto", 2, True), ("off", 1, False), ("on", 2, True)])
def test_checkpointing_is_for_when_not_one_sample_fits(wanted: str, size: int, checkpointing: bool) -> None:
    model = LinearModel()
    model.room = 0
    stage1(model, steps=1, gradient_checkpointing=wanted)
    assert max(model.calls) == size and model.checkpointing is checkpointing


def test_one_that_fits_is_not_recomputed() -> None:
    model = LinearModel()
    model.room = 1
    stage1(model, steps=1)
    assert max(model.calls) == 1 and not model.checkpointing


def test_checkpointing_comes_on_when_one_sample_is_too_much() -> None:
    short = LinearModel()
    short.fail_over = 0
    with warnings.collecting("Stage I") as warned:
        assert torch.allclose(stage1(short).embedding, stage1(LinearModel()).embedding, atol=1e-4)
    assert warned[-1] == Warned("checkpointing")
    assert short.checkpointing


def test_out_of_memory_for_good_says_what_to_change() -> None:
    short = LinearModel()
    short.fail_over = 0
    with pytest.raises(InputError, match="resolution"):
        stage1(short, gradient_checkpointing="off")


def test_a_first_loss_that_is_not_a_number_is_the_models() -> None:
    model = LinearModel()
    model.picture[0, 0, 0, 0] = math.nan
    with pytest.raises(InputError, match=r"`model` makes the loss nan before anything is learned: load another"):
        stage1(model)


def test_a_loss_that_becomes_none_is_the_learning_rates() -> None:
    class Broken(LinearModel):
        def predict_x0(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
            return super().predict_x0(latents, timesteps, context) * (math.nan if len(self.calls) > 4 else 1)

    with pytest.raises(InputError, match=r"the loss became nan at step 3: lower `learning_rate`\.$"):
        stage1(Broken(), steps=9)


def test_half_precision_overflow_is_skipped_then_stopped() -> None:
    model = LinearModel(torch.float16)
    model.picture *= 1e30  # finite in float32, not when squared
    with pytest.raises(InputError, match="`model` makes the gradients .*set `precision` to fp32"):
        stage1(model, steps=100)


def test_what_is_kept_is_the_embedding_after_the_last_update() -> None:
    result = stage1(LinearModel())
    rebuilt = build_encoder("none", WIDTH, 0, torch.zeros(1, WIDTH))
    rebuilt.load_state_dict(result.encoder_state)
    assert torch.equal(rebuilt(torch.zeros(1, 3, 8, 8)).detach(), result.embedding)


def test_without_background_weight_the_class_is_never_predicted() -> None:
    model = LinearModel()
    result = stage1(model, steps=5, background_weight=0.0)
    assert set(result.losses) == {"loss", "foreground"}
    assert len(model.calls) == 5


def test_stage2_trains_both_and_freezes_the_model() -> None:
    model = LinearModel()
    before = model.unet.weight.clone(), model.text.weight.clone()
    start = stage1(model).embedding
    result, lora = stage2(model, start)
    assert set(result.losses) == {"loss", "foreground", "background", "semantic"}
    assert result.losses["semantic"][0] == pytest.approx(0, abs=1e-12)  # the LoRA starts as nothing
    assert result.losses["semantic"][-1] > 0
    assert sum(result.losses["loss"][-5:]) < sum(result.losses["loss"][:5])
    assert not torch.equal(result.embedding, start)
    assert all(layer.up.abs().sum() > 0 for layer in lora.layers.values())
    assert torch.equal(model.unet.weight, before[0]) and torch.equal(model.text.weight, before[1])
    assert not model.unet._forward_hooks and not model.text._forward_hooks


def test_stage2_same_seed_same_bits() -> None:
    start = torch.ones(1, WIDTH)
    one, two = stage2(LinearModel(), start)[0], stage2(LinearModel(), start)[0]
    assert all(torch.equal(v, two.lora[k]) for k, v in one.lora.items())
    other = stage2(LinearModel(), start, seed=8)[0]
    assert not torch.equal(one.lora["unet.lora_down.weight"], other.lora["unet.lora_down.weight"])


def test_semantic_loss_holds_the_class_still() -> None:
    def drift(eta: float) -> float:
        model = LinearModel()
        # with the tuned text encoder's target, the paper's, the text encoder itself is free to drift
        _, lora = stage2(model, torch.ones(1, WIDTH), steps=60, semantic_weight=eta, class_text_encoder="frozen")
        with torch.no_grad():
            plain = model.unet(model.encode(None).mean(1))
            with lora.attached():
                return float(F.mse_loss(model.unet(model.encode(None).mean(1)), plain))

    assert drift(10.0) < 0.5 * drift(0.0)


def test_frozen_text_encoder_for_the_class_target() -> None:
    start = torch.ones(1, WIDTH)
    tuned, frozen = (stage2(LinearModel(), start, class_text_encoder=c)[0] for c in ("tuned", "frozen"))
    assert tuned.losses["semantic"][0] == pytest.approx(frozen.losses["semantic"][0])
    assert tuned.losses["semantic"][-1] != pytest.approx(frozen.losses["semantic"][-1])


def test_cancelling_leaves_no_hooks() -> None:
    model = LinearModel()
    lora = LoraSet({"unet": model.unet}, 2, torch.Generator())
    encoder = build_encoder("none", WIDTH, 0, torch.zeros(1, WIDTH))
    subject = Subject(torch.rand(1, 3, 32, 32), mask())
    steps = train_stage2(model, encoder, lora, subject, Stage2Settings(steps=3))
    next(steps)
    assert model.unet._forward_hooks
    steps.close()
    assert not model.unet._forward_hooks


def test_latent_mask_keeps_soft_values() -> None:
    m = torch.zeros(1, 16, 16)
    m[:, :4] = 1
    assert latent_mask(m, (2, 2)).flatten().tolist() == [0.5, 0.5, 0.0, 0.0]
