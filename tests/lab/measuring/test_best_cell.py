"""The report on Edit Grid's proposals, on figures whose truth is known. (The measuring itself takes minutes.)"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from lab.measuring import best_cell_report as report

SETTINGS = {"steps": 20, "cfg": 5.0, "seed": 1}


def row(first: int, **changes: Any) -> dict[str, Any]:
    """Two pictures with three cells: the edit happens in the last two, and the first of these keeps more."""
    figures = {
        "first": first,
        "settings": SETTINGS,
        "cells": [[0.1, 0.5], [0.4, 0.5], [0.4, 0.1]],
        "kinds": ["move", "turn"],
        "edit": [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]],
        "kept": [[1.0, 1.0], [1.0, 2 / 3], [1 / 3, 2 / 3]],
        "chosen": [1, 0],
        "text": [[0.0, 0.0], [0.6, 0.6], [1.0, 1.0]],
        "preservation": [[1.0, 1.0], [0.8, 0.8], [0.2, 0.2]],
        "evaluations": {"grid": 100, "judging": 5},
        "seconds": {"grid": 10.0, "judging": 1.0},
    }
    return figures | changes


def test_agreement_chance_and_loss_by_hand() -> None:
    grids = report.Grids(np.array([[0.0, 0.5], [1.0, 0.5], [0.2, 0.1]]))
    assert grids.agreement(np.array([1, 0])) == (2, 0.0)
    right, lost = grids.agreement(np.array([2, 2]))
    assert right == 0 and lost == pytest.approx((0.8 + 0.4) / 2)
    share, lost = grids.by_chance()
    assert share == pytest.approx(3 / 6) and lost == pytest.approx(((1 - 0.4) + (0.5 - 1.1 / 3)) / 2)


def test_grids_without_a_choice_are_left_out(tmp_path: pathlib.Path) -> None:
    nothing = row(2, edit=[[0.0, 0.0]] * 3)
    report.write([row(0), nothing], SETTINGS, tmp_path / "out.md")
    text = (tmp_path / "out.md").read_text()
    assert "a best cell in 1 of 2 grids, 50%" in text and "**not reached**" in text and "- 2 grids are left out" in text
    assert "| text fit alone | 1 of 2 |" in text and "| preservation alone | 0 of 2 |" in text
    assert "| move | 1 | 1 | 33% |" in text and "| turn | 1 | 0 | 67% |" in text
    assert "5.0% of the grid's UNet evaluations and 10.0% of its time" in text


def test_only_rows_of_the_same_settings_are_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert report.read(path, SETTINGS) == []
    path.write_text("\n".join(json.dumps(one) for one in (row(8), row(0), row(16, settings={**SETTINGS, "seed": 2}))))
    assert [one["first"] for one in report.read(path, SETTINGS)] == [0, 8]
