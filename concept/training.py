"""SingleInsert's two training stages. Needs only torch.

Differences from the method's public code, on purpose: the UNet is frozen in Stage I; no gradient of Stage I reaches
Stage II; and the embedding that is kept is computed after the last update, not before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..diffusion.report import Steps
from ..losses.terms import LOSS_TERMS, background_loss, foreground_loss, semantic_loss
from ..support.errors import InputError
from .kept_training import Keeper, kept_steps
from .lora import LoraSet
from .model import ConceptModel
from .settings import Stage1Settings, Stage2Settings, StageSettings
from .trainer import Batch, LossHistory, Trainer

CLASS_ALONE = "class_alone"  # Stage I notes it: the subject's loss under the class word alone


@dataclass(frozen=True)
class Subject:
    """The one picture, and where its subject is.

    pixels: (1, 3, H, W) in [0, 1], unmasked. mask: (1, H, W), 1 = subject.
    """

    pixels: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Trained:
    """What a stage leaves: all float32 on the CPU.

    embedding: (1, width). losses: by term, one number a step. encoder_state: to go on from. lora: by kohya's names.
    class_alone: what the subject's loss would have been under the class word alone, at the same noise, one number a
    step; empty where the class word was not asked.
    """

    embedding: Tensor
    losses: LossHistory = field(default_factory=dict)
    encoder_state: dict[str, Tensor] = field(default_factory=dict)
    lora: dict[str, Tensor] = field(default_factory=dict)
    class_alone: list[float] = field(default_factory=list)


def latent_mask(mask: Tensor, side: torch.Size | tuple[int, int]) -> Tensor:
    """The subject's mask at the latents' resolution, soft values kept: (1, 1, h, w)."""
    return F.interpolate(mask.reshape(1, 1, *mask.shape[-2:]).float(), tuple(side), mode="area")


def weights_of(settings: StageSettings) -> dict[str, float]:
    """Each loss term's weight in the total, as the settings have it."""
    return {
        name: 1.0 if term.weight is None else getattr(settings, term.weight, 0.0) for name, term in LOSS_TERMS.items()
    }


class ConceptStage:
    """What both stages share: the encoder, and the losses under "* class".

    encoder: pixels -> (1, width).
    """

    def __init__(self, model: ConceptModel, encoder: nn.Module, subject: Subject, settings: StageSettings) -> None:
        self.model, self.encoder = model, encoder.to(model.device)
        self.pixels, self.mask = subject.pixels.to(model.device), subject.mask
        self.weights = weights_of(settings)
        self.parameters = [p for p in encoder.parameters() if p.requires_grad]
        self.modules = nn.ModuleDict({"encoder": self.encoder})
        self.notes: dict[str, list[Tensor]] = {}
        self.x0_pred: Tensor | None = None

    def encode_star(self, prompt: str) -> Tensor:
        """The phrase "* class" in a prompt, with the embedding as it is now: (1, 77, width)."""
        embedding: Tensor = self.encoder(self.pixels)
        return self.model.encode(embedding, prompt)

    def star_losses(self, batch: Batch, star: Tensor, x0_class: Tensor | None) -> dict[str, Tensor]:
        """Under "* class": the subject as in the picture, and the rest as under the class word alone.

        star: the prompt's encoding. x0_class: (B, 4, h, w), a constant; None leaves the background's loss out.
        """
        mask = self.mask_of(batch)
        x0_star = self.model.predict_x0(batch.latents, batch.timesteps, star)
        self.x0_pred = x0_star.detach()
        losses = {"foreground": foreground_loss(x0_star, batch.x0, mask)}
        if x0_class is not None:
            losses["background"] = background_loss(x0_star, x0_class, mask)
        return losses

    def mask_of(self, batch: Batch) -> Tensor:
        """The subject's mask for a batch's latents: (1, 1, h, w)."""
        return latent_mask(self.mask, batch.x0.shape[-2:]).to(batch.x0.device)

    def embedding(self) -> Tensor:
        """What is kept: the embedding as it is now, (1, width) float32 on the CPU.

        Raises: InputError when it is not finite.
        """
        with torch.no_grad():
            embedding: Tensor = self.encoder(self.pixels).detach().float().to("cpu", copy=True)
        if not torch.isfinite(embedding).all():
            raise InputError("the embedding is not a number after training: lower `learning_rate`.")
        return embedding

    def encoder_state(self) -> dict[str, Tensor]:
        """The encoder's weights on the CPU, to go on from."""
        return {name: value.detach().to("cpu", copy=True) for name, value in self.encoder.state_dict().items()}


class Stage1(ConceptStage):
    """Learns the embedding: L = foreground + gamma · background, the model frozen and only the encoder trained."""

    def __init__(self, model: ConceptModel, encoder: nn.Module, subject: Subject, settings: Stage1Settings) -> None:
        super().__init__(model, encoder, subject, settings)
        if self.weights["background"]:
            self.notes[CLASS_ALONE] = []
        with torch.no_grad():
            self._class = {prompt: model.encode(None, prompt) for prompt in settings.prompts}

    def encode(self, prompt: str) -> dict[str, Tensor]:
        """The prompt with "* class", and with the class word alone, a constant."""
        return {"star": self.encode_star(prompt), "target": self._class[prompt]}

    def losses(self, batch: Batch, prompts: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """The concept's two losses. batch: of the picture; prompts: from `encode`."""
        x0_class = None
        if self.weights["background"]:
            with torch.no_grad():
                x0_class = self.model.predict_x0(batch.latents, batch.timesteps, prompts["target"])
                self.notes[CLASS_ALONE].append(foreground_loss(x0_class, batch.x0, self.mask_of(batch)))
        yield self.star_losses(batch, prompts["star"], x0_class)


class Stage2(ConceptStage):
    """Tunes the model: L = foreground + gamma · background + eta · semantic, on the encoder and the LoRA.

    The class target is the frozen UNet's; under `class_text_encoder` "tuned" it reads the tuned text encoder's class
    embedding (Algorithm 1, line 15), under "frozen" the frozen one's.
    """

    def __init__(
        self, model: ConceptModel, encoder: nn.Module, lora: LoraSet, subject: Subject, settings: Stage2Settings
    ) -> None:
        super().__init__(model, encoder, subject, settings)
        self.lora = lora.place(model.device)
        self.parameters += [p for p in lora.parameters() if p.requires_grad]
        self.modules["lora"] = self.lora
        self._frozen_text = settings.class_text_encoder == "frozen"

    def encode(self, prompt: str) -> dict[str, Tensor]:
        """The prompt with "* class" and, where it is learned from, with "class"; "target" is the class target's, a
        constant."""
        prompts = {"star": self.encode_star(prompt)}
        if self.weights["semantic"]:
            prompts["class"] = self.model.encode(None, prompt)
        with torch.no_grad(), self.lora.off() if self._frozen_text else contextlib.nullcontext():
            prompts["target"] = self.model.encode(None, prompt)
        return prompts

    def losses(self, batch: Batch, prompts: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """The concept's losses, then the class word's. batch: of the picture; prompts: from `encode`."""
        gamma, eta = self.weights["background"], self.weights["semantic"]
        x0_class = None
        if gamma or eta:
            with torch.no_grad(), self.lora.off():
                x0_class = self.model.predict_x0(batch.latents, batch.timesteps, prompts["target"])
        yield self.star_losses(batch, prompts["star"], x0_class if gamma else None)
        if eta and x0_class is not None:
            tuned = self.model.predict_x0(batch.latents, batch.timesteps, prompts["class"])
            yield {"semantic": semantic_loss(tuned, x0_class)}


def train_stage1(
    model: ConceptModel, encoder: nn.Module, subject: Subject, settings: Stage1Settings, keeper: Keeper | None = None
) -> Steps[Trained]:
    """Learns the embedding with the model frozen.

    encoder: pixels -> (1, width); the only thing trained. keeper: of the training's state, if it is to be kept.
    Raises: InputError as `Trainer.steps` does.
    """
    stage = Stage1(model, encoder, subject, settings)
    trainer = Trainer(model, stage, settings)
    losses = yield from kept_steps(trainer, keeper)
    class_alone = trainer.notes.get(CLASS_ALONE, [])
    return Trained(stage.embedding(), losses, stage.encoder_state(), class_alone=class_alone)


def train_stage2(
    model: ConceptModel,
    encoder: nn.Module,
    lora: LoraSet,
    subject: Subject,
    settings: Stage2Settings,
    keeper: Keeper | None = None,
) -> Steps[Trained]:
    """Tunes encoder and LoRA, with a new optimiser. keeper: as in `train_stage1`.

    Raises: InputError as `Trainer.steps` does.
    """
    stage = Stage2(model, encoder, lora, subject, settings)
    with lora.attached():
        losses = yield from kept_steps(Trainer(model, stage, settings), keeper)
        embedding = stage.embedding()
    weights = lora.kohya()
    if not all(torch.isfinite(weight).all() for weight in weights.values()):
        raise InputError("the LoRA is not a number after training: lower `learning_rate`.")
    return Trained(embedding, losses, stage.encoder_state(), weights)
