"""A folder of three pictures, what is learned from it with few steps, and workers that are watched."""

from __future__ import annotations

import io
import pathlib
import shutil
import threading

import numpy as np
from PIL import Image
from safetensors.torch import load

from lab import ROOT
from lab.jobs import jobs, learn
from lab.learn_folder import graph, pictures
from lab.learn_folder.tasks import Learned, Outcome, Task, Worker

FEW: jobs.Overrides = {"Stage I": {"batch_size": 2}, "Stage II": {"batch_size": 2}, "Sampler": {"steps": 2}}


def three_pictures(folder: pathlib.Path) -> list[Task]:
    """heart/my_heart.png and two more, put into the folder, as tasks for the demo model."""
    for word in ("heart", "star", "square"):
        (folder / word).mkdir(parents=True)
        shutil.copyfile(ROOT / "lab" / "world" / "concepts" / f"{word}.png", folder / word / f"my_{word}.png")
    with jobs.settings_of(learn.SETTINGS) as overrides:
        few = {title: overrides.get(title, {}) | FEW.get(title, {}) for title in {**overrides, **FEW}}
    common = graph.template(graph.Settings(overrides=few, prompts=["PHRASE"], steps=2, stage2_steps=2))
    found, failures = pictures.find(folder)
    assert not failures
    return [graph.task(picture, picture.path.read_bytes(), common, 0) for picture in found]


class Told:
    """A worker that begins when it is told to. calls: how often it did."""

    def __init__(self, worker: Worker, begin: threading.Event | None = None) -> None:
        self.name, self.calls, self.come_back = worker.name, 0, worker.come_back
        self._worker, self._begin = worker, begin

    def learn(self, task: Task, picture: bytes) -> Learned:
        self.calls += 1
        assert self._begin is None or self._begin.wait(600)
        return self._worker.learn(task, picture)


def learned(outcome: Outcome) -> Learned:
    """What a task came to, which must not be a failure."""
    assert isinstance(outcome.result, Learned), outcome.result
    return outcome.result


def same_bits(one: Learned, other: Learned) -> bool:
    """Whether two results have the same numbers in the concept, and the same pixels in one picture drawn with it."""
    ours, theirs = load(one.concept), load(other.concept)
    pixels = [np.asarray(Image.open(io.BytesIO(data))) for data in (*one.pictures, *other.pictures)]
    tensors = ours.keys() == theirs.keys() and all(bool((ours[name] == theirs[name]).all()) for name in ours)
    return tensors and len(pixels) == 2 and np.array_equal(*pixels)
