"""When a training's state is kept, and how little a state that does not fit, or cannot be written, costs."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from single_image_studio.concept.training_state import Misfit, TrainingState
from single_image_studio.host.identity import versions
from single_image_studio.pipelines import resuming
from single_image_studio.pipelines.resuming import StateKeeper
from single_image_studio.support import warnings
from single_image_studio.support.bounded_folder import BoundedFolder
from single_image_studio.support.warnings import Warned, warn

KEY = "0123456789abcdef" * 2
MEGABYTE = torch.arange(2**18, dtype=torch.float32)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Training:
    """A training as its keeper sees it: `step` takes a second. slow: how long writing takes."""

    def __init__(self, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, slow: float = 0.0, **folder: Any) -> None:
        bounds = {"most_files": 4, "most_bytes": 2**26, "days": 7, "left_free": 0} | folder
        self.clock, self.done, self.written = Clock(), 0, []
        self.folder = BoundedFolder(path / "states", **bounds)
        monkeypatch.setattr(StateKeeper, "bytes_a_second", 500e6)
        keep = BoundedFolder.keep

        def slowly(shelf: BoundedFolder, *args: Any) -> None:
            self.written.append(self.done)
            self.clock.now += slow
            keep(shelf, *args)

        monkeypatch.setattr(BoundedFolder, "keep", slowly)
        self.keeper = StateKeeper(self.folder, KEY, 400, self.clock)
        self.keeper.go_on(lambda _: None)

    def take(self) -> TrainingState:
        return TrainingState({"weights": MEGABYTE}, {"done": self.done})

    def steps(self, count: int, seconds: float = 1.0) -> None:
        for _ in range(count):
            self.clock.now += seconds
            self.done += 1
            self.keeper.passed(self.take)


def found(folder: BoundedFolder, restore: Callable[[TrainingState], None]) -> list[str]:
    """What a new training of the same key is told."""
    with warnings.collecting("test") as warned:
        StateKeeper(folder, KEY, 400).go_on(restore)
    return [warning.text for warning in warned]


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path


def test_a_state_is_kept_once_a_minute(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(path, monkeypatch)
    training.steps(200)
    assert training.written == [60, 120, 180]


def test_slow_writing_takes_a_hundredth_of_the_time_at_most(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(path, monkeypatch, slow=5.0)
    training.steps(1200)
    assert training.written == [60, 560, 1060]  # after the first, how slow it is is known


def test_the_last_state_is_kept_where_more_than_seconds_would_be_lost(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(path, monkeypatch)
    training.steps(19)
    training.keeper.ended(training.take)
    assert not training.written
    training.steps(11)
    training.keeper.ended(training.take)
    assert training.written == [30]
    training.keeper.ended(training.take)
    assert training.written == [30]


def test_the_last_state_is_not_kept_where_that_takes_longer_than_it_is_worth(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(path, monkeypatch, slow=5.0)
    training.steps(60 + 90)
    training.keeper.ended(training.take)
    training.steps(10)
    training.keeper.ended(training.take)
    assert training.written == [60, 160]


def test_a_state_goes_on_with_its_warnings(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(path, monkeypatch)
    with warnings.collecting("test"):
        warn("micro_batches", size=3)
        warn("went_on", done=1, steps=2)  # of the run before
        training.steps(60)
    states: list[TrainingState] = []
    told = found(training.folder, states.append)
    assert torch.equal(states[0].tensors["weights"], MEGABYTE) and states[0].facts == {"done": 60}
    micro_batches = warnings.SENTENCES["micro_batches"].format(size=3)
    assert told == ["Went on from step 60 of 400, which was kept.", micro_batches]


def test_nothing_is_told_where_nothing_is_kept(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(Training(path, monkeypatch).folder, pytest.fail) == []


def test_a_state_that_does_not_fit_is_told(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(path, monkeypatch)
    training.steps(60)

    def refuse(_: TrainingState) -> None:
        raise Misfit(Warned("state_beyond_steps", {"done": 60, "steps": 40}))

    assert found(training.folder, refuse) == [
        "What was kept of this training is of step 60, and `steps` is 40, so it began anew."
    ]


DAMAGED = "What was kept of this training is damaged, so it began anew."
OF_ANOTHER_VERSION = warnings.SENTENCES["state_of_another_version"]


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x80\x04\x95pickle", b"<html>", b"\xff" * 400, None], ids=repr
)
def test_a_file_that_is_no_state_is_told(
    content: bytes | None, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(path, monkeypatch)
    training.steps(60)
    (file,) = training.folder.path.iterdir()
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    assert found(training.folder, pytest.fail) == [DAMAGED]
    training.steps(60)  # and is replaced
    assert found(training.folder, lambda _: None) == ["Went on from step 120 of 400, which was kept."]


def test_a_file_of_another_kind_or_version_is_told(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(path, monkeypatch)
    good = {"format": resuming.FORMAT, "versions": versions(), "facts": '{"done": 1}', "warned": "[]"}
    folder = training.folder
    folder.path.mkdir()

    def told(metadata: dict[str, str]) -> list[str]:
        save_file({"weights": MEGABYTE[:4]}, folder.path / f"{KEY}.safetensors", metadata)
        return found(folder, lambda _: None)

    assert told(good) == ["Went on from step 1 of 400, which was kept."]
    for other in ({"format": "single_image_studio.concept"}, {"versions": "0" * 16}, {"versions": ""}):
        assert told(good | other) == [OF_ANOTHER_VERSION]
    unknown = [{"id": "no_such_warning", "values": {}}]
    long = [{"id": "micro_batches", "values": {"size": "9" * 2000}}]
    for facts in ("", "[]", "{", "[" * 100_000):
        assert told(good | {"facts": facts}) == [DAMAGED]
    for warned in ("5", "{}x", "[5]", "[{}]", json.dumps(unknown), json.dumps(long), json.dumps(long[:1] * 99)):
        assert told(good | {"warned": warned}) == [DAMAGED]


def test_a_full_disk_is_warned_of_once(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(path, monkeypatch, left_free=2**60)
    with warnings.collecting("test") as warned:
        training.steps(200)
        training.keeper.ended(training.take)
    assert training.written == [60]
    assert [warning.text for warning in warned] == [
        "The state of this training could not be kept (No space left on device): if it is cancelled, it will begin"
        " anew."
    ]


def test_a_folder_that_cannot_be_made_is_warned_of(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path / "states").write_text("")
    training = Training(path, monkeypatch)
    with warnings.collecting("test") as warned:
        training.steps(70)
    assert [warning.id for warning in warned] == ["state_not_kept"]
