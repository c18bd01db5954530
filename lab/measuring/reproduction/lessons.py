"""How each row of `rows.ROWS` learns its concept, on one checkpoint, and how it is then drawn."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...hosting import in_process
from ...world import world
from .. import sampling
from ..learning import Learner, pack_module, subject_of
from .rows import Row
from .stages import ClassEmbeddingKept, Reconstruction

NAME, RARE = "c", "sks"  # what a concept is called, and DreamBooth's rare word
Wires = tuple[Any, Any]  # MODEL and CLIP


@dataclass(frozen=True)
class Learned:
    """What a row has learned. concept: a Concept to go on from, if it is one. apply: to MODEL and CLIP. phrase: what to
    write for it. history: its losses, by term."""

    concept: Any
    apply: Callable[[Any, Any], Wires]
    phrase: str
    history: dict[str, list[float]]
    seconds: float


class Teacher:
    """Teaches all rows and draws with them. steps, cfg: of the pictures."""

    def __init__(self, models: tuple[Any, Any, Any], steps: int, cfg: float) -> None:
        self.model, self.clip, self.vae = models
        self._steps, self._cfg = steps, cfg

    def teach(self, row: Row, scene: world.Scene, seed: int, start: Any = None) -> Learned:
        """start: the Concept that Stage II goes on from."""
        learner = Learner(self.model, self.clip, self.vae, row.training, self._steps, self._cfg)
        return WAYS[row.way](Lesson(learner, row, scene, seed, start))

    def nothing(self, cls: str) -> Learned:
        """The class word alone."""
        return Learned(None, lambda model, clip: (model, clip), cls, {}, 0.0)

    def draw(self, learned: Learned, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        """(N, 128, 128, 3) uint8. In prompts {0} is the concept's phrase."""
        with torch.inference_mode():
            model, clip = learned.apply(self.model, self.clip)
        texts = [prompt.format(learned.phrase) for prompt in prompts]
        return sampling.pictures(model, clip, self.vae, texts, seeds, self._steps, self._cfg)

    def stock_sampling(self, seed: int) -> Any:
        """The host's KSampler's widgets for a picture such as `draw` makes."""
        stock = pack_module("host.stock_sampling")
        return stock.Sampling(
            seed=seed, steps=self._steps, cfg=self._cfg, sampler_name="ddim", scheduler="ddim_uniform"
        )


@dataclass(frozen=True)
class Lesson:
    """One row's training on one concept."""

    learner: Learner
    row: Row
    scene: world.Scene
    seed: int
    start: Any = None

    @property
    def cls(self) -> str:
        return self.scene.objects[0].cls

    def settings(self, stage: int) -> Any:
        """The pack's settings of a stage, as the row has them."""
        options, variant, pace = self.row.training, self.row.variant, self.row.pace
        module = pack_module("concept.settings")
        if stage == 1:
            steps = {"steps": options.steps1, "batch_size": options.batch1, "learning_rate": options.rate1}
            one = {"class_word": self.cls, "encoder": options.encoder, "background_weight": variant.background}
            return module.Stage1Settings(**steps, **one, **pace, seed=self.seed)
        steps = {"steps": options.steps2, "batch_size": options.batch2, "learning_rate": options.rate2}
        two = {"background_weight": variant.background, "semantic_weight": variant.semantic, "rank": options.rank}
        return module.Stage2Settings(**steps, **two, **pace, seed=self.seed)

    def subject(self) -> Any:
        """What the pack's stages train on."""
        image, mask = subject_of(self.scene, self.row.variant)
        return pack_module("concept.training").Subject(image.movedim(-1, 1), mask)

    def word(self, text: str) -> Any:
        """A free word that starts at the mean of a text's tokens."""
        start = pack_module("host.text").class_embedding(self.learner.clip, text)
        return pack_module("concept.encoders").build_encoder("none", start.shape[-1], self.seed, start)

    def run(self, work: Callable[[Any], Any]) -> Any:
        """`work(model)`, which returns an algorithm, run to its end on the checkpoint opened for training."""
        image, _ = subject_of(self.scene, self.row.variant)
        learner, opened = self.learner, pack_module("host.concept_model").with_concept_model
        with torch.inference_mode():  # as the executor has it
            picture = pack_module("host.vae").posterior(learner.vae, image)
            follow = pack_module("diffusion.report").result_of
            return opened(learner.model, learner.clip, picture, self.cls, "fp32", lambda model: follow(work(model)))

    def concept(self, word: Any, lora: dict[str, Any] | None = None, history: Any = None, stage: int = 1) -> Any:
        """A Concept of what was learned. word: the encoder, or its output."""
        image, mask = subject_of(self.scene, self.row.variant)
        vector = word if isinstance(word, torch.Tensor) else word(torch.zeros(1, 3, 1, 1)).detach()
        return pack_module("concept.data").Concept(
            embedding=vector, class_word=self.cls, lora=lora or {}, picture=image, mask=mask, stage=stage,
            settings={"stage1": self.settings(1).to_dict()}, losses={f"stage{stage}": history or {}},
        )  # fmt: skip


def _of_concept(concept: Any, seconds: float, with_class: bool = True) -> Learned:
    def apply(model: Any, clip: Any) -> Wires:
        wires: tuple[Any, Any] = pack_module("pipelines.use_concept").use_concept(model, clip, concept, NAME)[:2]
        return wires

    phrase = concept.phrase(NAME) if with_class else f"<{NAME}>"
    return Learned(concept, apply, phrase, concept.losses[f"stage{concept.stage}"], seconds)


def _pack(lesson: Lesson) -> Learned:
    """By the pack's own nodes' code."""
    concept, _, seconds = lesson.learner.learn(
        lesson.scene, lesson.row.variant, lesson.seed, lesson.start, **lesson.row.pace
    )
    return _of_concept(concept, seconds)


def _no_stage1(lesson: Lesson) -> Learned:
    """Stage II from the class word, where Stage I begins."""
    began = time.monotonic()
    start = lesson.concept(pack_module("host.text").class_embedding(lesson.learner.clip, lesson.cls))
    concept, *_ = lesson.learner.learn(lesson.scene, lesson.row.variant, lesson.seed, start, **lesson.row.pace)
    return _of_concept(concept, time.monotonic() - began)


def _no_class_word(lesson: Lesson) -> Learned:
    """Stage I of "*" alone; the background is what the model makes of an empty prompt."""
    began, word, settings = time.monotonic(), lesson.word(lesson.cls), lesson.settings(1)

    def work(model: Any) -> Any:
        model._class = []  # the pack refuses an empty class word, as the method has one
        return pack_module("concept.training").train_stage1(model, word, lesson.subject(), settings)

    trained = lesson.run(work)
    concept = lesson.concept(trained.embedding, history=trained.losses)
    return _of_concept(concept, time.monotonic() - began, with_class=False)


def _lora(model: Any, lesson: Lesson) -> Any:
    layers = pack_module("host.weights").attention_projections(model.unet.patcher, model.clip)
    generator = torch.Generator().manual_seed(lesson.seed)
    return pack_module("concept.lora").LoraSet(layers, lesson.row.training.rank, generator)


def _steps(model: Any, stage: Any, settings: Any, lora: Any = None) -> Any:
    """Trains a stage. Returns its history and the LoRA's weights."""
    with lora.attached() if lora is not None else contextlib.nullcontext():
        history = yield from pack_module("concept.trainer").Trainer(model, stage, settings).steps()
    return history, {} if lora is None else lora.kohya()


def _class_embedding(lesson: Lesson) -> Learned:
    """Stage II with the class word's embedding held in place of what the model makes of it."""
    began, settings, word = time.monotonic(), lesson.settings(2), lesson.word(lesson.cls)
    word.load_state_dict(lesson.start.encoder_state)

    def work(model: Any) -> Any:
        lora, stage2 = _lora(model, lesson), pack_module("concept.training").Stage2
        with lora.attached():
            stage = ClassEmbeddingKept(stage2(model, word, lora, lesson.subject(), settings))
        return _steps(model, stage, settings, lora)

    history, lora = lesson.run(work)
    return _of_concept(lesson.concept(word, lora, history, stage=2), time.monotonic() - began)


def _textual_inversion(lesson: Lesson) -> Learned:
    """ "*" alone, from the class word."""
    began, word, settings = time.monotonic(), lesson.word(lesson.cls), lesson.settings(1)

    def work(model: Any) -> Any:
        model._class = []
        return _steps(model, Reconstruction(model, word), settings)

    history, _ = lesson.run(work)
    return _of_concept(lesson.concept(word, history=history), time.monotonic() - began, with_class=False)


def _dreambooth(lesson: Lesson) -> Learned:
    """A LoRA for "sks class", as long as both stages together."""
    began, word, settings = time.monotonic(), lesson.word(RARE).requires_grad_(False), lesson.settings(2)

    def work(model: Any) -> Any:
        lora = _lora(model, lesson)
        return _steps(model, Reconstruction(model, word, lora.place(model.device)), settings, lora)

    history, lora = lesson.run(work)
    return _of_concept(lesson.concept(word, lora, history, stage=2), time.monotonic() - began)


def _core(lesson: Lesson) -> Learned:
    """The host's own Train LoRA node, on the same prompt; its picture is repeated, as it makes batches of different
    pictures only."""
    began, options, learner = time.monotonic(), lesson.row.training, lesson.learner
    image, _ = subject_of(lesson.scene, lesson.row.variant)
    phrase = f"{RARE} {lesson.cls}"
    with torch.inference_mode():
        latents = {"samples": learner.vae.encode(image)}
        prompt = sampling.encode_many(learner.clip, [phrase])
    inputs = {
        "model": learner.model, "positive": prompt, "batch_size": options.batch2, "steps": options.steps2,
        "grad_accumulation_steps": 1, "learning_rate": options.rate2, "rank": options.rank, "optimizer": "AdamW",
        "loss_function": "MSE", "seed": lesson.seed, "training_dtype": "fp32", "lora_dtype": "fp32",
        "algorithm": "LoRA", "gradient_checkpointing": False, "existing_lora": "[None]",
    }  # fmt: skip
    lists = {name: [value] for name, value in inputs.items()} | {"latents": [latents] * options.batch2}
    torch.manual_seed(lesson.seed)  # its weights and timesteps are drawn from the global state
    model, _, losses, _ = in_process.run_host_node("comfy_extras.nodes_train", "TrainLoraNode", lists)
    return Learned(None, lambda _, clip: (model, clip), phrase, losses, time.monotonic() - began)


WAYS: dict[str, Callable[[Lesson], Learned]] = {
    "pack": _pack,
    "no Stage I": _no_stage1,
    "no class word": _no_class_word,
    "class embedding": _class_embedding,
    "textual inversion": _textual_inversion,
    "dreambooth": _dreambooth,
    "core": _core,
}
