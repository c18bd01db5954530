"""The measurement of shorter trainings: its work, its differences, its table."""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import Any

import pytest

from lab.measuring import pace, pace_report
from lab.measuring.pace import CHOSEN, LOOKED, WAYS, Way
from lab.measuring.pace_report import Results

REPORTS = pathlib.Path(__file__).parents[3] / "docs" / "reports"
SHORT = Way((20, 10), (8, 6), 2.0, "stratified", "cosine").settings()


def row(concept: int, way: dict[str, Any], value: float, seconds: float = 10.0) -> dict[str, Any]:
    names = {name for _, name in pace_report.SCORES.values()}
    rates = {prompt: dict.fromkeys(names, value) for prompt in ("asked", "class")}
    settings = {"images": 4, "sha256": "0123456789abcdef"}
    return {"concept": concept, "way": way, "rates": rates, "seconds": seconds, "settings": settings}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_operations_are_those_of_the_bench() -> None:
    lines = [cells(line) for line in (REPORTS / "BENCH.md").read_text(encoding="utf-8").splitlines()]
    counted = {(line[0], line[1]): float(line[4]) for line in lines if line[0] in ("I", "II")}
    for name, operations in (("ours", pace_report.OURS), ("published code", pace_report.PUBLISHED)):
        assert operations == (counted["I", name], counted["II", name])
    assert pace_report.operations(SHORT) == pytest.approx(20 * 8 * 2.52 + 10 * 6 * 4.36)


def test_differences_are_of_the_concepts_that_both_ways_have() -> None:
    full = Way().settings()
    rows = [row(3, full, 0.5), row(1, full, 1.0), row(2, SHORT, 0.0), row(3, SHORT, 0.75), row(1, SHORT, 0.5)]
    results = Results(rows, full)
    assert results.concepts(SHORT, 0, 9) == [1, 3] and results.concepts(SHORT, 2, 9) == [3]
    assert results.differences(SHORT, "pattern", [1, 3]) == [-0.5, 0.25]


def test_the_report_keeps_what_was_chosen_by_apart(tmp_path: pathlib.Path) -> None:
    full, out = Way().settings(), tmp_path / "PACE.md"
    rows = [row(0, full, 1.0), row(0, SHORT, 0.0)]
    rows += [row(i, full, 0.5, 20) for i in (1, 2)] + [row(i, SHORT, 0.75 * i, 5) for i in (1, 2)]
    pace_report.write(rows, {"full": full, "short": SHORT}, 1, out)
    looked, measured = out.read_text(encoding="utf-8").split("## Measured")
    assert [cells(line)[1] for line in looked.splitlines() if line.startswith("| **")] == ["1", "1"]
    last = [cells(line) for line in measured.splitlines() if line.startswith("| ")][-2:]
    assert last[0][0] == "**short**: 20 × 8 + 10 × 6, stratified, cosine from 2 times the rate"
    # 664.8 TFLOP of 1852.8, and of 3254.4; means of 0.75 and 1.5
    assert last[0][1:5] == ["2", "0.36", "0.20", "1.12"]
    assert last[1][-1] == "+0.62 ± 4.76"  # of +0.25 and +1.00: 12.71 · 0.375
    assert "0.20 of the published structure's operations, goal ≤ 0.25: met" in measured
    assert "none, every interval holds 0. Up to 4.14 less" in measured


def test_a_way_that_is_worse_and_dear_is_told() -> None:
    full, dear = Way().settings(), Way((39, 39)).settings()
    rows = [row(i, full, 1.0) for i in (1, 2, 3)] + [row(i, dear, 0.1 * i) for i in (1, 2, 3)]
    cost, scores = pace_report.verdict(Results(rows, full), {"full": full, "dear": dear}, 1)
    assert cost.endswith("0.56 of the published structure's operations, goal ≤ 0.25: **missed**.")
    assert "apart from the full way's: mean colour, pattern" in scores


def test_every_concept_is_measured_in_the_full_way_and_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace.sampling, "load", lambda path: None)
    monkeypatch.setattr(pace, "measure", lambda models, way, index, images: row(index, way.settings(), 1.0))
    args = argparse.Namespace(checkpoint=None, images=4, results=tmp_path / "results" / "pace.jsonl")
    todo = pace.work(2)
    assert sorted(index for index, name in todo if name == pace.FULL) == list(range(LOOKED + 2))
    assert {name for index, name in todo if index >= LOOKED} == set(CHOSEN) <= set(WAYS)
    done = pace.run(args, [], {}, todo[:3])
    assert len(pace.run(args, done, {}, todo)) == len(todo)
    lines = [json.loads(line) for line in args.results.read_text().splitlines()]
    assert len({(line["concept"], json.dumps(line["way"])) for line in lines}) == len(lines) == len(todo)


def test_nothing_measured_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SystemExit, match="nothing is measured"):
        pace_report.write([], {"full": Way().settings()}, 1, tmp_path / "PACE.md")
