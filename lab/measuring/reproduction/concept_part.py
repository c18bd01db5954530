"""SingleInsert's part of the reproduction: every row of `rows.ROWS` on a concept."""

from __future__ import annotations

import pathlib
import time
from typing import Any

import numpy as np

from ...world import painting, world
from ..concepts import concept_scene
from . import judging
from .lessons import Learned, Teacher
from .rows import PRIOR, ROWS

SEED = 4_200
KEPT = 3  # concepts whose pictures are kept for the contact sheets


class ConceptPart:
    """Learns, draws and judges. seeds: pictures of each prompt. folder: for the pictures of the sheets."""

    def __init__(self, teacher: Teacher, seeds: int, folder: pathlib.Path) -> None:
        self._teacher, self._seeds, self._folder = teacher, seeds, folder
        self._learned: dict[tuple[int, str], Learned] = {}

    def measure(self, key: str, index: int) -> dict[str, Any]:
        """A line of the results."""
        scene, began = concept_scene(SEED, index), time.process_time()
        learned = self._learn(key, index)
        taught = time.process_time() - began
        noises = SEED * 1_000 + 100 * index
        scores, pictures = judging.judge(self._teacher, learned, scene, noises, self._seeds)
        looks, overlays = judging.heat(self._teacher, learned, scene, noises) if ROWS[key].heat else (None, None)
        if index < KEPT:
            self._keep(f"{index:03} {key}", scene, pictures[:: self._seeds], overlays)
        return {
            "concept": index,
            "row": key,
            "class": scene.objects[0].cls,
            "scores": scores,
            "heat": looks,
            "history": {term: [round(value, 5) for value in values] for term, values in learned.history.items()},
            "learned_in": round(taught, 1),
            "cpu_seconds": round(time.process_time() - began, 1),
        }

    def _keep(self, name: str, scene: world.Scene, pictures: np.ndarray, overlays: np.ndarray | None) -> None:
        kept = {"pictures": pictures, "source": painting.render(scene)[0]}
        if overlays is not None:
            kept["heat"] = overlays
        np.savez_compressed(self._folder / f"{name.replace(' ', '_')}.npz", **kept)  # type: ignore[arg-type]

    def _learn(self, key: str, index: int) -> Learned:
        """What a row learns of a concept; rows that start from another's concept find it, or learn it anew."""
        if (index, key) not in self._learned:
            self._learned = {place: one for place, one in self._learned.items() if place[0] == index}
            self._learned[index, key] = self._taught(key, index)
        return self._learned[index, key]

    def _taught(self, key: str, index: int) -> Learned:
        scene, row = concept_scene(SEED, index), ROWS[key]
        if key == PRIOR:
            return self._teacher.nothing(scene.objects[0].cls)
        start = self._learn(row.starts_from, index).concept if row.starts_from else None
        return self._teacher.teach(row, scene, index, start)
