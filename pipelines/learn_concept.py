"""A picture becomes a concept: SingleInsert's two stages on the graph's own checkpoint."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..concept.data import Concept
from ..concept.encoders import ENCODER_KINDS, build_encoder, resume_encoder
from ..concept.file import check_width
from ..concept.kept_training import Keeper
from ..concept.learned import doubts_about
from ..concept.lora import LoraSet
from ..concept.mask_check import odd_about
from ..concept.picture import Prepared, prepare
from ..concept.settings import LARGEST_RESOLUTION, Stage1Settings, Stage2Settings, StageSettings
from ..concept.training import Subject, Trained, train_stage1, train_stage2
from ..diffusion.report import Steps
from ..host import checks, text
from ..host.apart import together
from ..host.concept_model import ConceptModel, with_concept_model
from ..host.folders import training_states
from ..host.gradients import own_copy
from ..host.identity import identity
from ..host.memory import PeakMemory
from ..host.progress import courtesy
from ..host.unet_apart import merged
from ..host.vae import posterior
from ..host.weights import attention_projections, fingerprint, warn_of_another_checkpoint
from ..pictures.mask_picture import mask_picture
from ..support import checks as values
from ..support import warnings
from ..support.errors import InputError
from ..support.warnings import warn
from .reporter import Reporter
from .resuming import StateKeeper, training_key

log = logging.getLogger("single_image_studio")


@dataclass(frozen=True)
class Checkpoint:
    """The three wires of the graph's checkpoint: MODEL, CLIP and VAE."""

    model: Any
    clip: Any
    vae: Any

    def check(self) -> None:
        """Raises: InputError unless all three are Stable Diffusion 1.x's."""
        checks.require_sd1(self.model)
        checks.require_sd1_clip(self.clip, self.model)
        checks.require_vae(self.vae)

    def identity(self) -> str:
        """The same for the same weights, LoRAs and merges, those of concepts that are kept apart among them."""
        patchers = (merged(self.model), together(self.clip).patcher, self.vae.patcher)
        return " ".join(identity(patcher) for patcher in patchers)


def learn_concept(
    checkpoint: Checkpoint,
    image: Tensor,
    mask: Tensor,
    settings: Stage1Settings,
    reporter: Reporter,
    origin: str | None = None,
) -> Concept:
    """Stage I: learns one word for the subject; the model is not changed.

    image: (1, H, W, 3 or 4) in [0, 1]. mask: (1, H', W'), 1 = subject.
    origin: with one, the training's state is kept, and it goes on from a kept one; tells what the wires of
    `checkpoint` were made by, beside their weights (`host.identity.made_by`).
    Raises: InputError for wires, pictures and values that cannot work, and when training diverges.
    """
    checkpoint.check()
    text.require_room(checkpoint.clip, settings.class_word, settings.prompts)
    prepared = _ordinary(prepare(image, mask, settings.resolution))
    for note in (*prepared.notes, *odd_about(mask)):
        warnings.tell(note)
    reporter.begin(settings.steps, checkpoint.model, preview_every=settings.preview_every)
    reporter.show_subject(mask_picture(prepared.picture, prepared.mask)[0])

    def stage1(model: ConceptModel) -> Steps[Trained]:
        start = text.class_embedding(checkpoint.clip, settings.class_word)
        encoder = build_encoder(settings.encoder, checks.text_width(checkpoint.clip), settings.seed, start)
        return train_stage1(model, encoder, _subject(prepared), settings, keeper)

    run = _Training("Stage I", checkpoint, prepared, settings.class_word, settings.precision)
    keeper = run.keeper(settings, origin)
    trained = run.follow(stage1, reporter)
    for note in doubts_about(trained):
        warnings.tell(note)
    return Concept(
        embedding=trained.embedding,
        class_word=settings.class_word,
        picture=prepared.picture,
        mask=prepared.mask,
        settings={"stage1": settings.to_dict()},
        losses={"stage1": trained.losses},
        base_model=fingerprint(checkpoint.model),
        encoder_state=trained.encoder_state,
    )


def tune_concept(
    checkpoint: Checkpoint, concept: Concept, settings: Stage2Settings, reporter: Reporter, origin: str | None = None
) -> Concept:
    """Stage II: a small LoRA for a closer likeness; the new concept's LoRA and embedding belong together.

    origin: as in `learn_concept`.
    Raises: InputError for wires, concepts and values that cannot work, and when training diverges.
    """
    checkpoint.check()
    values.kind("concept", concept, Concept, "Stage I")
    check_width(concept, checks.text_width(checkpoint.clip))
    text.require_room(checkpoint.clip, concept.class_word, settings.prompts, len(concept.embedding))
    prepared = _ordinary(_picture_of(concept))
    _encoder_of(concept)  # before anything is loaded
    warn_of_another_checkpoint(checkpoint.model, concept.base_model, "stage1_of_another_checkpoint")
    reporter.begin(settings.steps, checkpoint.model, preview_every=settings.preview_every)

    def stage2(model: ConceptModel) -> Steps[Trained]:
        subject = _subject(prepared)
        encoder = _encoder_to_go_on_with(concept, subject.pixels, model.device)
        return train_stage2(model, encoder, _lora(model, concept, settings), subject, settings, keeper)

    run = _Training("Stage II", checkpoint, prepared, concept.class_word, settings.precision)
    keeper = run.keeper(settings, origin, concept)
    trained = run.follow(stage2, reporter)
    return dataclasses.replace(
        concept,
        embedding=trained.embedding,
        lora=trained.lora,
        stage=2,
        encoder_state=trained.encoder_state,
        settings={**concept.settings, "stage2": settings.to_dict()},
        losses={**concept.losses, "stage2": trained.losses},
    )


def subject_picture(concept: Concept) -> Tensor:
    """The picture that a concept was learned from, with its mask, as an artist can judge it: (1, H, W, 3)."""
    prepared = _picture_of(concept)
    return mask_picture(prepared.picture, prepared.mask)


@dataclass(frozen=True)
class _Training:
    """One stage's run: its models, and what the log tells of it."""

    name: str
    checkpoint: Checkpoint
    prepared: Prepared
    class_word: str
    precision: str

    def keeper(self, settings: StageSettings, origin: str | None, concept: Concept | None = None) -> Keeper | None:
        """Who keeps this training's state; None without an origin, or where it cannot be told from another one."""
        if origin is None:
            return None
        pictures = {"picture": self.prepared.picture, "mask": self.prepared.mask}
        try:
            made = f"{self.class_word} {origin} {self.checkpoint.identity()}"
            key = training_key(self.name, settings, made, pictures, concept)
        except Exception as error:  # weights in a form of another pack's
            log.info("A training cannot be told from another one.", exc_info=error)
            warn("state_not_kept", reason=type(error).__name__)
            return None
        return StateKeeper(training_states(), key, settings.steps)

    def follow(self, stage: Callable[[ConceptModel], Steps[Trained]], reporter: Reporter) -> Trained:
        """Trains, with every step reported."""
        picture = posterior(self.checkpoint.vae, self.prepared.picture)
        started = time.monotonic()

        def train(model: ConceptModel) -> Trained:
            memory = PeakMemory(model.device)
            trained = reporter.follow(stage(model))
            with courtesy("The summary"):
                self._log(trained, time.monotonic() - started, memory.gigabytes())
            return trained

        wires = self.checkpoint
        return with_concept_model(wires.model, wires.clip, picture, self.class_word, self.precision, train)

    def _log(self, trained: Trained, seconds: float, gigabytes: float | None) -> None:
        loss = trained.losses["loss"]
        log.info("%s: %d steps, loss %.4f at first, %.4f at last.", self.name, len(loss), loss[0], loss[-1])
        memory = "unknown" if gigabytes is None else f"{gigabytes:.2f} GB"
        log.info("%s took %.0f s; peak memory %s.", self.name, seconds, memory)


def _ordinary(prepared: Prepared) -> Prepared:
    """The same, of tensors that autograd accepts and that outlive the host's inference mode."""
    with torch.inference_mode(False):
        picture, mask = own_copy(prepared.picture).cpu(), own_copy(prepared.mask).cpu()
        return dataclasses.replace(prepared, picture=picture, mask=mask)


def _subject(prepared: Prepared) -> Subject:
    return Subject(prepared.picture.movedim(-1, 1), prepared.mask)


def _picture_of(concept: Concept) -> Prepared:
    if concept.picture is None or concept.mask is None:
        raise InputError(
            "`concept` was saved without its picture (`include_picture` was off), and Stage II learns from it: train"
            " Stage I again, or load one saved with it."
        )
    try:  # one of the pack's own passes as it is, to the bit
        return prepare(concept.picture, concept.mask, LARGEST_RESOLUTION)
    except InputError as error:
        raise InputError(f"`concept` holds a picture or mask that Stage II cannot learn from: {error}") from error


def _lora(model: ConceptModel, concept: Concept, settings: Stage2Settings) -> LoraSet:
    """A new LoRA, or the concept's own to go on from."""
    targets = attention_projections(model.unet.patcher, model.clip if settings.train_text_encoder else None)
    orthogonal = settings.lora_basis == "orthogonal"
    seed = _seed_of_its_own(concept, settings.seed) if orthogonal else settings.seed
    lora = LoraSet(targets, settings.rank, torch.Generator().manual_seed(seed), orthogonal)
    if concept.lora:
        lora.load_kohya(concept.lora)
    return lora


def _seed_of_its_own(concept: Concept, seed: int) -> int:
    """A seed that another concept's training has not, also where both nodes' `seed` is the same: their orthogonal
    bases must differ."""
    word = concept.embedding.detach().float().cpu().numpy().tobytes()
    return int.from_bytes(hashlib.sha256(word + str(seed).encode()).digest()[:8], "big") >> 1


def _encoder_to_go_on_with(concept: Concept, pixels: Tensor, device: torch.device) -> nn.Module:
    """Stage I's encoder where the wire still carries it; after a file, which keeps none of it, one that starts at the
    saved embedding."""
    kind, seed = _encoder_of(concept)
    start = own_copy(concept.embedding)
    encoder = build_encoder(kind, concept.embedding.shape[1], seed, start).to(device)
    vector = own_copy(concept.embedding).to(device)
    try:
        return resume_encoder(encoder, concept.encoder_state, vector, pixels.to(device))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise InputError("`concept` carries the state of another encoder: train Stage I again.") from error


def _encoder_of(concept: Concept) -> tuple[str, int]:
    """Which encoder Stage I trained, and its seed.

    Raises: InputError when the concept's settings say something else.
    """
    first = concept.settings.get("stage1", {})
    kind, seed = first.get("encoder", "none"), first.get("seed", 0)
    try:
        values.choice("encoder", kind, ENCODER_KINDS)
        return kind, values.whole("seed", seed, 0, values.LARGEST_SEED)
    except InputError as error:
        raise InputError(f"`concept` has settings of Stage I that cannot be ({error}): train it again.") from error
