"""Cancels, faults, kills and a long queue on a real ComfyUI: `python -m lab.robustness.campaign`.

Runs the shipped workflows with few steps, cancels them at random times, lets single calls of them fail (forward,
backward, update, text encoder, VAE, writing), kills the host while it saves, and queues hundreds of prompts; after each
it looks whether stock pictures are the same to the bit, and whether a file is broken. Every trial is a line of
`--results`, so that a run can be stopped and gone on with. At the end, or alone with `--report`, writes the table
(`--out`).
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..hosting.command import exit_code, temporary_host
from ..hosting.environment import choose_host
from ..hosting.server import serving, temporary_base
from ..measuring.results import add_arguments, append, read_rows
from . import graphs, report, trials

INJECTOR = pathlib.Path(__file__).parent / "injector"


def furnish(base: pathlib.Path) -> None:
    """Puts the injector among the host's custom nodes."""
    shutil.copytree(INJECTOR, trials.injector(base), ignore=shutil.ignore_patterns("__pycache__"))


class Results:
    """Lines of JSON; those that are there are not measured again."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.rows = read_rows(path, None)

    def add(self, row: dict[str, Any]) -> None:
        """Keeps and tells a row."""
        self.rows.append(row)
        append(self.path, row)
        print(json.dumps(row), flush=True)

    def missing(self, part: str, count: int) -> Iterator[int]:
        """The numbers of a part's trials, from 1, until `count` of them are there."""
        done = {row["number"] for row in self.rows if row["part"] == part}
        number = 0
        while len(report.of(self.rows, part)) < count:
            number += 1
            if number not in done:
                yield number


def run(args: argparse.Namespace, results: Results) -> None:
    """All that is missing."""
    with temporary_host(furnish) as client:
        client.listen()
        both = trials.Trials(client)
        parts: tuple[tuple[str, int, Callable[[int], dict[str, Any]], int], ...] = (
            ("cancels", args.cancels, both.cancel, 1_000),
            ("faults", args.faults, both.fault, 5_000),
            ("late", args.late, both.late, 20_000),
        )
        for part, count, trial, first in parts:
            for number in results.missing(part, count):
                results.add({**trial(first + number), "number": number})
    with temporary_base() as base:
        furnish(base)
        host = choose_host(None, None)
        with serving(host, base) as client:
            client.run(graphs.learning(0, graphs.KEPT))
            client.run(graphs.editing(0, graphs.KEPT))
            if not report.of(results.rows, "queue"):
                for row in trials.queue(client, args.prompts, random.Random(0)):
                    results.add(row)
        for number in results.missing("kills", args.kills):
            results.add(trials.kill(host, base, number))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cancels", type=int, default=100)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--late", type=int, default=20, help="cancels at 90 %% of a training, which then goes on")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--prompts", type=int, default=500)
    add_arguments(parser, "docs/reports/results/robustness.jsonl", "docs/reports/ROBUSTNESS.md")
    args = parser.parse_args()
    args.results.parent.mkdir(parents=True, exist_ok=True)
    results = Results(args.results)
    if args.report:
        report.write(results.rows, args.out)
        return 0
    code = exit_code(lambda: run(args, results))
    report.write(results.rows, args.out)
    return code


if __name__ == "__main__":
    sys.exit(main())
