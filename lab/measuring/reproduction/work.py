"""What there is to measure, in the order in which it is done, and who does it.

Every line of the results is one row on one concept, or all edits of four pictures. Concept by concept every row gets
its turn, those that take all concepts first, and with every second concept four more pictures are edited, so that
wherever a run stops, all tables have advanced evenly.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..results import append, read_rows
from .edit_part import BATCH
from .rows import ROWS


@dataclass(frozen=True)
class Task:
    """One line of the results. part: "concept" or "picture". row: of `rows.ROWS`; "" for pictures."""

    part: str
    index: int
    row: str = ""

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Task:
        """What a line of the results is of."""
        part = "concept" if "concept" in line else "picture"
        return cls(part, line[part], line.get("row", ""))


class Part(Protocol):
    """Does tasks."""

    def measure(self, task: Task) -> dict[str, Any]: ...


def tasks(concepts: int, pictures: int) -> Iterator[Task]:
    """Everything, in order."""
    left = iter(range(0, pictures, BATCH))
    for index in range(concepts):
        rows = {key: row for key, row in ROWS.items() if row.takes(index)}
        yield from (Task("concept", index, key) for key, row in rows.items() if row.every == 1)
        if index % 2:
            yield from (Task("picture", first) for first in itertools.islice(left, 1))
        yield from (Task("concept", index, key) for key, row in rows.items() if row.every > 1)
    yield from (Task("picture", first) for first in left)


def run(path: pathlib.Path, settings: dict[str, Any], wanted: Iterator[Task], part: Part) -> None:
    """Measures what the results lack, a line at a time.

    Raises: SystemExit when they were made with other settings.
    """
    done = {Task.of(line) for line in read_rows(path, settings)}
    for task in wanted:
        if task not in done:
            line = {**part.measure(task), "settings": settings}
            append(path, line)
            print(f"{task.part} {task.index} {task.row}: {line['cpu_seconds']} s", flush=True)
