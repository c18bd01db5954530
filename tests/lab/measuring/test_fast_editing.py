"""The measurement of edits with less work: its projection, and its figures."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch

from lab.measuring import fast_editing, fast_editing_report
from lab.measuring.intervals import half_width


def test_a_blend_towards_the_projection_adds_only_what_is_not_along_the_source() -> None:
    generator = torch.Generator().manual_seed(0)
    target, source = (torch.randn(2, 5, 7, generator=generator) for _ in range(2))
    blend = 0.4 * fast_editing.projected(target, source) + 0.6 * source
    added = blend - source
    torch.testing.assert_close((added * source).sum(2), torch.zeros(2, 5), atol=1e-5, rtol=0)
    for i in range(2):
        for token in range(5):  # what is left of the target is a multiple of the source
            rest = target[i, token] - added[i, token] / 0.4
            cosine = torch.nn.functional.cosine_similarity(rest, source[i, token], dim=0)
            assert abs(float(cosine)) == pytest.approx(1, abs=1e-4)


def row(first: int, seed: int, fast: float, paper: float) -> dict[str, Any]:
    def verdicts(value: float) -> list[dict[str, float]]:
        return [{"edit": value, "kept": 0.5, "both": 0.0, "start": 7.0 + value}] * 2

    edits = {"paper": verdicts(paper), "fast": verdicts(fast)}
    solvers = {"adam": {"psnr": [30.0, 31.0], "updates": [6.0, 6.0]}}
    solvers["line_search"] = {"psnr": [30.5, 31.5], "updates": [1.0, 2.0]}
    common = {"first": first, "seed": seed, "settings": {"steps": 20, "cfg": 7.5}, "kinds": ["move"] * 2, "minutes": 1}
    return {**common, "edits": edits, **({"solvers": solvers} if seed == 0 else {})}


def test_differences_are_paired_by_picture_over_its_seeds() -> None:
    rows = [row(0, 0, 1.0, 0.0), row(0, 1, 0.0, 0.0), row(2, 0, 0.5, 1.0)]
    assert fast_editing_report.by_picture(rows, "fast", "edit", "paper") == [0.5, 0.5, -0.5, -0.5]
    assert fast_editing_report.by_picture(rows, "adam", "edit") == []
    assert half_width([0.0, 2.0]) == pytest.approx(1.96)  # deviation sqrt(2), over the root of two values


def test_the_report_tells_work_and_differences(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "FAST.md"
    fast_editing_report.write([row(0, 0, 1.0, 0.0), row(2, 0, 0.0, 0.0)], {"steps": 20, "cfg": 7.5}, out)
    text = out.read_text(encoding="utf-8")
    assert "4 pictures, 4 pairs" in text
    assert "| `adam` | 14.8 | 0.69 | 30.50 dB |" in text  # 2 + 6 * 2.14 of 3 + 6 * 3.08
    assert "| `line_search` | 6.7 | 0.31 | 31.00 dB (+0.50 ± 0.00 dB) |" in text  # 2 + 1.5 * 3.14
    assert "| 107 | 7.5 dB (+0.5 ± 0.6) | 50 % (+50 ± 57) |" in text


def test_nothing_measured_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SystemExit, match="nothing is measured"):
        fast_editing_report.write([], {"steps": 20, "cfg": 7.5}, tmp_path / "FAST.md")
