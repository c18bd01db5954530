"""What a run tells: a line for each picture, and a report in words and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from ..hosting.installation import say
from .results import Results, Row, write
from .tasks import Failure


class Report:
    """tasks: how many pictures are learned in this run. already: how many were learned in earlier ones. failures: those
    that are known before the run. workers: how many learn at once."""

    def __init__(self, tasks: int, already: int, failures: Sequence[Failure]) -> None:
        self.already, self.failures, self.workers = already, list(failures), 1
        self.learned: list[Row] = []
        self._tasks, self._ended = tasks, 0
        self._began = time.monotonic()

    def add(self, kept: Row | Failure) -> None:
        """Tells and keeps how a picture ended."""
        self._ended += 1
        if isinstance(kept, Failure):
            self.failures.append(kept)
            what = f"{kept.file}: {kept.reason}"
        else:
            self.learned.append(kept)
            what = f"{kept['file']} is <{kept['name']}> {kept['class_word']}, in {kept['seconds']:.0f} s"
        say(f"[{self._ended}/{self._tasks}] {what}{self._time_left()}")

    def _time_left(self) -> str:
        """From the second picture of each worker on: the first one loads the models."""
        left = self._tasks - self._ended
        if not left or self._ended < 2 * self.workers:
            return ""
        seconds = (time.monotonic() - self._began) / self._ended * left
        return f"; about {_duration(seconds)} left"

    def words(self, left_out: Mapping[str, str], results: Results) -> str:
        """The report for people. left_out: why which workers were given up."""
        seconds = time.monotonic() - self._began
        lines = [f"{_count(len(self.learned), 'concept')} learned in {_duration(seconds)}, into {results.concepts}"]
        if self.already:
            lines.append(f"{_count(self.already, 'concept')} there already, from the same pictures and settings")
        if missing := self._tasks - self._ended:
            lines.append(f"{_count(missing, 'picture')} not tried, since the run was stopped")
        if self.failures:
            lines.append(f"{_count(len(self.failures), 'picture')} without a concept:")
            lines += [f"  {failure.file}: {failure.reason}" for failure in _sorted(self.failures)]
        lines += [f"given up: {name}: {reason}" for name, reason in left_out.items()]
        if self.failures or missing:
            lines.append("The same command again does what is missing, and only that.")
        return "\n".join(lines) + "\n"

    def save(self, left_out: Mapping[str, str], results: Results) -> str:
        """Writes report.txt and report.json. Returns the former's text.

        Raises: OSError.
        """
        text = self.words(left_out, results)
        facts = {
            "learned": sorted(self.learned, key=lambda row: str(row["file"])),
            "already_there": self.already,
            "failed": [{"file": failure.file, "reason": failure.reason} for failure in _sorted(self.failures)],
            "given_up": dict(left_out),
            "concepts": str(results.concepts),
            "seconds": round(time.monotonic() - self._began, 1),
        }
        written = {"report.txt": text, "report.json": json.dumps(facts, indent=2, ensure_ascii=False)}
        for name, content in written.items():
            write(results.output / name, content.encode(errors="backslashreplace"))  # a folder's name may be no text
        return text


def _sorted(failures: Sequence[Failure]) -> list[Failure]:
    return sorted(failures, key=lambda failure: failure.file)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
