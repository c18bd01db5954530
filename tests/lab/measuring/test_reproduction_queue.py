"""The reproduction's queue: what is measured, in which order, and that any run goes on."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from lab.measuring import results
from lab.measuring.reproduction import values, work
from lab.measuring.reproduction.edit_part import BATCH
from lab.measuring.reproduction.rows import ROWS
from lab.measuring.reproduction.work import Task

MODEL = {"sha256": "0" * 16}
SETTINGS = {"concept": {"seeds": 1, **MODEL}, "picture": MODEL}


class Scribe:
    """Writes down what it is asked for."""

    def __init__(self, most: int = 10**6) -> None:
        self.asked: list[Task] = []
        self._most = most

    def measure(self, task: Task) -> dict[str, Any]:
        if len(self.asked) == self._most:
            raise KeyboardInterrupt
        self.asked.append(task)
        line: dict[str, Any] = {task.part: task.index, "cpu_seconds": 0.0}
        return line | ({"row": task.row} if task.row else {})


def test_every_row_of_a_concept_comes_after_what_it_starts_from() -> None:
    for index in range(12):
        mine = [task.row for task in work.tasks(12, 0) if task == Task("concept", index, task.row)]
        for number, key in enumerate(mine):
            start = ROWS[key].starts_from
            assert not start or start in mine[:number], f"{key} before {start}"


def test_the_losses_come_first_then_all_rows_advance_evenly_and_none_is_left_out() -> None:
    asked = list(work.tasks(24, 40))
    assert len(asked) == len(set(asked)) and {task.row for task in asked} == {*ROWS, ""}
    losses = [key for key, row in ROWS.items() if "losses" in row.tables]
    defaults = [task for task in asked if task.row.endswith("nodes")]
    others = [task for task in asked if task.row and task.row not in losses and task not in defaults]
    assert asked[-len(others + defaults) :] == others + defaults
    for reached in range(24):  # a run that stopped with this concept done
        for key in {task.row for task in others}:
            done = sum(task.row == key for task in others if task.index <= reached)
            assert abs(done - (reached + 1 - ROWS[key].first) / ROWS[key].every) < 1, key
    assert [task.index for task in others] == sorted(task.index for task in others)
    first = asked[: -len(others + defaults)]
    for reached in range(1, 24):
        ends = [number for number, task in enumerate(first) if task.part == "concept" and task.index > reached]
        done = first[: ends[0]] if ends else first
        assert all(sum(task.row == key for task in done) == reached + 1 for key in losses)
        assert abs(sum(not task.row for task in done) - (reached + 1) / 2) <= 1 or reached > 19
    assert sum(not task.row for task in asked) == 40 / BATCH


def test_a_run_goes_on_where_it_stopped(tmp_path: pathlib.Path) -> None:
    path, first, second = tmp_path / "r.jsonl", Scribe(most=5), Scribe()
    with pytest.raises(KeyboardInterrupt):
        work.run(path, SETTINGS, work.tasks(2, 4), first)
    assert len(results.read_rows(path, None)) == 5
    work.run(path, SETTINGS, work.tasks(2, 4), second)
    assert first.asked + second.asked == list(work.tasks(2, 4))
    third = Scribe()
    work.run(path, SETTINGS, work.tasks(2, 4), third)
    assert not third.asked


def test_results_of_another_checkpoint_are_refused(tmp_path: pathlib.Path) -> None:
    other = {name: {**own, "sha256": "1" * 16} for name, own in SETTINGS.items()}
    work.run(tmp_path / "r.jsonl", SETTINGS, work.tasks(1, 0), Scribe())
    with pytest.raises(SystemExit, match="sha256"):
        work.run(tmp_path / "r.jsonl", other, work.tasks(1, 0), Scribe())


def test_fewer_pictures_serve_until_more_are_drawn(tmp_path: pathlib.Path) -> None:
    path, five, again = tmp_path / "r.jsonl", {**SETTINGS, "concept": {"seeds": 5, **MODEL}}, Scribe()
    work.run(path, SETTINGS, work.tasks(2, 0), Scribe())
    work.run(path, five, work.tasks(1, 0), again)
    assert again.asked == list(work.tasks(1, 0))
    lines = [{"scores": {"likeness": 0.5}, "heat": None} | line for line in results.read_rows(path, None)]
    found = values.of_concepts(lines)
    assert found["I plain"][values.PICTURES] == {0: 5, 1: 1} and len(lines) == 3 * len(again.asked)


def test_pictures_that_were_edited_stay_when_more_of_a_prompt_are_drawn(tmp_path: pathlib.Path) -> None:
    path, second = tmp_path / "r.jsonl", Scribe()
    work.run(path, SETTINGS, work.tasks(0, 4), Scribe())
    work.run(path, {**SETTINGS, "concept": {"seeds": 5, **MODEL}}, work.tasks(1, 4), second)
    assert second.asked == [task for task in work.tasks(1, 4) if task.part == "concept"]


def test_several_processes_share_everything_without_a_task_done_twice() -> None:
    shares = [list(work.tasks(7, 20, (i, 3))) for i in range(3)]
    assert sorted(sum(shares, []), key=str) == sorted(work.tasks(7, 20), key=str)
    assert all({task.place % 3 for task in share} == {i} for i, share in enumerate(shares))
