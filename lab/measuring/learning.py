"""Learns concepts with the pack's own pipelines, as the host's executor runs them, without a server."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..hosting import in_process
from ..world import painting, world
from . import sampling


@dataclass(frozen=True)
class Training:
    """Steps, samples a step and learning rates of the two stages on the demo model."""

    steps1: int = 40
    batch1: int = 8
    rate1: float = 2e-2
    steps2: int = 40
    batch2: int = 6
    rate2: float = 7e-3
    encoder: str = "none"
    rank: int = 4


@dataclass(frozen=True)
class Variant:
    """Which losses are on. whole: the plain reconstruction of the whole picture, the mask being all ones. cropped: the
    picture is cut to the square around its subject."""

    label: str
    stage: int
    whole: bool = False
    background: float = 0.0
    semantic: float = 0.0
    starts_from: str = ""  # Stage II: the Stage I variant
    cropped: bool = False


VARIANTS: dict[str, Variant] = {
    "I plain": Variant("plain reconstruction", 1, whole=True),
    "I foreground": Variant("+ foreground", 1),
    "I background": Variant("+ background", 1, background=1.0),
    "II plain": Variant("plain reconstruction", 2, whole=True, starts_from="I plain"),
    "II foreground": Variant("+ foreground", 2, starts_from="I foreground"),
    "II background": Variant("+ background", 2, background=1.0, starts_from="I background"),
    "II semantic": Variant("+ semantic", 2, background=1.0, semantic=1.0, starts_from="I background"),
}


def load_pack() -> ModuleType:
    """Imports the host and, as it would a custom node's folder, the pack."""
    in_process.import_host()
    return in_process.import_pack()


def pack_module(name: str) -> ModuleType:
    """A module of the pack, such as "pipelines.learn_concept"; `load_pack` must have run."""
    return importlib.import_module(f"{in_process.PACKAGE}.{name}")


def subject_of(scene: world.Scene, variant: Variant) -> tuple[Tensor, Tensor]:
    """The picture and the mask that a variant of Stage I learns from, as `pixels_and_mask`."""
    image, mask = pixels_and_mask(scene)
    if variant.cropped:
        rows, columns = mask[0].nonzero(as_tuple=True)
        side = 1 + int(max(rows.max() - rows.min(), columns.max() - columns.min()))
        top, left = (min(int(at.min()), world.SIZE - side) for at in (rows, columns))
        cut = image[:, top : top + side, left : left + side].movedim(-1, 1)
        image = F.interpolate(cut, (world.SIZE, world.SIZE), mode="bilinear").movedim(1, -1)
        mask = F.interpolate(mask[None, :, top : top + side, left : left + side], (world.SIZE, world.SIZE))[0]
    return image, torch.ones_like(mask) if variant.whole else mask


def pixels_and_mask(scene: world.Scene) -> tuple[Tensor, Tensor]:
    """A concept's picture and mask as LoadImage gives them: (1, 128, 128, 3) and (1, 128, 128), float32 in [0, 1]."""
    picture, masks = painting.render(scene)
    return torch.from_numpy(picture).float()[None] / 255, torch.from_numpy(masks[0]).float()[None]


class Learner:
    """Trains concepts on one checkpoint and draws pictures with them."""

    def __init__(self, model: Any, clip: Any, vae: Any, training: Training, steps: int = 20, cfg: float = 5.0) -> None:
        load_pack()
        self._settings = pack_module("concept.settings")
        self._learning = pack_module("pipelines.learn_concept")
        self._use = pack_module("pipelines.use_concept").use_concept
        self._strengths = pack_module("pipelines.use_concept").Strengths
        self._reporter = pack_module("pipelines.reporter").Reporter
        self.model, self.clip, self.vae = model, clip, vae
        self.training, self.steps, self.cfg = training, steps, cfg

    def learn(
        self, scene: world.Scene, variant: Variant, seed: int, start: Any = None, **changes: Any
    ) -> tuple[Any, float, float]:
        """Trains one variant. start: Stage II's concept of Stage I. changes: of the stage's other settings. Returns the
        concept, the last loss, and seconds."""
        began = time.monotonic()
        with torch.inference_mode():  # as the executor has it
            if variant.stage == 1:
                concept = self._stage1(scene, variant, seed, changes)
            else:
                concept = self._stage2(variant, start, seed, changes)
        return concept, concept.losses[f"stage{variant.stage}"]["loss"][-1], time.monotonic() - began

    def _stage1(self, scene: world.Scene, variant: Variant, seed: int, changes: Mapping[str, Any]) -> Any:
        image, mask = subject_of(scene, variant)
        options = self.training
        settings = self._settings.Stage1Settings(
            class_word=scene.objects[0].cls,
            steps=options.steps1,
            batch_size=options.batch1,
            learning_rate=options.rate1,
            background_weight=variant.background,
            encoder=options.encoder,
            seed=seed,
            **changes,
        )
        return self._learning.learn_concept(self._checkpoint(), image, mask, settings, self._reporter())

    def _stage2(self, variant: Variant, start: Any, seed: int, changes: Mapping[str, Any]) -> Any:
        """The concept carries its picture, and its mask of Stage I: all ones when plain."""
        options = self.training
        settings = self._settings.Stage2Settings(
            steps=options.steps2,
            batch_size=options.batch2,
            learning_rate=options.rate2,
            background_weight=variant.background,
            semantic_weight=variant.semantic,
            rank=options.rank,
            seed=seed,
            **changes,
        )
        return self._learning.tune_concept(self._checkpoint(), start, settings, self._reporter())

    def _checkpoint(self) -> Any:
        return self._learning.Checkpoint(self.model, self.clip, self.vae)

    def draw(
        self, concepts: Sequence[Any], prompts: Sequence[str], seeds: Sequence[int], strength: float = 1.0
    ) -> np.ndarray:
        """Pictures with the concepts applied, (N, 128, 128, 3) uint8. In prompts {0} is the first concept's phrase, and
        so on.

        strength: of Stage II's LoRA, on MODEL and CLIP.
        """
        model, clip, phrases = self.model, self.clip, []
        strengths = self._strengths(strength, strength)
        with torch.inference_mode():
            for i, concept in enumerate(concepts):
                model, clip, phrase = self._use(model, clip, concept, f"concept_{i}", strengths)
                phrases.append(phrase)
        return sampling.pictures(
            model, clip, self.vae, [prompt.format(*phrases) for prompt in prompts], seeds, self.steps, self.cfg
        )
