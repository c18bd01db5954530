"""The campaign of cancels and faults: what is left to do, and what it tells."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lab.robustness import graphs, report, trials
from lab.robustness.campaign import Results


def row(part: str, number: int, **more: Any) -> dict[str, Any]:
    common = {"ended": "interrupted in SIS_TrainStage1", "same": True, "broken": [], "half_written": 0, "took": 0.2}
    return {"part": part, "number": number, **common, **more}


def test_what_was_measured_is_not_measured_again(tmp_path: pathlib.Path) -> None:
    results = Results(tmp_path / "lines")
    results.add(row("cancels", 2))
    results.add(row("faults", 1, site="vae", happened=False))
    again = Results(tmp_path / "lines")
    numbers = again.missing("cancels", 3)
    for expected in (1, 3):
        assert next(numbers) == expected
        again.add(row("cancels", expected))
    assert list(numbers) == []
    assert next(again.missing("faults", 1)) == 2, "a fault that did not happen is none"


def test_the_table_counts_trials_by_what_they_left() -> None:
    rows = [row("cancels", 1), row("cancels", 2, took=1.0, same=False), row("cancels", 3, ended="success", took=0.1)]
    rows += [
        row("faults", i, site="vae", error="error", happened=i != 3, ended="success" if i == 2 else "VAEEncode: no")
        for i in (1, 2, 3)
    ]
    rows += [row("faults", 4, site="vae", error="memory", same=False, ended="VAEEncode: full")]
    rows += [row("late", i, reached=27, **{"from": 28 if i < 3 else 1}, same=i != 2) for i in (1, 2, 3)]
    rows += [row("late", 4, reached=30, **{"from": 30}, ended="success")]
    rows += [{"part": "kills", "number": 1, "written": 7, "broken": ["a"], "half_written": 1}]
    made = report.text(rows)
    assert "| cancels at random times | 3 | 2 of 3 | 0 of 3 | 0 of 3 |" in made
    assert "| faults: vae | 2 | 2 of 2 | 0 of 2 | 0 of 2 |" in made
    assert "| kill -9 while saving | 1 | – | 1 of 1 | 1 of 1 |" in made
    assert "0.20 s (median; 1.00 s at most), in: SIS_TrainStage1 2, after the end 1." in made
    assert "| out of memory: vae | 1 | 0 of 1 | 0 of 1 | 0 of 1 |" in made
    assert "1 of 3 runs with a fault went on to their end; the others ended in: VAEEncode 2." in made
    assert "4 trainings were cancelled at 90 %" in made
    assert ": 3 ended in time, 2 of these went on where they had stopped, and 2 of 3 saved the same bits" in made


def test_a_queue_s_growth_is_told_from_when_it_is_warm() -> None:
    def held(number: int) -> dict[str, Any]:
        rss = 2**30 if number <= 150 else 1.01 * 2**30
        return {
            "part": "queue",
            "number": number,
            "rss": rss,
            "handles": 50,
            "threads": 9,
            "temp_files": 0,
            "failed": "",
        }

    made = report.text([held(number) for number in range(10, 301, 10)])
    assert "| memory (MB) | 1024 | 1034 | +1.0 % |" in made and "| files in temp | 0 | 0 | none |" in made
    assert "Failed: 0." in made
    assert "A queue of" not in report.text([held(number) for number in range(10, 101, 10)])


def test_nothing_measured_is_told() -> None:
    with pytest.raises(SystemExit, match="nothing is measured"):
        report.text([])


def test_files_that_cannot_be_read_are_found(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / trials.PACK / "concepts"
    folder.mkdir(parents=True)
    save_file({"a": torch.ones(9)}, folder / "good.safetensors")
    whole = (folder / "good.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-8])
    (folder / ".good.0123456789ab.tmp").write_bytes(whole)
    assert trials.broken(tmp_path) == ["cut.safetensors"] and trials.half_written(tmp_path) == 1


def test_the_workflows_are_told_apart_by_their_number() -> None:
    for make in (graphs.learning, graphs.editing, graphs.stock):
        assert make(1) == make(1) != make(2)
