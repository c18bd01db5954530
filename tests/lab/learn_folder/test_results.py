"""What is kept, and what a second run finds of it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import pathlib
import shutil
import sys
from typing import Any

import pytest

from lab import DevError
from lab.learn_folder import results as module
from lab.learn_folder.report import Report
from lab.learn_folder.results import Results
from lab.learn_folder.tasks import Failure, Learned, Outcome, Task

REX = Task("dog/rex.png", pathlib.Path("rex.png"), "rex", "dog", "picture", "x.png", {}, "settings")
MAX = dataclasses.replace(REX, file="dog/max.png", name="max")
LEARNED = Learned(b"concept", b"overlay", (b"one", b"two"), 3.5)


def opened(tmp_path: pathlib.Path) -> Results:
    return Results.opened(tmp_path / "out", tmp_path / "concepts")


def keep(results: Results, task: Task = REX, result: Learned | Failure = LEARNED) -> Any:
    return results.keep(Outcome(task, "server", result))


def test_a_concept_its_pictures_and_its_line_are_kept(tmp_path: pathlib.Path) -> None:
    row = keep(opened(tmp_path))
    assert (tmp_path / "concepts" / "rex.safetensors").read_bytes() == b"concept"
    written = {path.name: path.read_bytes() for path in (tmp_path / "out" / "pictures").iterdir()}
    assert written == {"rex_mask.png": b"overlay", "rex_1.png": b"one", "rex_2.png": b"two"}
    assert json.loads((tmp_path / "out" / "learned.jsonl").read_text()) == row


@pytest.mark.parametrize(
    ("change", "done"),
    [({}, True), ({"settings": "others"}, False), ({"name": "max"}, False), ({"file": "cat/rex.png"}, False)],
)
def test_only_the_same_picture_with_the_same_settings_is_done(
    tmp_path: pathlib.Path, change: dict[str, Any], done: bool
) -> None:
    keep(opened(tmp_path))
    assert opened(tmp_path).is_done(dataclasses.replace(REX, **change)) is done


def test_a_concept_that_is_gone_or_changed_is_not_done(tmp_path: pathlib.Path) -> None:
    keep(opened(tmp_path))
    path = tmp_path / "concepts" / "rex.safetensors"
    path.write_bytes(b"changed")
    assert not opened(tmp_path).is_done(REX)
    path.unlink()
    assert not opened(tmp_path).is_done(REX)


def test_another_s_concept_is_never_overwritten_and_one_s_own_is(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "concepts" / "rex.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"another's")
    failure = opened(tmp_path).in_the_way(REX)
    assert failure is not None and "not from this folder's earlier runs" in failure.reason
    path.unlink()
    keep(opened(tmp_path))
    assert opened(tmp_path).in_the_way(dataclasses.replace(REX, settings="others")) is None
    keep(opened(tmp_path), REX, dataclasses.replace(LEARNED, concept=b"newer"))
    assert path.read_bytes() == b"newer" and opened(tmp_path).is_done(REX)


def test_a_concept_that_came_while_its_picture_was_learned_is_not_overwritten(tmp_path: pathlib.Path) -> None:
    results = opened(tmp_path)
    assert results.in_the_way(REX) is None
    path = tmp_path / "concepts" / "rex.safetensors"
    path.write_bytes(b"an artist's")
    reason = keep(results).reason
    assert reason.startswith("it was learned, but") and str(path) in reason
    assert path.read_bytes() == b"an artist's" and not opened(tmp_path).is_done(REX)


def test_a_concept_that_a_lost_server_left_in_the_same_folder_is_the_one_that_was_learned(
    tmp_path: pathlib.Path,
) -> None:
    results = opened(tmp_path)
    (tmp_path / "concepts" / "rex.safetensors").write_bytes(LEARNED.concept)
    assert keep(results)["name"] == "rex" and opened(tmp_path).is_done(REX)


def test_what_a_full_disk_has_cut_off_is_in_nobody_s_way(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever write is the first that fails."""
    write_line, write_file = pathlib.Path.open, module.write

    def attempt(full_at: int) -> None:
        writes = iter(range(9))

        def room() -> None:
            if next(writes) == full_at:
                raise OSError(errno.ENOSPC, "No space left on device")

        def line(path: pathlib.Path, mode: str = "r", **options: Any) -> Any:
            if mode == "a":
                room()
            return write_line(path, mode, **options)

        def file(path: pathlib.Path, data: bytes) -> None:
            room()
            write_file(path, data)

        monkeypatch.setattr(pathlib.Path, "open", line)
        monkeypatch.setattr(module, "write", file)
        assert "the disk is full" in keep(results, result=dataclasses.replace(LEARNED, concept=b"newer")).reason
        monkeypatch.undo()

    keep(opened(tmp_path))
    for full_at in range(5):
        results = opened(tmp_path)
        attempt(full_at)
        assert opened(tmp_path).in_the_way(REX) is None
    keep(opened(tmp_path), result=dataclasses.replace(LEARNED, concept=b"newer"))
    assert opened(tmp_path).is_done(REX)


def test_any_folder_s_name_is_read_again(tmp_path: pathlib.Path) -> None:
    odd = dataclasses.replace(REX, file="hot\u2028\x85dog/rex.png", class_word="hot\u2028\x85dog")
    keep(opened(tmp_path), odd)
    assert opened(tmp_path).is_done(odd)


def test_a_line_that_a_kill_cut_off_costs_that_picture_alone(tmp_path: pathlib.Path) -> None:
    keep(opened(tmp_path))
    with (tmp_path / "out" / "learned.jsonl").open("ab") as lines:
        lines.write('{"file": "犬/マックス.png", "na'.encode()[:15])
    keep(opened(tmp_path), MAX)
    again = opened(tmp_path)
    assert again.is_done(REX) and again.is_done(MAX)


def test_a_line_that_a_full_disk_cut_off_costs_that_picture_alone(tmp_path: pathlib.Path) -> None:
    """Where there is room again within the same run."""
    results = opened(tmp_path)
    keep(results)
    with (tmp_path / "out" / "learned.jsonl").open("a") as lines:
        lines.write('{"file": "dog/ben.png", "na')
    keep(results, MAX)
    assert opened(tmp_path).is_done(MAX) and opened(tmp_path).in_the_way(MAX) is None


def test_a_full_disk_is_told_and_leaves_nothing_half(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = opened(tmp_path)
    keep(results)

    def full(path: pathlib.Path, data: bytes) -> None:
        path.open("wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    assert "the disk is full" in keep(results, MAX).reason
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.tmp")) and not list(tmp_path.rglob("max*"))
    assert not opened(tmp_path).is_done(MAX) and opened(tmp_path).is_done(REX)


def test_nothing_is_learned_that_could_not_be_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = opened(tmp_path)
    assert results.room(REX) is None
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=10))
    failure = results.room(REX)
    assert failure is not None and failure.file == REX.file and "full" in failure.reason
    monkeypatch.undo()
    results.concepts.rmdir()
    failure = results.room(REX)
    assert failure is not None and failure.reason.startswith(f"{results.concepts} is gone (No such file")


def test_folders_that_cannot_be_made_are_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(DevError, match="choose --output"):
        opened(tmp_path)


def test_the_report_says_what_failed_and_why(tmp_path: pathlib.Path) -> None:
    results = opened(tmp_path)
    report = Report(3, 4, [Failure("b.png", "no class word")])
    report.add(keep(results))
    report.add(keep(results, MAX, Failure("dog/max.png", "no dog was found")))
    text = report.save({"http://a": "gone"}, results)
    lines = text.splitlines()
    assert lines[0].startswith("1 concept learned in") and str(results.concepts) in lines[0]
    assert lines[1].startswith("4 concepts there already") and lines[2].startswith("1 picture not tried")
    assert lines[3:] == [
        "2 pictures without a concept:", "  b.png: no class word", "  dog/max.png: no dog was found",
        "given up: http://a: gone", "The same command again does what is missing, and only that.",
    ]  # fmt: skip
    assert (tmp_path / "out" / "report.txt").read_text() == text
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert facts["failed"][1] == {"file": "dog/max.png", "reason": "no dog was found"}
    assert facts["learned"][0]["name"] == "rex" and facts["given_up"] == {"http://a": "gone"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_folder_whose_name_is_no_text_is_told_too(tmp_path: pathlib.Path) -> None:
    concepts = tmp_path / os.fsdecode(b"caf\xe9")
    Report(0, 0, []).save({}, Results.opened(tmp_path / "out", concepts))
    assert "caf\\udce9" in (tmp_path / "out" / "report.txt").read_text("utf-8")
