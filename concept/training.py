"""SingleInsert's two training stages, on a denoiser that the host injects. Needs only torch.

Differences from the method's public code, on purpose: the UNet is frozen in Stage I; no gradient of Stage I reaches
Stage II; and the embedding that is kept is computed after the last update, not before it.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..diffusion.process import add_noise
from ..losses import background_loss, foreground_loss, semantic_loss
from ..support.errors import InputError
from .lora import LoraSet
from .settings import Stage1Settings, Stage2Settings

OVERFLOWS_ALLOWED = 12  # consecutive skipped fp16 steps: from a scale of 2^16 down to 2^4


class Denoiser(Protocol):
    """What training needs of a model; `host.denoiser.Denoiser` is one."""

    device: torch.device
    alpha_bar: Tensor
    checkpointing: bool

    @property
    def compute_dtype(self) -> torch.dtype: ...
    def predict_x0(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor: ...
    def encode(self, embedding: Tensor | None) -> Tensor: ...
    def draw_latents(self, count: int, generator: torch.Generator) -> Tensor: ...
    def micro_batch(self, batch: int) -> int: ...


@dataclass(frozen=True)
class Draw:
    """A step's random part, drawn for the whole batch before it is split, so that micro-batches change nothing."""

    x0: Tensor
    latents: Tensor
    timesteps: Tensor

    def split(self, size: int) -> Iterator[Draw]:
        yield from (
            Draw(*parts) for parts in zip(self.x0.split(size), self.latents.split(size), self.timesteps.split(size))
        )


@dataclass(frozen=True)
class StepReport:
    """What one finished step shows: the losses of that step and the latents it predicted for the concept."""

    step: int
    steps: int
    losses: dict[str, float]
    x0_pred: Tensor


@dataclass
class Result:
    """embedding: (1, width) float32, CPU. losses: by term, one number a step. encoder_state: to go on from, CPU."""

    embedding: Tensor
    losses: dict[str, list[float]] = field(default_factory=dict)
    encoder_state: dict[str, Tensor] = field(default_factory=dict)
    lora: dict[str, Tensor] = field(default_factory=dict)


OnStep = Callable[[StepReport], None]
Terms = Callable[[Draw, dict[str, Tensor]], Iterator[dict[str, tuple[float, Tensor]]]]


def latent_mask(mask: Tensor, side: torch.Size | tuple[int, int]) -> Tensor:
    """The subject's mask at the latents' resolution, soft values kept: (1, 1, h, w)."""
    return F.interpolate(mask.reshape(1, 1, *mask.shape[-2:]).float(), tuple(side), mode="area")


class Trainer:
    """Optimiser, gradient scaling, micro-batches and guards: what both stages share.

    out_of_memory: the exceptions that mean it. checkpointing: auto, on or off.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        parameters: list[nn.Parameter],
        settings: Stage1Settings | Stage2Settings,
        out_of_memory: tuple[type[BaseException], ...],
        make_room: Callable[[BaseException], None],
    ) -> None:
        self.denoiser = denoiser
        self.parameters = parameters
        self.settings = settings
        self.optimizer = torch.optim.AdamW(
            parameters, lr=settings.learning_rate, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8
        )
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.scaler = torch.amp.GradScaler(denoiser.device.type, enabled=denoiser.compute_dtype == torch.float16)
        denoiser.checkpointing = settings.gradient_checkpointing == "on"
        self.size = denoiser.micro_batch(settings.batch_size)
        if self.size == 1 < settings.batch_size and settings.gradient_checkpointing == "auto":
            denoiser.checkpointing = True
            self.size = denoiser.micro_batch(settings.batch_size)
        self.out_of_memory = out_of_memory
        self.make_room = make_room
        self.losses: dict[str, list[float]] = {}
        self._overflows = 0
        self._x0_pred: Tensor | None = None

    def draw(self) -> Draw:
        """One timestep a sample, uniform over 0…999; the latents are drawn anew from the VAE's posterior."""
        denoiser, count = self.denoiser, self.settings.batch_size
        x0 = denoiser.draw_latents(count, self.generator)
        noise = torch.randn(x0.shape, generator=self.generator).to(x0.device)
        timesteps = torch.randint(0, len(denoiser.alpha_bar), (count,), generator=self.generator).to(x0.device)
        return Draw(x0, add_noise(x0, noise, denoiser.alpha_bar[timesteps]), timesteps)

    def step(self, contexts: Callable[[], dict[str, Tensor]], terms: Terms) -> dict[str, float]:
        """One update. contexts: encodes the prompts, once a step. terms: for a part of the batch, yields groups of
        name -> (weight, mean loss) that share a graph; each group runs backward before the next is computed.

        Raises: InputError when the loss is not a number, or when memory is short even for a single sample.
        """
        draw = self.draw()
        while True:
            try:
                values = self._accumulate(draw, contexts(), terms)
                break
            except self.out_of_memory as error:
                short = error
            self._shrink(short)
        self._update(values)
        return values

    def _accumulate(self, draw: Draw, contexts: dict[str, Tensor], terms: Terms) -> dict[str, float]:
        self.optimizer.zero_grad(set_to_none=True)
        # Each micro-batch ends its graph at a copy of the encoded prompt; the prompt's own graph, with the image
        # encoder in it, then runs backward once.
        leaves = {name: c.detach().requires_grad_(c.requires_grad) for name, c in contexts.items()}
        values: dict[str, float] = {}
        for part in draw.split(self.size):
            share = len(part.x0) / len(draw.x0)
            for group in terms(part, leaves):
                for name, (weight, loss) in group.items():
                    values[name] = values.get(name, 0.0) + share * float(loss.detach())
                    values["loss"] = values.get("loss", 0.0) + share * weight * float(loss.detach())
                total = share * torch.stack([weight * loss for weight, loss in group.values()]).sum()
                self.scaler.scale(total).backward()
        pairs = [(c, leaves[n].grad) for n, c in contexts.items() if leaves[n].grad is not None]
        if pairs:
            torch.autograd.backward([c for c, _ in pairs], [g for _, g in pairs])
        return values

    def _shrink(self, error: BaseException) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        error.__traceback__ = None  # its frames hold the activations
        self.make_room(error)
        if self.size > 1:
            self.size = (self.size + 1) // 2
            logging.warning(
                "Single Image Studio: out of memory; going on with micro-batches of %d, which gives the same result"
                " more slowly.",
                self.size,
            )
        elif self.settings.gradient_checkpointing == "auto" and not self.denoiser.checkpointing:
            self.denoiser.checkpointing = True
            logging.warning("Single Image Studio: out of memory; going on with gradient checkpointing.")
        else:
            raise InputError(
                "out of memory even for a single sample: lower `resolution` of Stage I, set `gradient_checkpointing` to"
                " auto, or close other programs."
            ) from None

    def _update(self, values: dict[str, float]) -> None:
        step = len(self.losses.get("loss", [])) + 1
        if not math.isfinite(values["loss"]) and not self.scaler.is_enabled():
            raise InputError(
                f"the loss became {values['loss']} at step {step}: lower `learning_rate`"
                + self._precision_advice()
                + "."
            )
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if not torch.isfinite(norm):
            self._overflows += 1
            if not self.scaler.is_enabled() or self._overflows > OVERFLOWS_ALLOWED:
                raise InputError(
                    f"the gradients became {float(norm)} at step {step}: lower `learning_rate`"
                    + self._precision_advice()
                    + "."
                )
        else:
            self._overflows = 0
        self.scaler.step(self.optimizer)
        self.scaler.update()
        for name, value in values.items():
            self.losses.setdefault(name, []).append(value)

    def _precision_advice(self) -> str:
        return "" if self.denoiser.compute_dtype == torch.float32 else ", or set `precision` to fp32"

    def report(self, on_step: OnStep, values: dict[str, float], x0_pred: Tensor) -> None:
        on_step(StepReport(len(self.losses["loss"]), self.settings.steps, values, x0_pred))


def _kept(encoder: nn.Module, pixels: Tensor) -> Tensor:
    """What is saved: the embedding after the last update.

    Raises: InputError when it is not finite.
    """
    with torch.no_grad():
        embedding = encoder(pixels).detach().float().to("cpu", copy=True)
    if not torch.isfinite(embedding).all():
        raise InputError("the embedding is not a number after training: lower `learning_rate`.")
    return embedding


def _state(encoder: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().to("cpu", copy=True) for k, v in encoder.state_dict().items()}


def train_stage1(
    denoiser: Denoiser,
    encoder: nn.Module,
    pixels: Tensor,
    mask: Tensor,
    settings: Stage1Settings,
    on_step: OnStep,
    out_of_memory: tuple[type[BaseException], ...] = (MemoryError,),
    make_room: Callable[[BaseException], None] = lambda _: None,
) -> Result:
    """Learns the embedding: L = foreground + gamma · background, the model frozen.

    encoder: pixels -> (1, width); the only thing trained. pixels: (1, 3, H, W) in [0, 1], unmasked. mask: (1, H, W).
    Raises: InputError as `Trainer.step` does.
    """
    encoder, pixels = encoder.to(denoiser.device), pixels.to(denoiser.device)
    trainer = Trainer(
        denoiser, [p for p in encoder.parameters() if p.requires_grad], settings, out_of_memory, make_room
    )
    with torch.no_grad():
        class_context = denoiser.encode(None)
    gamma = settings.background_weight
    latest: dict[str, Tensor] = {}

    def contexts() -> dict[str, Tensor]:
        return {"star": denoiser.encode(encoder(pixels))}

    def terms(part: Draw, leaves: dict[str, Tensor]) -> Iterator[dict[str, tuple[float, Tensor]]]:
        m = latent_mask(mask, part.x0.shape[-2:]).to(part.x0.device)
        x0_class = None
        if gamma:
            with torch.no_grad():
                x0_class = denoiser.predict_x0(part.latents, part.timesteps, class_context)
        x0_star = denoiser.predict_x0(part.latents, part.timesteps, leaves["star"])
        latest["x0"] = x0_star.detach()
        yield _star_terms(x0_star, part.x0, x0_class, m, gamma)

    for _ in range(settings.steps):
        values = trainer.step(contexts, terms)
        trainer.report(on_step, values, latest["x0"])
    return Result(_kept(encoder, pixels), trainer.losses, _state(encoder))


def _star_terms(
    x0_star: Tensor, x0: Tensor, x0_class: Tensor | None, mask: Tensor, gamma: float
) -> dict[str, tuple[float, Tensor]]:
    group = {"foreground": (1.0, foreground_loss(x0_star, x0, mask))}
    if x0_class is not None:
        group["background"] = (gamma, background_loss(x0_star, x0_class, mask))
    return group


def train_stage2(
    denoiser: Denoiser,
    encoder: nn.Module,
    lora: LoraSet,
    pixels: Tensor,
    mask: Tensor,
    settings: Stage2Settings,
    on_step: OnStep,
    out_of_memory: tuple[type[BaseException], ...] = (MemoryError,),
    make_room: Callable[[BaseException], None] = lambda _: None,
) -> Result:
    """Tunes the model: L = foreground + gamma · background + eta · semantic, on the encoder and the LoRA, a new
    optimiser.

    The class target is the frozen UNet's; under `class_text_encoder` "tuned" it reads the tuned text encoder's class
    embedding (Algorithm 1, line 15), under "frozen" the frozen one's.
    Raises: InputError as `Trainer.step` does.
    """
    encoder, lora, pixels = encoder.to(denoiser.device), lora.place(), pixels.to(denoiser.device)
    parameters = [p for p in encoder.parameters() if p.requires_grad] + list(lora.parameters())
    trainer = Trainer(denoiser, parameters, settings, out_of_memory, make_room)
    gamma, eta = settings.background_weight, settings.semantic_weight
    latest: dict[str, Tensor] = {}

    def contexts() -> dict[str, Tensor]:
        encoded = {"star": denoiser.encode(encoder(pixels))}
        if eta:
            encoded["class"] = denoiser.encode(None)
        with torch.no_grad(), lora.off() if settings.class_text_encoder == "frozen" else contextlib.nullcontext():
            encoded["target"] = denoiser.encode(None)
        return encoded

    def terms(part: Draw, leaves: dict[str, Tensor]) -> Iterator[dict[str, tuple[float, Tensor]]]:
        m = latent_mask(mask, part.x0.shape[-2:]).to(part.x0.device)
        x0_class = None
        if gamma or eta:
            with torch.no_grad(), lora.off():
                x0_class = denoiser.predict_x0(part.latents, part.timesteps, leaves["target"])
        x0_star = denoiser.predict_x0(part.latents, part.timesteps, leaves["star"])
        latest["x0"] = x0_star.detach()
        yield _star_terms(x0_star, part.x0, x0_class if gamma else None, m, gamma)
        if eta and x0_class is not None:
            tuned = denoiser.predict_x0(part.latents, part.timesteps, leaves["class"])
            yield {"semantic": (eta, semantic_loss(tuned, x0_class))}

    with lora.attached():
        for _ in range(settings.steps):
            values = trainer.step(contexts, terms)
            trainer.report(on_step, values, latest["x0"])
        embedding = _kept(encoder, pixels)
    weights = lora.kohya()
    if not all(torch.isfinite(w).all() for w in weights.values()):
        raise InputError("the LoRA is not a number after training: lower `learning_rate`.")
    return Result(embedding, trainer.losses, _state(encoder), weights)
