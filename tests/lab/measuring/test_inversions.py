"""The table of inversions: paired by picture, the cheapest first."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import pytest

from lab.measuring import inversions, inversions_report

SETTINGS = {"steps": 20, "cfg": 5.0}


def row(first: int, inversion: str, evaluations: float, psnr: float, done: list[float]) -> dict[str, Any]:
    edits = {"0.4": [{"edit": one, "kept": 0.5, "both": 0.0} for one in done]}
    psnrs = {"latent_psnr": [psnr] * len(done), "pixel_psnr": [psnr - 1] * len(done)}
    common = {"first": first, "inversion": inversion, "settings": SETTINGS, "minutes": 1.5}
    return {**common, "evaluations": evaluations, **psnrs, "edits": edits}


def test_differences_are_of_the_pictures_that_both_have(tmp_path: pathlib.Path) -> None:
    rows = [
        row(0, "direct", 3, math.inf, [1.0, 0.0]),
        row(2, "direct", 3, math.inf, [1.0, 1.0]),
        row(0, "ddim", 2, 30.0, [0.0, 0.0]),
    ]
    inversions_report.write(rows, SETTINGS, tmp_path / "TABLE.md", ["direct", "ddim", "null_text"])
    text = (tmp_path / "TABLE.md").read_text(encoding="utf-8")
    assert "4 pictures, 4 minutes of one core" in text
    assert "Not measured with these settings yet: null_text (" in text
    lines = [line for line in text.splitlines() if line.startswith(("| ddim", "| direct"))]
    # one of two pictures was done by `direct` and not by DDIM: -50, and 98 is 1.96 deviations over the root of two
    assert lines[0] == "| ddim | 2.0 | 30.0 ± 0.0 dB | 29.0 ± 0.0 dB | 30.0 ± 0.0 dB | 0 % (-50 ± 98) | 50 % (+0 ± 0) |"
    assert lines[1] == "| direct | 3.0 | exact | exact | lacks the offsets | 75 % | 50 % |"


def test_other_settings_are_other_results(tmp_path: pathlib.Path) -> None:
    assert inversions_report.read(tmp_path / "none.jsonl", SETTINGS) == []
    with pytest.raises(SystemExit, match="nothing is measured"):
        inversions_report.write([], SETTINGS, tmp_path / "TABLE.md")


@pytest.mark.usefixtures("host")
def test_every_method_is_measured() -> None:
    from single_image_studio.inversion.methods import METHODS

    assert {setting["method"] for setting in inversions.INVERSIONS.values()} == set(METHODS)
