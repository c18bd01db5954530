"""Every way of learning that the reproduction compares, for one step on the demo model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from lab.measuring.concepts import concept_scene
from lab.measuring.reproduction.lessons import WAYS, Learned, Teacher
from lab.measuring.reproduction.rows import ROWS, Row

SCENE = concept_scene(4200, 0)
ONE_OF_EACH = {row.way: row for row in ROWS.values() if row.way}


def taught(models: Any, row: Row) -> Learned:
    short = replace(row, training=replace(row.training, steps1=1, steps2=1))
    start = taught(models, ROWS[row.starts_from]).concept if row.starts_from else None
    return Teacher(models, 2, 3.0).teach(short, SCENE, 0, start)


@pytest.mark.parametrize("way", WAYS)
def test_it_learns_and_draws(demo_model: Any, way: str) -> None:
    learned = taught(demo_model, ONE_OF_EACH[way])
    losses = learned.history["loss"] if isinstance(learned.history, dict) else learned.history
    assert losses and all(map(math.isfinite, list(losses)[:1]))
    pictures = Teacher(demo_model, 2, 3.0).draw(learned, ["{0}"], [0])
    assert pictures.shape == (1, 128, 128, 3) and pictures.std() > 0
