"""Nonsense for every node and every kind of file, for as long as one likes: `python -m lab.robustness.fuzz`.

Runs the tests' fuzz in its long form, round after round, each with other nonsense. Every round is a line of
`--results`, so that a later run adds to it. At the end, or alone with `--report`, writes the table (`--out`).
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .. import ROOT
from ..checks import pytest_call
from ..hosting.command import exit_code
from ..hosting.environment import Host, choose_host
from ..measuring.results import add_arguments, append, read_rows

EXAMPLES = "SIS_FUZZ_EXAMPLES"
ABOUT = re.compile(r"^(\S+\.py::\S+):\n(.*?)(?=^\S+\.py::|\Z)", re.MULTILINE | re.DOTALL)
# not those that it tries while it looks for the smallest input that fails
COUNTS = re.compile(r"during (?:reuse|generate) phase.*?(\d+) passing[^,\n]*, (\d+) failing", re.DOTALL)


def counts(said: str) -> dict[str, list[int]]:
    """Of each test the inputs that gave a result or a sentence, and those that did not, as hypothesis tells them."""
    found = {}
    for test, about in ABOUT.findall(said):
        pairs = [(int(held), int(failed)) for held, failed in COUNTS.findall(about)]
        found[test] = [sum(held for held, _ in pairs), sum(failed for _, failed in pairs)]
    return found


def one_round(host: Host, examples: int) -> dict[str, Any]:
    """A line of the results.

    Raises: SystemExit with what pytest said, when it told of no test.
    """
    command, environment = pytest_call(host, ["-q", "-k", "fuzz", "tests", "--hypothesis-show-statistics"])
    began = time.monotonic()
    told = subprocess.run(
        command, cwd=ROOT, env=environment | {EXAMPLES: str(examples)}, text=True, capture_output=True, check=False
    )
    tests = counts(told.stdout)
    if not tests:
        raise SystemExit(told.stdout + told.stderr)
    if told.returncode:
        print(told.stdout, flush=True)
    return {"seconds": round(time.monotonic() - began), "day": str(datetime.date.today()), "tests": tests}


def kind_of(test: str) -> str:
    """The table's row of a test."""
    name, _, node = test.partition("[")
    return f"SIS_{node.rstrip(']')}" if node else name.partition("::test_")[2].replace("_", " ")


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The page."""
    held, failed = Counter[str](), Counter[str]()
    for row in rows:
        for test, (good, bad) in row["tests"].items():
            held[kind_of(test)] += good
            failed[kind_of(test)] += bad
    minutes = sum(row["seconds"] for row in rows) / 60
    return "\n".join([
        "# Nonsense on every input and in every file",
        "",
        f"Measured {rows[-1]['day']} with `python -m lab.robustness.fuzz`: {len(rows)} rounds, {minutes:.0f} minutes,"
        f" {held.total() + failed.total():,} inputs. Every input must give a result, or one sentence"
        " that names it. Of nodes one or two inputs are nonsense at a time; of files a byte, their length, a fact or a"
        " tensor.",
        "",
        "| node or file | tried | neither a result nor a sentence |",
        "|---|---|---|",
        *(f"| {kind} | {held[kind] + failed[kind]:,} | {failed[kind]} |" for kind in sorted(held)),
        "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="begin no further round after these (30)")
    parser.add_argument("--examples", type=int, default=500, help="of each test in a round (500)")
    add_arguments(parser, "docs/reports/results/fuzz.jsonl", "docs/reports/FUZZ.md")
    args = parser.parse_args()
    if not args.report:
        host, began = choose_host(None, None), time.monotonic()
        while time.monotonic() - began < 60 * args.minutes:
            line = one_round(host, args.examples)
            append(args.results, line)
            failed = sum(bad for _, bad in line["tests"].values())
            print(f"{len(line['tests'])} tests in {line['seconds']} s, {failed} inputs failed", flush=True)
    rows = read_rows(args.results, None)
    if not rows:
        raise SystemExit(f"{args.results} holds no round yet")
    args.out.write_text(text(rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(exit_code(main))
