"""The pictures of the help pages: what is drawn is what the caption says."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from lab import ROOT
from lab.drawing import apart_pictures, concept_pictures, editing_pictures, rows
from lab.drawing.studio import Effort, Studio
from lab.figures import sheets

WEIGHTS = ROOT / "lab" / "weights" / "sis_demo_sd15.safetensors"
TINY = Effort(sampling_steps=2, inversion_steps=5, inner_steps=1, text_steps=2, training=0.02)
CELL = 128 + sheets.GAP


@pytest.fixture(scope="module")
def studio(host: pathlib.Path) -> Studio:
    if not WEIGHTS.is_file():
        pytest.skip(f"no demo model at {WEIGHTS}")
    return Studio(WEIGHTS, TINY)


def cell(picture: Any, row: int, column: int, lines: int) -> np.ndarray:
    """One picture of a sheet, (128, 128, 3)."""
    x, y = sheets.GAP + column * CELL, sheets.GAP + row * (CELL + lines * sheets.LINE)
    return np.asarray(picture.crop((x, y, x + 128, y + 128)), np.int16)


def test_a_sheet_fills_short_rows_with_paper() -> None:
    black = np.zeros((128, 128, 3), np.uint8)
    made = rows.sheet([[(black, "a"), (black, "b")], [(black, "c")]], lines=1)
    assert made.size == (2 * CELL + sheets.GAP, 2 * (CELL + sheets.LINE) + sheets.GAP)
    assert cell(made, 1, 0, 1).max() == 0 and cell(made, 1, 1, 1).min() == 255


def test_alpha_moves_from_the_source_and_the_ratio_of_one_does_not(studio: Studio) -> None:
    optimized = studio.optimized
    still, held, edited = studio.edits([(0.6, 1.0), (1.0, 1.0), (1.0, 0.0)], optimized)
    assert np.array_equal(still, held), "with the source prompt throughout alpha has no say"
    assert np.abs(edited.astype(int) - held).mean() > 1
    drawn = editing_pictures.alpha(studio)
    assert drawn.width == 6 * CELL + sheets.GAP


def test_strength_is_what_its_column_says(studio: Studio) -> None:
    concept = studio.concept()
    none, whole = (studio.draw([concept], concept_pictures.PROMPTS, strength)[0].astype(int) for strength in (0.0, 1.0))
    drawn = concept_pictures.strength(studio)
    assert np.array_equal(cell(drawn, 0, 0, 2), none) and np.array_equal(cell(drawn, 0, 2, 2), whole)
    assert not np.array_equal(none, whole)


def test_regions_are_shown_over_what_they_lead_to(studio: Studio) -> None:
    drawn = apart_pictures.region(studio)
    halves, cut = cell(drawn, 0, 1, 1), cell(drawn, 0, 3, 1)
    first, second = (colour.tolist() for colour in apart_pictures.COLOURS)
    assert halves[64, 10].tolist() == cut[64, 10].tolist() == first and halves[100, 110].tolist() == second
    assert cut[20, 110].tolist() == second and cut[100, 110].max() == apart_pictures.GROUND
    assert not np.array_equal(cell(drawn, 1, 1, 1), cell(drawn, 1, 3, 1))


def test_concepts_are_learned_once(studio: Studio) -> None:
    assert studio.concept(1) is studio.concept(1)
    assert studio.concept(1, background=2.0) is not studio.concept(1)
    assert studio.concept(2, learned="orthogonal") is not studio.concept(2)
