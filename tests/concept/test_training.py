"""The two training stages on a small linear model whose results can be worked out, without a host."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from single_image_studio.concept.encoders import build_encoder
from single_image_studio.concept.lora import LoraSet
from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
from single_image_studio.concept.training import Subject, Trained, latent_mask, train_stage1, train_stage2
from single_image_studio.diffusion.process import scaled_linear_alpha_bar
from single_image_studio.diffusion.report import StepReport, Steps, result_of
from single_image_studio.support import warnings
from single_image_studio.support.errors import InputError
from single_image_studio.support.warnings import Warned

WIDTH = 6


class LinearModel:
    """x0 = the context's mean through a linear layer, spread over the picture, plus a little of the noisy latents."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(0)
        self.device = torch.device("cpu")
        self.alpha_bar = scaled_linear_alpha_bar()
        self.checkpointing = False
        self.unet = nn.Linear(WIDTH, 4).requires_grad_(False)
        self.text = nn.Linear(WIDTH, WIDTH, bias=False).requires_grad_(False)
        for layer in (self.unet, self.text):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
        self.unet.bias.zero_()
        self.class_row = torch.randn(1, WIDTH, generator=generator)
        self.picture = torch.randn(1, 4, 4, 4, generator=generator)
        self.dtype = dtype
        self.calls: list[int] = []
        self.read: list[tuple[bool, str]] = []  # whether the concept was in it, and the prompt
        self.words = {"* at sea": torch.randn(1, WIDTH, generator=generator)}
        self.fail_over: int | None = None
        self.out_of_memory = (MemoryError,)

    @property
    def compute_dtype(self) -> torch.dtype:
        return self.dtype

    def predict_x0(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        self.calls.append(len(latents))
        if self.fail_over is not None and len(latents) > self.fail_over and not self.checkpointing:
            raise MemoryError("too many at once")
        assert timesteps.dtype == torch.int64 and int(timesteps.min()) >= 0 and int(timesteps.max()) < 1000
        return self.unet(context.mean(1))[:, :, None, None].expand(len(latents), -1, *latents.shape[2:]) + 0.1 * latents

    def encode(self, embedding: Tensor | None, prompt: str = "*") -> Tensor:
        rows = self.class_row if embedding is None else torch.cat([embedding, self.class_row])
        self.read.append((embedding is not None, prompt))
        return self.text(rows + self.words.get(prompt, 0))[None]

    def draw_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return self.picture.repeat(count, 1, 1, 1) + 0.01 * torch.randn(count, 4, 4, 4, generator=generator)

    def micro_batch(self, batch: int) -> int:
        return batch

    def free_memory(self, error: BaseException) -> None:
        assert isinstance(error, MemoryError)


def mask() -> Tensor:
    m = torch.zeros(1, 32, 32)
    m[:, :16] = 1
    return m


def stage1(
    model: LinearModel, steps: int = 30, reports: list[StepReport] | None = None, start: float = 3.0, **changes: Any
):  # type: ignore[no-untyped-def]
    settings = Stage1Settings(
        **{
            "class_word": "thing",
            "steps": steps,
            "batch_size": 4,
            "learning_rate": 0.05,
            "encoder": "none",
            "seed": 3,
            **changes,
        }
    )
    encoder = build_encoder("none", WIDTH, settings.seed, torch.full((1, WIDTH), start))
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(9))
    return followed(train_stage1(model, encoder, Subject(pixels, mask()), settings), reports)


def followed(algorithm: Steps[Trained], reports: list[StepReport] | None) -> Trained:
    """The algorithm's result, its reports kept."""
    while True:
        try:
            report = next(algorithm)
        except StopIteration as end:
            return end.value
        if reports is not None:
            reports.append(report)


def stage2(model: LinearModel, start: Tensor, steps: int = 20, **changes: Any):  # type: ignore[no-untyped-def]
    settings = Stage2Settings(**{"steps": steps, "batch_size": 4, "learning_rate": 0.005, "seed": 3, **changes})
    encoder = build_encoder("none", WIDTH, 0, start)
    targets, generator = {"unet": model.unet, "text": model.text}, torch.Generator().manual_seed(settings.seed)
    lora = LoraSet(targets, settings.rank, generator, settings.lora_basis == "orthogonal")
    subject = Subject(torch.rand(1, 3, 32, 32), mask())
    return result_of(train_stage2(model, encoder, lora, subject, settings)), lora


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
    generator = torch.Generator().manual_seed(3)
    x0 = model.draw_latents(4, generator)
    noise = torch.randn(x0.shape, generator=generator)
    t = torch.randint(0, 1000, (4,), generator=generator)
    a = model.alpha_bar[t].view(-1, 1, 1, 1)
    latents = a.sqrt() * x0 + (1 - a).sqrt() * noise
    embedding = torch.zeros(1, WIDTH, requires_grad=True)
    star = model.predict_x0(latents, t, model.encode(embedding))
    frozen = model.predict_x0(latents, t, model.encode(None)).detach()
    m = torch.zeros(1, 1, 4, 4)
    m[:, :, :2] = 1
    fg, bg = (m * (star - x0) ** 2).mean(), ((1 - m) * (star - frozen) ** 2).mean()
    assert result.losses["foreground"][0] == pytest.approx(fg.item(), rel=1e-5)
    assert result.losses["background"][0] == pytest.approx(bg.item(), rel=1e-5)
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


TWO_PROMPTS = "*\n* at sea"


def test_each_step_reads_one_of_the_training_prompts() -> None:
    model = LinearModel()
    stage1(model, training_prompts=TWO_PROMPTS)
    with_concept = [prompt for concept, prompt in model.read if concept]
    assert len(with_concept) == 30 and set(with_concept) == {"*", "* at sea"}
    assert sorted(prompt for concept, prompt in model.read if not concept) == ["*", "* at sea"]  # constants


def test_under_a_training_prompt_the_background_is_the_prompts_own() -> None:
    """One step under "class at sea", written out again: concept and target read these words."""
    model = LinearModel()
    result = stage1(model, steps=1, start=0.0, training_prompts="* at sea")
    generator = torch.Generator().manual_seed(3)
    x0 = model.draw_latents(4, generator)
    noise = torch.randn(x0.shape, generator=generator)
    t = torch.randint(0, 1000, (4,), generator=generator)
    a = model.alpha_bar[t].view(-1, 1, 1, 1)
    latents = a.sqrt() * x0 + (1 - a).sqrt() * noise
    star, frozen = (model.predict_x0(latents, t, model.encode(e, "* at sea")) for e in (torch.zeros(1, WIDTH), None))
    below = torch.zeros(1, 1, 4, 4)
    below[:, :, 2:] = 1
    assert result.losses["background"][0] == pytest.approx((below * (star - frozen) ** 2).mean().item(), rel=1e-5)
    foreground = ((1 - below) * (star - x0) ** 2).mean().item()
    assert result.losses["foreground"][0] == pytest.approx(foreground, rel=1e-5)
    assert result.losses["foreground"][0] != pytest.approx(stage1(LinearModel(), 1, start=0.0).losses["foreground"][0])


def test_stage2_reads_the_class_word_under_the_same_prompt() -> None:
    model = LinearModel()
    stage2(model, torch.ones(1, WIDTH), training_prompts=TWO_PROMPTS)
    steps = [model.read[i : i + 3] for i in range(0, len(model.read), 3)]
    assert all(len({prompt for _, prompt in step}) == 1 for step in steps) and len(steps) == 20
    assert {step[0][1] for step in steps} == {"*", "* at sea"}


def test_a_step_that_is_tried_again_keeps_its_prompt() -> None:
    short = LinearModel()
    short.fail_over = 1
    whole = stage1(LinearModel(), training_prompts=TWO_PROMPTS)
    assert torch.allclose(whole.embedding, stage1(short, training_prompts=TWO_PROMPTS).embedding, atol=1e-4)


def test_an_orthogonal_basis_stays_as_it_is() -> None:
    result, lora = stage2(LinearModel(), torch.ones(1, WIDTH), lora_basis="orthogonal", rank=2)
    _, untrained = stage2(LinearModel(), torch.ones(1, WIDTH), steps=1, lora_basis="orthogonal", rank=2)
    for name, layer in lora.layers.items():
        down = result.lora[f"{name}.lora_down.weight"]
        assert torch.equal(down, untrained.layers[name].down)
        assert layer.up.abs().sum() > 0


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
