"""Tasks, shared among workers of which some are lost."""

from __future__ import annotations

import io
import pathlib
import sys
import threading
from collections.abc import Callable, Sequence

import pytest

from lab.learn_folder.pool import MOST_LOSSES, Pool
from lab.learn_folder.tasks import Failure, Learned, Outcome, Task, TaskFailed, Worker, WorkerLost


class Fake:
    """does: what a task comes to; a result, or an exception to raise. back: whether it comes back after a loss."""

    def __init__(self, name: str, does: Callable[[str], Learned | Exception], back: bool = True) -> None:
        self.name, self.does, self.back = name, does, back
        self.tried: list[str] = []

    def learn(self, task: Task, picture: bytes) -> Learned:
        self.tried.append(task.file)
        done = self.does(task.file)
        if isinstance(done, Exception):
            raise done
        return done

    def come_back(self) -> bool:
        return self.back


def learned(file: str) -> Learned:
    return Learned(file.encode(), b"", (), 1.0)


def tasks(tmp_path: pathlib.Path, count: int) -> list[Task]:
    made = [Task(str(i), tmp_path / str(i), f"n{i}", "dog", "", "", {}, "") for i in range(count)]
    for task in made:
        task.path.touch()
    return made


def run(todo: Sequence[Task], *workers: Worker) -> tuple[dict[str, Outcome], Pool]:
    pool = Pool(todo, workers)
    return {outcome.task.file: outcome for outcome in pool.outcomes()}, pool


def failure(outcome: Outcome) -> str:
    assert isinstance(outcome.result, Failure)
    return outcome.result.reason


def test_every_task_is_done_once_whoever_does_it(tmp_path: pathlib.Path) -> None:
    both = threading.Barrier(2, timeout=30)

    def meets(file: str) -> Learned:
        if file in "01":
            both.wait()  # two are at work at the same time
        return learned(file)

    workers = Fake("a", meets), Fake("b", meets)
    done, pool = run(tasks(tmp_path, 9), *workers)
    assert {file: outcome.result for file, outcome in done.items()} == {str(i): learned(str(i)) for i in range(9)}
    assert sorted(workers[0].tried + workers[1].tried) == [str(i) for i in range(9)]
    assert all(worker.tried for worker in workers) and not pool.left_out


def test_a_lost_worker_s_task_is_done_elsewhere(tmp_path: pathlib.Path) -> None:
    lost = threading.Event()

    def breaks(_: str) -> Learned | Exception:
        lost.set()
        return WorkerLost("killed")

    def waits(file: str) -> Learned:
        assert lost.wait(30)
        return learned(file)

    broken, sound = Fake("broken", breaks, back=False), Fake("sound", waits)
    done, pool = run(tasks(tmp_path, 4), broken, sound)
    assert all(isinstance(outcome.result, Learned) and outcome.worker == "sound" for outcome in done.values())
    assert len(broken.tried) == 1 and sorted(sound.tried) == list("0123")
    assert pool.left_out == {"broken": "killed"}


def test_a_worker_that_comes_back_leaves_what_it_was_lost_at_to_the_others(tmp_path: pathlib.Path) -> None:
    broken = Fake("broken", lambda _: WorkerLost("500"))
    done, _ = run(tasks(tmp_path, 4), broken, Fake("sound", learned))
    assert all(isinstance(outcome.result, Learned) for outcome in done.values())
    assert len(set(broken.tried)) == len(broken.tried) <= MOST_LOSSES


def test_a_picture_that_breaks_every_worker_is_given_up_and_the_others_go_on(tmp_path: pathlib.Path) -> None:
    only = Fake("a", lambda file: WorkerLost("killed") if file == "1" else learned(file))
    done, pool = run(tasks(tmp_path, 4), only, Fake("b", only.does))
    assert failure(done["1"]).startswith(f"{MOST_LOSSES} times a ComfyUI was lost")
    assert all(isinstance(done[file].result, Learned) for file in "023")


def test_a_picture_that_breaks_the_only_worker_comes_last(tmp_path: pathlib.Path) -> None:
    only = Fake("a", lambda file: WorkerLost("killed") if file == "0" else learned(file))
    done, _ = run(tasks(tmp_path, 4), only)
    assert failure(done["0"]).startswith(f"{MOST_LOSSES} times a ComfyUI was lost")
    assert all(isinstance(done[file].result, Learned) for file in "123")


def test_a_terminal_that_is_gone_stops_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    tries = iter("012")
    monkeypatch.setattr(sys, "stderr", Gone())
    only = Fake("a", lambda file: WorkerLost("killed") if next(tries, "") == "0" else learned(file))
    done, _ = run(tasks(tmp_path, 2), only)
    assert all(isinstance(outcome.result, Learned) for outcome in done.values())


def test_a_worker_that_is_lost_again_and_again_is_left_out(tmp_path: pathlib.Path) -> None:
    broken = Fake("broken", lambda _: WorkerLost("500"))
    done, pool = run(tasks(tmp_path, 3), broken)
    assert len(broken.tried) == MOST_LOSSES
    assert failure(done["0"]).endswith("500") and "no ComfyUI was left" in failure(done["1"])
    assert pool.left_out == {"broken": "500"}


def test_what_fails_on_one_worker_is_tried_on_another_before_it_is_told(tmp_path: pathlib.Path) -> None:
    full = Fake("full", lambda _: TaskFailed("the disk is full"))
    sound = Fake("sound", lambda file: TaskFailed("no dog was found") if file == "2" else learned(file))
    done, _ = run(tasks(tmp_path, 5), full, sound)
    assert all(isinstance(done[file].result, Learned) for file in "0134")
    assert failure(done["2"]) in ("no dog was found", "the disk is full")
    assert sound.tried.count("2") == 1 and full.tried.count("2") <= 1


def test_with_one_worker_a_failure_is_told_at_once(tmp_path: pathlib.Path) -> None:
    only = Fake("only", lambda file: TaskFailed("no dog was found") if file == "0" else learned(file))
    done, _ = run(tasks(tmp_path, 2), only)
    assert failure(done["0"]) == "no dog was found" and only.tried == ["0", "1"]


def test_a_run_that_is_stopped_begins_nothing_more_and_brings_nobody_back(tmp_path: pathlib.Path) -> None:
    stopped, asked = threading.Event(), []

    def does(file: str) -> Learned | Exception:
        if file == "0":
            return learned(file)
        assert stopped.wait(30)
        return WorkerLost("its ComfyUI was stopped")

    class Watched(Fake):
        def come_back(self) -> bool:
            asked.append(self.name)
            return True

    worker = Watched("a", does)
    before = set(threading.enumerate())
    pool = Pool(tasks(tmp_path, 9), [worker])
    outcomes = pool.outcomes()
    assert next(outcomes).task.file == "0"
    (thread,) = set(threading.enumerate()) - before
    outcomes.close()
    stopped.set()
    thread.join(30)
    assert not thread.is_alive() and worker.tried in (["0"], ["0", "1"])
    assert not asked and not pool.left_out


def test_what_nobody_thought_of_stops_nothing(tmp_path: pathlib.Path) -> None:
    done, _ = run(tasks(tmp_path, 2), Fake("a", lambda file: ZeroDivisionError() if file == "0" else learned(file)))
    assert "ZeroDivisionError" in failure(done["0"]) and isinstance(done["1"].result, Learned)


def test_a_picture_that_is_gone_by_its_turn_needs_no_worker(tmp_path: pathlib.Path) -> None:
    todo = tasks(tmp_path, 2)
    todo[0].path.unlink()
    worker = Fake("a", learned)
    done, _ = run(todo, worker)
    assert "cannot be read" in failure(done["0"]) and worker.tried == ["1"]


@pytest.mark.parametrize("count", [0, 1])
def test_no_tasks_and_no_workers_end_too(tmp_path: pathlib.Path, count: int) -> None:
    done, _ = run(tasks(tmp_path, count))
    assert len(done) == count
