"""The output folder: what is kept of each picture, so that a second run only does what is missing.

    learned.jsonl      a line for each concept that was learned, the newest of a picture last
    pictures/          NAME_mask.png: what was found; NAME_1.png …: what was drawn with the concept
    report.txt, report.json, contact_sheet_1.jpg …

Concepts go into a folder of their own, a ComfyUI's models/single_image_studio/concepts where there is one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import secrets
import shutil
from dataclasses import dataclass, field
from typing import Any

from .. import DevError
from .tasks import Failure, Learned, Outcome, Task

ROOM = 2**26  # bytes that must be free before a picture's turn; a concept of SD 1.5 with its pictures needs a few MB
KEYS = {"file", "name", "settings", "bytes", "concept_sha256", "pictures"}
Row = dict[str, Any]


@dataclass
class Results:
    """output: the folder of pictures and reports. concepts: of the concept files. rows: of learned.jsonl, by the
    picture's file; by_name: the same by the concept's name. own: name and hash of every concept that it tells of."""

    output: pathlib.Path
    concepts: pathlib.Path
    rows: dict[str, Row] = field(default_factory=dict)
    by_name: dict[str, Row] = field(default_factory=dict)
    own: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def opened(cls, output: pathlib.Path, concepts: pathlib.Path) -> Results:
        """Makes both folders, and reads what earlier runs have learned.

        Raises: DevError when they cannot be made.
        """
        try:
            (output / "pictures").mkdir(parents=True, exist_ok=True)
            concepts.mkdir(parents=True, exist_ok=True)
            results = cls(output, concepts)
            for row in _rows(results._lines):
                results._tell(row)
            return results
        except OSError as error:
            raise DevError(
                f"{error.filename or output} cannot be written ({error.strerror}): choose --output"
            ) from error

    def is_done(self, task: Task) -> bool:
        """Whether its concept is there, from this very picture and these very settings."""
        row = self.rows.get(task.file)
        return row is not None and row["settings"] == task.settings and self._is_there(row, task)

    def in_the_way(self, task: Task) -> Failure | None:
        """Another's concept of the same name, which is never overwritten."""
        path = self._concept(task)
        if not path.exists():
            return None
        with contextlib.suppress(OSError):
            if task.name in self.by_name and (task.name, _sha256(path)) in self.own:
                return None
        return Failure(
            task.file, f"{path} is there already, and not from this folder's earlier runs: rename it, or the picture"
        )  # fmt: skip

    def room(self, task: Task) -> Failure | None:
        """No use to learn for minutes what cannot be kept."""
        for folder in (self.output, self.concepts):
            try:
                free = shutil.disk_usage(folder).free
            except OSError as error:
                return Failure(task.file, f"{folder} is gone ({error.strerror or error}): run again with it")
            if free < ROOM:
                return Failure(task.file, f"the disk that holds {folder} is full: make room and run again")
        return None

    def keep(self, outcome: Outcome) -> Row | Failure:
        """Writes what came of a task. The line comes first: what was stopped after it is told from another's concept,
        and `is_done` sees that it is not there."""
        task, learned = outcome.task, outcome.result
        if isinstance(learned, Failure):
            return learned
        failure = self.in_the_way(task)  # it came while the picture was learned
        if failure and not self._holds(task, learned.concept):
            return Failure(task.file, f"it was learned, but {failure.reason}, and run again")
        pictures = _pictures(task, learned)
        row = _row(outcome, learned, list(pictures))
        self._tell(row)
        try:
            _end_cut_off_line(self._lines)  # of a write that failed meanwhile
            with self._lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            for name, data in pictures.items():
                write(self.output / "pictures" / name, data)
            write(self._concept(task), learned.concept)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
            reason = "the disk is full: make room" if full else f"its results could not be written ({error})"
            return Failure(task.file, f"it was learned, but {reason} and run again")
        return row

    @property
    def _lines(self) -> pathlib.Path:
        return self.output / "learned.jsonl"

    def _tell(self, row: Row) -> None:
        self.rows[row["file"]] = self.by_name[row["name"]] = row
        self.own.add((row["name"], row["concept_sha256"]))

    def _holds(self, task: Task, concept: bytes) -> bool:
        """Whether this very concept is there already: a server that saves into the same folder was lost before it gave
        it away."""
        with contextlib.suppress(OSError):
            return self._concept(task).read_bytes() == concept
        return False

    def _concept(self, task: Task) -> pathlib.Path:
        return self.concepts / f"{task.name}.safetensors"

    def _is_there(self, row: Row, task: Task) -> bool:
        """Whether the task's concept file is the one that a row speaks of."""
        path = self._concept(task)
        with contextlib.suppress(OSError):
            same = row["name"] == task.name and path.stat().st_size == row["bytes"]
            return bool(same and _sha256(path) == row["concept_sha256"])
        return False


def is_drawn(path: pathlib.Path, output: pathlib.Path) -> bool:
    """Whether a picture is where runs with this output folder put what they draw."""
    folder, output = path.parent.resolve(), output.resolve()  # either may be written otherwise, or be a link
    return folder == (output / "pictures").resolve() or (folder == output and path.name.startswith("contact_sheet_"))


def write(path: pathlib.Path, data: bytes) -> None:
    """Writes a whole file in the place of an older one, or leaves that as it was.

    Raises: OSError.
    """
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _pictures(task: Task, learned: Learned) -> dict[str, bytes]:
    """By their names, what was found first."""
    drawn = {f"{task.name}_{number}.png": data for number, data in enumerate(learned.pictures, 1)}
    return {f"{task.name}_mask.png": learned.overlay, **drawn}


def _row(outcome: Outcome, learned: Learned, files: list[str]) -> Row:
    task = outcome.task
    return {
        "file": task.file,
        "name": task.name,
        "class_word": task.class_word,
        "picture_sha256": task.sha256,
        "settings": task.settings,
        "concept_sha256": hashlib.sha256(learned.concept).hexdigest(),
        "bytes": len(learned.concept),
        "pictures": files,
        "seconds": learned.seconds,
        "worker": outcome.worker,
    }


def _rows(path: pathlib.Path) -> list[Row]:
    """The lines, oldest first. One that a kill cut off, maybe within a letter, is ended and passed over: its picture is
    learned again."""
    if not path.exists():
        return []
    _end_cut_off_line(path)
    text, rows = path.read_text(encoding="utf-8", errors="replace"), []
    for line in text.split("\n"):  # and not at what else may end a line, which folders' names can hold
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and row.keys() >= KEYS:
                rows.append(row)
    return rows


def _end_cut_off_line(path: pathlib.Path) -> None:
    """So that the next line begins on its own. Raises: OSError."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        if size and file.read(1) != b"\n":
            file.write(b"\n")


def _sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
