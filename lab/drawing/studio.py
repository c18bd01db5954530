"""The demo model, and what has been learned and inverted on it, so that all help pictures show the same things."""

from __future__ import annotations

import dataclasses
import pathlib
import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ..measuring import editing_tasks, sampling
from ..measuring.composition_settings import LEARNED
from ..measuring.editing_bench import Bench
from ..measuring.learning import Learner, Training, Variant, pack_module
from ..world import random_scenes, seeing, world

CONCEPT, SECOND = ("heart", 3), ("star", 15)  # class and seed, as in lab/world/make_concepts.py
# the tasks of lab/measuring/editing_tasks.py that are shown: one to move, one to resize, one to change class
EDITED = (0, 1, 3)
SAMPLE_SEED = 11


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is computed; less is for trying the script."""

    sampling_steps: int = 20
    cfg: float = 5.0
    inversion_steps: int = 50
    inner_steps: int = 10
    text_steps: int = 50
    training: float = 1.0  # share of the demo's training steps


QUICK = Effort(sampling_steps=4, inversion_steps=5, inner_steps=2, text_steps=5, training=0.1)


def grid_cells(pairs: Sequence[tuple[float, float]]) -> list[Any]:
    """The pack's cells of (alpha, source_ratio) pairs."""
    grid = pack_module("inversion.grid")
    return [grid.Cell(alpha, ratio) for alpha, ratio in pairs]


def _in_full(task: editing_tasks.Task) -> editing_tasks.Task:
    """The task with its object's second colour named too: what no word names, an edit need not keep."""
    obj = task.scene.objects[0]
    first, second = seeing.name_of(obj.color), seeing.name_of(obj.second)
    source, target = (text.replace(first, f"{first} and {second}", 1) for text in (task.source, task.target))
    return dataclasses.replace(task, source=source, target=target)


class Studio:
    """The demo model, and what has been learned and inverted on it."""

    def __init__(self, checkpoint: pathlib.Path, effort: Effort) -> None:
        self.checkpoint, self.effort = checkpoint, effort
        self._concepts: dict[tuple[Any, ...], Any] = {}
        self._inverted: dict[tuple[str, str], Any] = {}

    @cached_property
    def learner(self) -> Learner:
        return Learner(*sampling.load(self.checkpoint), Training(), self.effort.sampling_steps, self.effort.cfg)

    @cached_property
    def tasks(self) -> list[editing_tasks.Task]:
        return [_in_full(editing_tasks.make_task(editing_tasks.SEED, index)) for index in EDITED]

    @cached_property
    def bench(self) -> Bench:
        return self.new_bench(self.tasks)

    def new_bench(self, tasks: Sequence[editing_tasks.Task]) -> Bench:
        """A bench for other tasks."""
        effort = self.effort
        return Bench(self.checkpoint, tasks, effort.inversion_steps, effort.cfg, effort.inner_steps, effort.text_steps)

    def concept(
        self,
        stage: int = 2,
        which: tuple[str, int] = CONCEPT,
        background: float = 1.0,
        semantic: float = 1.0,
        learned: str = "paper",
        **training: Any,
    ) -> Any:
        """A concept with Stage I's or both stages' training; `training` replaces fields of `learning.Training`.

        learned: what differs from the paper's learning, a key of `composition_settings.LEARNED`.
        """
        key = (stage, which, background, semantic, learned, *sorted(training.items()))
        if key not in self._concepts:
            start = self.concept(1, which, background, 1.0, learned, **training) if stage == 2 else None
            self.learner.training = self._training(training)
            variant = Variant("", stage, False, background, semantic)
            changes = LEARNED[learned].stage1 if stage == 1 else LEARNED[learned].stage2
            self._concepts[key] = self.learner.learn(self.scene(which), variant, 0, start, **changes)[0]
        return self._concepts[key]

    def _training(self, changes: dict[str, Any]) -> Training:
        """The demo's training with some fields replaced, and this studio's share of its steps."""
        training, share = dataclasses.replace(Training(), **changes), self.effort.training
        steps1, steps2 = (max(1, round(steps * share)) for steps in (training.steps1, training.steps2))
        return dataclasses.replace(training, steps1=steps1, steps2=steps2)

    def scene(self, which: tuple[str, int] = CONCEPT) -> world.Scene:
        """A concept's own scene."""
        return random_scenes.sample_concept(random.Random(which[1]), which[0])

    def draw(self, concepts: Sequence[Any], prompts: Sequence[str], strength: float = 1.0) -> list[np.ndarray]:
        """A picture a prompt, as `Learner.draw` has it, the first always with the same seed."""
        return list(self.learner.draw(concepts, prompts, [SAMPLE_SEED + i for i in range(len(prompts))], strength))

    def inverted(self, method: str = "null_text", source: str = "source") -> Any:
        """The tasks' inversion. source: the prompt to invert with, `source` or `empty`."""
        if (method, source) not in self._inverted:
            self._inverted[method, source] = self.bench.invert(method, source)[0]
        return self._inverted[method, source]

    @cached_property
    def optimized(self) -> torch.Tensor:
        """Imagic's embeddings of the tasks' targets."""
        return self.bench.optimize()[0]

    def inputs(self) -> list[np.ndarray]:
        """The tasks' pictures as the VAE gives them back."""
        return list(self.bench.decode(self.bench.latents))

    def edits(
        self,
        cells: Sequence[tuple[float, float]],
        optimized: torch.Tensor | None,
        method: str = "null_text",
        source: str = "source",
    ) -> list[np.ndarray]:
        """Each (alpha, ratio)'s pictures, one a task."""
        return self.bench.edit(self.inverted(method, source), method, optimized, grid_cells(cells))
