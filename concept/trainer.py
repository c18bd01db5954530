"""The training loop that both stages share: optimiser, gradient scaling, micro-batches, guards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ..diffusion.pace import RATE_SCHEDULES, TIMESTEPS
from ..diffusion.process import add_noise
from ..diffusion.report import StepReport, Steps
from ..support.errors import InputError
from ..support.finite import OTHER_WEIGHTS
from ..support.out_of_memory import require_out_of_memory
from ..support.warnings import warn
from .model import ConceptModel
from .optimizer import Adam
from .settings import StageSettings

OVERFLOWS_ALLOWED = 12  # consecutive skipped fp16 steps: from a scale of 2^16 down to 2^4
WORTH_MOVING = 16 * 2**20  # bytes: fewer running means than this make room for nothing
LossHistory = dict[str, list[float]]


@dataclass(frozen=True)
class Batch:
    """A step's random part, drawn for the whole batch before it is split, so that micro-batches change nothing.

    x0, latents: (B, 4, h, w), the picture's latents and the same with noise. timesteps: (B,) int64. prompt: the
    step's, with * for the phrase.
    """

    x0: Tensor
    latents: Tensor
    timesteps: Tensor
    prompt: str

    def split(self, size: int) -> Iterator[Batch]:
        for start in range(0, len(self.x0), size):
            part = slice(start, start + size)
            yield Batch(self.x0[part], self.latents[part], self.timesteps[part], self.prompt)


class Stage(Protocol):
    """What is learned, and from which losses.

    parameters: all that the optimiser changes. modules: what they are of, by name, with all that is kept of them.
    weights: of each loss term in the total.
    notes: numbers noted beside the losses of a step, by name, one a batch that `losses` was given, () each.
    x0_pred: the newest clean latents predicted for the concept, to show.
    """

    parameters: list[nn.Parameter]
    modules: nn.ModuleDict
    weights: dict[str, float]
    notes: dict[str, list[Tensor]]
    x0_pred: Tensor | None

    def encode(self, prompt: str) -> dict[str, Tensor]:
        """The encodings that a step needs, with gradients where they are learned. prompt: * is the phrase's place."""
        ...

    def losses(self, batch: Batch, prompts: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """Mean losses by term, in groups that share a graph; each group runs backward before the next is computed."""
        ...


class Trainer:
    """Trains a stage on a model.

    drawn: the generator's state after the last whole step, while the weights are as that step left them; None during
    an update. The two together, with the optimiser's, are what a training can be gone on from.
    history, notes: of each loss term, and of what the stage notes, one number a step.
    overflows: consecutive skipped fp16 steps. has_learned: whether one was not.
    """

    def __init__(self, model: ConceptModel, stage: Stage, settings: StageSettings) -> None:
        self.model, self.stage, self.settings = model, stage, settings
        self.optimizer = Adam(stage.parameters, settings.learning_rate)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.scaler = torch.amp.GradScaler(model.device.type, enabled=model.compute_dtype == torch.float16)
        model.checkpointing = settings.gradient_checkpointing == "on"
        self.size = self._micro_batch()
        self.history: LossHistory = {}
        self.notes: LossHistory = {name: [] for name in stage.notes}
        self.drawn: Tensor | None = self.generator.get_state()
        self.overflows = 0
        self.has_learned = False

    @property
    def done(self) -> int:
        """How many steps."""
        return len(self.history.get("loss", []))

    def _micro_batch(self) -> int:
        """How many samples to take at once. Where not one would fit, the optimiser's running means leave the device,
        which costs nothing but their way; then, if it is allowed, blocks are recomputed."""
        size = self._fitting()
        if size == 0 and self._can_free_moments():
            self.optimizer.keep_moments_in_ram()
            size = self._fitting()
        if size == 0 and self.settings.gradient_checkpointing == "auto":
            self.model.checkpointing = True
            size = self._fitting()
        return max(1, size)

    def _fitting(self) -> int:
        """How many samples are likely to fit. Gradients of the image encoder come when the UNet's graph has gone."""
        reserved = 0 if self.optimizer.moments_in_ram else self.optimizer.moment_bytes
        return self.model.micro_batch(self.settings.batch_size, reserved)

    def _can_free_moments(self) -> bool:
        return not self.optimizer.moments_in_ram and self.optimizer.moment_bytes >= WORTH_MOVING

    def steps(self) -> Steps[LossHistory]:
        """All updates that are left. Returns every loss term's history, one number a step.

        Raises: InputError when a loss or a gradient is not finite, or when memory is short even for a single sample.
        """
        for done in range(self.done + 1, self.settings.steps + 1):
            losses = self.step()
            yield StepReport("learning", done, self.settings.steps, losses=losses, latents=self.stage.x0_pred)
        return self.history

    def step(self) -> dict[str, float]:
        """One update. Returns the losses, each term's own and "loss", their weighted sum. Raises as `steps`."""
        batch = self.draw()
        while True:
            try:
                losses = self._accumulate(batch)
                break
            except self.model.out_of_memory as error:
                require_out_of_memory(error)
                short = error
            self._shrink(short)
        self._update(losses)
        return losses

    def draw(self) -> Batch:
        """One timestep a sample, as the settings have it, and one prompt; the latents are drawn anew from the VAE's
        posterior."""
        model, count = self.model, self.settings.batch_size
        x0 = model.draw_latents(count, self.generator)
        noise = torch.randn(x0.shape, generator=self.generator).to(x0.device)
        levels = len(model.alpha_bar)
        draw = TIMESTEPS[self.settings.timesteps](count, levels, self.generator)
        timesteps = next(draw).to(x0.device)
        return Batch(x0, add_noise(x0, noise, model.alpha_bar[timesteps]), timesteps, self._draw_prompt())

    def _draw_prompt(self) -> str:
        """One of the training's. Of a single one nothing is drawn: concepts learned before keep their numbers."""
        prompts = self.settings.prompts
        drawn = int(torch.randint(0, len(prompts), (1,), generator=self.generator)) if len(prompts) > 1 else 0
        return prompts[drawn]

    def _accumulate(self, batch: Batch) -> dict[str, float]:
        self.optimizer.zero_grad(set_to_none=True)
        for noted in self.stage.notes.values():
            noted.clear()
        prompts = self.stage.encode(batch.prompt)
        # Each micro-batch ends its graph at a copy of the encoded prompt; the prompt's own graph, with the image
        # encoder in it, then runs backward once.
        leaves = {name: prompt.detach().requires_grad_(prompt.requires_grad) for name, prompt in prompts.items()}
        losses: dict[str, float] = {}
        for part in batch.split(self.size):
            for group in self.stage.losses(part, leaves):
                self._backward(group, len(part.x0) / len(batch.x0), losses)
        pairs = [(prompt, grad) for name, prompt in prompts.items() if (grad := leaves[name].grad) is not None]
        if pairs:
            torch.autograd.backward([prompt for prompt, _ in pairs], [grad for _, grad in pairs])
        return losses

    def _backward(self, group: Mapping[str, Tensor], share: float, losses: dict[str, float]) -> None:
        """Adds a group's gradients, and its numbers to `losses`. share: of the batch that it was computed on."""
        weights = self.stage.weights
        for name, loss in group.items():
            losses[name] = losses.get(name, 0.0) + share * float(loss.detach())
            losses["loss"] = losses.get("loss", 0.0) + share * weights[name] * float(loss.detach())
        total = share * torch.stack([weights[name] * loss for name, loss in group.items()]).sum()
        self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]

    def _shrink(self, error: BaseException) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        error.__traceback__ = None  # its frames hold the activations
        self.model.free_memory(error)
        if self.size > 1:
            self.size = (self.size + 1) // 2
            warn("micro_batches", size=self.size)
        elif self._can_free_moments():
            self.optimizer.keep_moments_in_ram()
            warn("moments_in_ram")
        elif self.settings.gradient_checkpointing == "auto" and not self.model.checkpointing:
            self.model.checkpointing = True
            warn("checkpointing")
        else:
            raise InputError(
                "out of memory even for a single sample: set `encoder` of Stage I to cnn or none, lower its"
                " `resolution`, set `gradient_checkpointing` to auto, or close other programs."
            ) from None

    def _update(self, losses: Mapping[str, float]) -> None:
        self.drawn = None
        if not math.isfinite(losses["loss"]) and not self.scaler.is_enabled():
            raise self._diverged("loss", losses["loss"])
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.stage.parameters, 1.0)
        self.overflows = 0 if torch.isfinite(norm) else self.overflows + 1
        if self.overflows > (OVERFLOWS_ALLOWED if self.scaler.is_enabled() else 0):
            raise self._diverged("gradients", float(norm))
        self.has_learned |= self.overflows == 0
        self._set_rate(self.done)
        self._step_optimizer()
        self.scaler.update()
        for name, value in losses.items():
            self.history.setdefault(name, []).append(value)
        for name, noted in self.stage.notes.items():
            self.notes[name].append(float(torch.stack(noted).mean()))
        self.drawn = self.generator.get_state()

    def _set_rate(self, step: int) -> None:
        share = RATE_SCHEDULES[self.settings.rate_schedule](step, self.settings.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * share

    def _step_optimizer(self) -> None:
        """One update; where memory runs out, once more with what a failed step held let go.

        The first is the one that makes the optimiser's state, before anything is changed: then this changes nothing.
        A later one goes on weight by weight, which needs the least memory; what it had done by then counts twice in
        the running means of that step, and is warned of. Where weights are taken one by one already, nothing is left.
        """
        is_first = not self.optimizer.state
        try:
            self.scaler.step(self.optimizer)
        except self.model.out_of_memory as error:
            require_out_of_memory(error)
            if self.optimizer.moments_in_ram:
                raise
            error.__traceback__ = None
            self.model.free_memory(error)
            if is_first:
                self.optimizer.state.clear()
            else:
                warn("optimiser_memory", step=self.done + 1)
            self.optimizer.keep_moments_in_ram()
            self.scaler.step(self.optimizer)

    def _diverged(self, name: str, value: float) -> InputError:
        step = self.done + 1
        in_fp32 = self.model.compute_dtype == torch.float32
        if not self.has_learned:  # so the learning rate cannot be why
            advice = OTHER_WEIGHTS if in_fp32 else f"set `precision` to fp32, {OTHER_WEIGHTS}"
            return InputError(f"`model` makes the {name} {value} before anything is learned: {advice}.")
        advice = "" if in_fp32 else ", or set `precision` to fp32"
        return InputError(f"the {name} became {value} at step {step}: lower `learning_rate`{advice}.")
