"""SingleInsert's two stages on a small linear model whose results can be worked out, without a host."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from single_image_studio.concept.encoders import build_encoder
from single_image_studio.concept.lora import LoraSet
from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
from single_image_studio.concept.training import Subject, Trained, train_stage1, train_stage2
from single_image_studio.diffusion.process import scaled_linear_alpha_bar
from single_image_studio.diffusion.report import StepReport, Steps, result_of

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
        self.room: int | None = None  # samples that fit
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

    def micro_batch(self, batch: int, reserved: int) -> int:
        self.reserved = reserved
        return batch if self.room is None else min(batch, self.room + (2 if self.checkpointing else 0))

    def free_memory(self, error: BaseException) -> None:
        assert isinstance(error, self.out_of_memory)


def first_draw(model: LinearModel) -> tuple[Tensor, Tensor, Tensor]:
    """What `stage1`'s first step draws, written out again: x0, its timesteps, and the noisy latents."""
    generator = torch.Generator().manual_seed(3)
    x0 = model.draw_latents(4, generator)
    noise = torch.randn(x0.shape, generator=generator)
    t = torch.randint(0, 1000, (4,), generator=generator)
    a = model.alpha_bar[t].view(-1, 1, 1, 1)
    return x0, t, a.sqrt() * x0 + (1 - a).sqrt() * noise


def mask() -> Tensor:
    m = torch.zeros(1, 32, 32)
    m[:, :16] = 1
    return m


PIXELS = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(9))
SUBJECT = Subject(PIXELS, mask())


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
