"""Learns concepts once, keeps them as files, and draws several of them in one picture by each of the settings."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..world import world
from . import sampling
from .composition_groups import Prompt, bands, outlines
from .composition_settings import DRAWN, EVERYWHERE, FOUND, LEARNED, NOWHERE, Setting
from .learning import VARIANTS, Learner, pack_module

STAGES = {1: VARIANTS["I background"], 2: VARIANTS["II semantic"]}


class Shelf:
    """Learned concepts, each kept as a file of its own. folder: of one checkpoint's and one training's concepts."""

    def __init__(self, learner: Learner, folder: pathlib.Path) -> None:
        self._learner, self._folder = learner, folder
        self._files = pack_module("concept.file")
        folder.mkdir(parents=True, exist_ok=True)

    def concept(self, number: int, scene: world.Scene, learned: str) -> Any:
        """After both stages: read, or learned now."""
        changes = LEARNED[learned]
        first = f"stage1_{slug(learned)}" if changes.stage1 else "stage1"
        start = self._kept(f"{first}_{number:03}", 1, scene, number, None, changes.stage1)
        return self._kept(f"{slug(learned)}_{number:03}", 2, scene, number, start, changes.stage2)

    def _kept(self, name: str, stage: int, scene: world.Scene, number: int, start: Any, changes: Any) -> Any:
        path = self._folder / f"{name}.safetensors"
        if not path.exists():
            learned = self._learner.learn(scene, STAGES[stage], number, start, **changes)[0]
            self._files.save_concept(learned, path)
        return self._files.load_concept(path)


def slug(text: str) -> str:
    """A setting's or a way of learning's name, as files have it."""
    return text.replace(" ", "_")


class Composer:
    """Draws prompts with several concepts. `seconds` is what the last drawing took of the processor's time."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._using = pack_module("pipelines.use_concept")
        self.seconds = 0.0

    def draw(
        self,
        setting: Setting,
        concepts: Sequence[Any],
        classes: Sequence[str],
        prompt: Prompt,
        seeds: Sequence[int],
        regions: Sequence[Tensor | None] | None = None,
    ) -> np.ndarray:
        """One picture a seed: (N, 128, 128, 3) uint8. classes: the concepts' class words. regions: in place of the
        setting's own."""
        began = time.process_time()
        if not setting.concepts:
            pictures = self._plain(prompt, classes, seeds)
        elif setting.hooks:
            pictures = self._with_hooks(concepts, classes, prompt, seeds)
        else:
            where = regions or self._regions(setting, classes, prompt, seeds)
            pictures = self._with_concepts(setting, concepts, prompt, seeds, where)
        self.seconds = time.process_time() - began
        return pictures

    def _plain(self, prompt: Prompt, classes: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return self._learner.draw([], [prompt.text.format(*classes)] * len(seeds), seeds)

    def _regions(
        self, setting: Setting, classes: Sequence[str], prompt: Prompt, seeds: Sequence[int]
    ) -> list[Tensor | None]:
        """Of each concept; None where it is to be found by itself."""
        if setting.regions == DRAWN:
            return list(outlines(self._plain(prompt, classes, seeds), prompt))
        if setting.regions == FOUND:
            return [None] * len(classes)
        parts = {NOWHERE: torch.zeros_like, EVERYWHERE: torch.ones_like}
        return [parts[setting.regions](band) if setting.regions in parts else band for band in bands(prompt)]

    def _with_concepts(
        self,
        setting: Setting,
        concepts: Sequence[Any],
        prompt: Prompt,
        seeds: Sequence[int],
        regions: Sequence[Tensor | None],
    ) -> np.ndarray:
        learner, phrases = self._learner, []
        model, clip = learner.model, learner.clip
        with torch.inference_mode():
            for i, (concept, region) in enumerate(zip(concepts, regions)):
                apart = self._using.Apart(region=region) if setting.keep_apart else None
                model, clip, phrase = self._using.use_concept(model, clip, concept, f"concept_{i}", apart=apart)
                phrases.append(phrase)
        prompts = [prompt.text.format(*phrases)] * len(seeds)
        return sampling.pictures(model, clip, learner.vae, prompts, seeds, learner.steps, learner.cfg)

    def _with_hooks(
        self, concepts: Sequence[Any], classes: Sequence[str], prompt: Prompt, seeds: Sequence[int]
    ) -> np.ndarray:
        """As the host's nodes do it: a prompt for each share of the picture, in which one concept is named, with that
        concept's LoRA as hooks and the share as its mask. What no concept has is drawn by the plain prompt."""
        learner, cond = self._learner, []
        rest = torch.ones(1, world.SIZE, world.SIZE)
        with torch.inference_mode():
            for i, (concept, region) in enumerate(zip(concepts, bands(prompt))):
                _, clip, phrase = self._using.use_concept(learner.model, learner.clip, concept, f"concept_{i}")
                words = [phrase if j == i else cls for j, cls in enumerate(classes)]
                cond += _in_region(clip, prompt.text.format(*words), region, concept.lora)
                rest -= region
            if rest.any():
                cond += _in_region(learner.clip, prompt.text.format(*classes), rest, {})
            uncond = sampling.encode_many(learner.clip, [""])
        return sampling.from_conditioning(
            learner.model.clone(), learner.vae, cond, uncond, seeds, learner.steps, learner.cfg
        )


def _in_region(clip: Any, text: str, region: Tensor, lora: Any) -> list[list[Any]]:
    """CONDITIONING of a prompt in a region, with a LoRA as the host's hooks."""
    import comfy.hooks

    hooks = comfy.hooks.create_hook_lora(dict(lora), strength_model=1.0, strength_clip=0.0) if lora else None
    options = {"mask": region, "mask_strength": 1.0, "set_area_to_bounds": False}
    return [
        [rows, {**extras, **options, **({"hooks": hooks} if hooks else {})}]
        for rows, extras in sampling.encode_many(clip, [text])
    ]
