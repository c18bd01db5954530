"""The editing paper's part of the reproduction: the whole method and parts of it, over alpha and source ratio."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from .. import editing_tasks
from ..editing_bench import Bench
from ..editing_tasks import Task
from ..learning import pack_module
from .imagic import TUNED, Imagic

BATCH = 4  # pictures a line of the results: one of each kind of edit
SEED = 92_000
CFG, STEPS, INNER_STEPS = 5.0, 10, 5
TEXT: dict[str, Any] = {"steps": 50, "learning_rate": 5e-3, "rate_schedule": "cosine", "timesteps": "golden_ratio"}
"""A quarter of the paper's steps. Edits are done as often; alpha 0 lies farther from the picture than from a rate of
0.008 (docs/reports/FAST_EDITING.md), which was measured after these rows."""
ALPHAS, RATIOS = (0.3, 0.6, 1.0), (0.2, 0.4)
WITHOUT = (0.15, 0.3, 0.45, 0.6, 0.8, 1.0)  # alphas where there is no ratio to choose: as many cells all the same


@dataclass(frozen=True)
class Variant:
    """inversion: how, "" for none. with_source: with the source prompt, or an empty one. text: alpha 0 is the optimised
    text, not the source prompt. alphas, ratios: its cells."""

    inversion: str = "null_text"
    with_source: bool = True
    text: bool = True
    alphas: tuple[float, ...] = ALPHAS
    ratios: tuple[float, ...] = RATIOS

    @property
    def cells(self) -> list[tuple[float, float]]:
        return [(alpha, ratio) for ratio in self.ratios for alpha in self.alphas]


FULL, NO_INJECTION, NO_TEXT = "full method", "without injection", "without text optimisation"
WITH_DDIM, NO_SOURCE = "DDIM in place of null-text", "null-text without source prompt"
PLAIN_DDIM, PLAIN_NULL_TEXT = "plain DDIM", "plain null-text"
VARIANTS: dict[str, Variant] = {
    FULL: Variant(),
    NO_INJECTION: Variant(alphas=WITHOUT, ratios=(0.0,)),
    NO_TEXT: Variant(text=False),
    WITH_DDIM: Variant("ddim"),
    NO_SOURCE: Variant(with_source=False),
    PLAIN_NULL_TEXT: Variant(text=False, alphas=WITHOUT, ratios=(0.0,)),
    PLAIN_DDIM: Variant("ddim", text=False, alphas=WITHOUT, ratios=(0.0,)),
    **{name: Variant("", alphas=WITHOUT, ratios=(0.0,)) for name in TUNED},
}


class EditPart:
    """Inverts, edits and judges a batch of pictures in every way. folder: for the pictures of the sheet."""

    def __init__(self, checkpoint: pathlib.Path, folder: pathlib.Path) -> None:
        tasks = [editing_tasks.make_task(SEED, i) for i in range(BATCH)]
        self._bench = Bench(checkpoint, tasks, STEPS, CFG, INNER_STEPS, text_steps=0)
        self._imagic = Imagic(checkpoint, self._bench.schedule, CFG)
        self._folder = folder

    def measure(self, first: int) -> dict[str, Any]:
        """A line of the results: by variant and cell, each picture's verdict."""
        began, bench = time.process_time(), self._bench
        tasks = [editing_tasks.make_task(SEED, i) for i in range(first, first + BATCH)]
        bench.look_at(tasks)
        text = bench.optimize(**TEXT)[0]
        drawn = {**self._inverted(text, tasks), **self._finetuned(text, first)}
        if first == 0:
            kept = {"source": bench.decode(bench.latents), **drawn}
            np.savez_compressed(self._folder / "edits.npz", **kept)  # type: ignore[arg-type]
        verdicts = {
            name: [[editing_tasks.verdict(picture, task) for picture, task in zip(cell, tasks)] for cell in cells]
            for name, cells in drawn.items()
        }
        seconds = round(time.process_time() - began, 1)
        return {"picture": first, "kinds": [task.kind for task in tasks], "verdicts": verdicts, "cpu_seconds": seconds}

    def _inverted(self, text: Tensor, tasks: Sequence[Task]) -> dict[str, np.ndarray]:
        """(cells, pictures, 128, 128, 3) of the variants that invert."""
        drawn: dict[str, np.ndarray] = {}
        for with_source in (True, False):
            self._bench.look_at(tasks if with_source else [replace(task, source="") for task in tasks])
            named = {name: one for name, one in VARIANTS.items() if one.with_source == with_source}
            inverted = {
                way: self._bench.invert(way, "source")[0] for way in {v.inversion for v in named.values()} - {""}
            }
            for name, variant in named.items():
                if variant.inversion:
                    drawn[name] = self._edited(variant, inverted[variant.inversion], text)
        self._bench.look_at(tasks)
        return drawn

    def _edited(self, variant: Variant, inverted: Any, text: Tensor) -> np.ndarray:
        cells = pack_module("inversion.grid").cells_of(variant.alphas, variant.ratios)
        return np.stack(self._bench.edit(inverted, variant.inversion, text if variant.text else None, cells))

    def _finetuned(self, text: Tensor, first: int) -> dict[str, np.ndarray]:
        """The same of the variants that finetune the model."""
        bench, context_of = self._bench, pack_module("host.conditioning").context_of
        target, empty = (context_of(bench.prompts(name)) for name in ("target", "empty"))
        pictures: dict[str, list[np.ndarray]] = {}
        for i in range(BATCH):
            row = slice(i, i + 1)
            found = self._imagic.edits(
                bench.latents[row], text[row], target[row], empty[row], WITHOUT, SEED + first + i
            )
            for name, latents in found.items():
                pictures.setdefault(name, []).append(bench.decode(latents))
        return {name: np.stack(each, axis=1) for name, each in pictures.items()}
