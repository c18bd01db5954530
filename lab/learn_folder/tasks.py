"""The unit of work, what comes of it, and who does it."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Protocol

from ..hosting.client import Prompt


@dataclass(frozen=True)
class Task:
    """One picture to learn from.

    file: its path in the folder, with slashes, by which it is told and found again.
    path: where it is here.
    name: what its concept is called.
    class_word: what it shows.
    sha256: of its bytes.
    upload_as: its name in a host's input folder, the same on every machine.
    prompt: the whole API workflow, which says everything that the result depends on.
    settings: a hash of that workflow.
    """

    file: str
    path: pathlib.Path
    name: str
    class_word: str
    sha256: str
    upload_as: str
    prompt: Prompt
    settings: str


@dataclass(frozen=True)
class Learned:
    """What a machine gives back. concept: the concept file. overlay, pictures: PNG files, what was found in the
    picture and what was drawn with the concept. seconds: from the upload on."""

    concept: bytes
    overlay: bytes
    pictures: tuple[bytes, ...]
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A picture without a concept. file: as in Task. reason: a sentence."""

    file: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """How a task ended. worker: who did it, or failed last."""

    task: Task
    worker: str
    result: Learned | Failure


class TaskFailed(Exception):
    """A workflow ended without its result; the worker can go on with others."""


class WorkerLost(Exception):
    """A worker did not end a workflow. for_good: it need not be asked again."""

    def __init__(self, message: str, for_good: bool = False) -> None:
        self.for_good = for_good
        super().__init__(message)


class Worker(Protocol):
    """A ComfyUI, wherever it is, that does one task at a time. name: unlike the others'."""

    name: str

    def learn(self, task: Task, picture: bytes) -> Learned:
        """Does the whole task. picture: the file's bytes.

        Raises: TaskFailed, WorkerLost.
        """

    def come_back(self) -> bool:
        """After a loss: whether it is there again, once that is known."""
