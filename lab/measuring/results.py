"""The lines that measurements keep of what is done, so that a run that was stopped goes on."""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any


def add_arguments(parser: argparse.ArgumentParser, results: str, out: str) -> None:
    """`--results`, `--out` and `--report`, for a measurement whose lines are kept. results, out: their defaults."""
    parser.add_argument("--results", type=pathlib.Path, default=pathlib.Path(results))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(out))
    parser.add_argument("--report", action="store_true", help="measure nothing: only report what the results hold")


def checksum(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_rows(path: pathlib.Path, settings: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What earlier runs have finished.

    Raises: SystemExit when they were made with other settings; None accepts any.
    """
    rows = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if path.exists()
        else []
    )
    if settings is not None:
        require(path, rows, settings)
    return rows


def require(path: pathlib.Path, rows: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """Raises: SystemExit when rows of a file were made with other settings."""
    for row in rows:
        if row["settings"] != settings:
            differing = sorted(name for name in settings if row["settings"].get(name) != settings[name])
            raise SystemExit(
                f"{path} holds results of other settings ({', '.join(differing)}): remove it or choose other --results"
            )


def rows_with(path: pathlib.Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What earlier runs have finished with these settings, whatever else the file holds."""
    return [row for row in read_rows(path, None) if row["settings"] == settings]


def append(path: pathlib.Path, row: dict[str, Any]) -> None:
    """Adds a line in one write: what two processes add does not mix."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
