"""What there is to measure, in the order in which it is done, and who does it.

Every line of the results is one row on one concept, or all edits of four pictures. The paper's table 2 comes first,
concept by concept, and with every second concept four more pictures are edited; then the other tables' rows, again
concept by concept, so that wherever a run stops, tables have advanced evenly; and at last the nodes' defaults, which
take as long as all others.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..results import append, read_rows, require
from .edit_part import BATCH
from .rows import ROWS


@dataclass(frozen=True)
class Task:
    """One line of the results. part: "concept" or "picture". row: of `rows.ROWS`; "" for pictures."""

    part: str
    index: int
    row: str = ""

    @property
    def place(self) -> int:
        """Among the concepts, or among the fours of pictures."""
        return self.index if self.part == "concept" else self.index // BATCH

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Task:
        """What a line of the results is of."""
        part = "concept" if "concept" in line else "picture"
        return cls(part, line[part], line.get("row", ""))


class Part(Protocol):
    """Does tasks."""

    def measure(self, task: Task) -> dict[str, Any]: ...


def tasks(concepts: int, pictures: int, share: tuple[int, int] = (0, 1)) -> Iterator[Task]:
    """Everything, in order. share: (i, n) leaves only the concepts and the fours of pictures i, i + n, …"""
    return (task for task in _all_tasks(concepts, pictures) if task.place % share[1] == share[0])


def _all_tasks(concepts: int, pictures: int) -> Iterator[Task]:
    left = iter(range(0, pictures, BATCH))
    losses = [key for key, row in ROWS.items() if "losses" in row.tables]
    defaults = [key for key, row in ROWS.items() if row.tables == ("defaults",)]
    for index in range(concepts):
        yield from (Task("concept", index, key) for key in losses)
        if index % 2:
            yield from (Task("picture", first) for first in itertools.islice(left, 1))
    yield from (Task("picture", first) for first in left)
    for keys in ([key for key in ROWS if key not in (*losses, *defaults)], defaults):
        for index in range(concepts):
            yield from (Task("concept", index, key) for key in keys if ROWS[key].takes(index))


def run(path: pathlib.Path, settings: Mapping[str, Mapping[str, Any]], wanted: Iterator[Task], part: Part) -> None:
    """Measures what the results lack, a line at a time. settings: of each part of tasks.

    Lines with another number of pictures serve until their task is done anew.
    Raises: SystemExit when there are lines of another checkpoint.
    """
    lines = read_rows(path, None)
    model = {"sha256": settings["concept"]["sha256"]}
    require(path, ({"settings": {"sha256": line["settings"]["sha256"]}} for line in lines), model)
    done = {Task.of(line) for line in lines if line["settings"] == settings[Task.of(line).part]}
    for task in wanted:
        if task not in done:
            line = {**part.measure(task), "settings": settings[task.part]}
            append(path, line)
            print(f"{task.part} {task.index} {task.row}: {line['cpu_seconds']} s", flush=True)
