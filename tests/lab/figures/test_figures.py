"""The demo's contact sheet and its curves."""

from __future__ import annotations

import pathlib

import pytest

from lab import ROOT
from lab.figures import curves, demo_sheet


def test_contact_sheet_and_curves_are_drawn(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("PIL")

    picture = str(ROOT / "lab" / "world" / "concepts" / "heart.png")
    rows = [{"caption": f"prompt {i}, " + "with many more words " * 8, "files": [picture, picture]} for i in range(5)]
    sheet = demo_sheet.contact_sheet(
        {"title": "t", "sources": [{"file": picture, "caption": "the one picture"}], "rows": rows}
    )
    assert sheet.width > 4 * 2 * demo_sheet.SIDE
    assert sheet.height > 3 * demo_sheet.SIDE
    series = {"loss": [3.0, 2.0, float("nan"), 1.0], "flat": [0.0, 0.0], "empty": []}
    assert (
        curves.curves([{"title": "Stage I", "series": series}, {"title": "Stage II", "series": {}}]).width
        == 2 * curves.WIDTH
    )


def test_axis_ticks_are_round_and_cover_the_values() -> None:

    assert curves.ticks(0.0, 0.93) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert curves.ticks(0.0, 0.0)[-1] > 0
    assert curves.smoothed([1.0, 1.0, 1.0]) == pytest.approx([1.0, 1.0, 1.0])
