"""The table of `lab.robustness.campaign`."""

from __future__ import annotations

import collections
import datetime
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
WARM = 100  # prompts, before memory is looked at
ERRORS = {"error": "faults", "memory": "out of memory", "disk": "full disk"}
WINDOW = 5  # rows of ten prompts each


def of(rows: Sequence[Row], part: str) -> list[Row]:
    """A part's rows; of faults those that happened."""
    return [row for row in rows if row["part"] == part and row.get("happened", True)]


def _count(rows: Sequence[Row], what: str) -> str:
    return f"{sum(bool(row[what]) for row in rows)} of {len(rows)}"


def _ends(rows: Sequence[Row]) -> str:
    """In which nodes they ended, the commonest first."""
    ends = collections.Counter(row["ended"].split(":")[0].removeprefix("interrupted in ") for row in rows)
    too_late = ends.pop("success", 0)
    words = [f"{name} {count}" for name, count in ends.most_common()]
    return ", ".join([*words, f"after the end {too_late}"] if too_late else words)


def _trials(rows: Sequence[Row], name: str) -> list[str]:
    if not rows:
        return []
    return [
        f"| {name} | {len(rows)} | {_count(rows, 'same')} | {_count(rows, 'broken')} | {_count(rows, 'half_written')} |"
    ]


def _queue(rows: Sequence[Row]) -> list[str]:
    told = [row for row in rows if row["number"] % 10 == 0]
    failed = [row for row in rows if row["failed"]]
    warm = [row for row in told if row["number"] > WARM]
    if len(warm) < 2 * WINDOW:
        return []
    lines = [
        f"## A queue of {told[-1]['number']} prompts",
        "",
        "Stock pictures, pictures with a concept, learning and editing, in random order; medians of 50 prompts.",
        "",
        "| | after the first 100 | at the end | change |",
        "|---|---|---|---|",
    ]
    for key, words, unit in (
        ("rss", "memory", 2**20),
        ("handles", "open handles", 1),
        ("threads", "threads", 1),
        ("temp_files", "files in temp", 1),
    ):
        first, last = (statistics.median(row[key] for row in part) / unit for part in (warm[:WINDOW], warm[-WINDOW:]))
        change = f"{100 * (last / first - 1):+.1f} %" if first else "none"
        lines.append(f"| {words}{' (MB)' if unit > 1 else ''} | {first:.0f} | {last:.0f} | {change} |")
    previews = "The files in temp are ComfyUI's previews of what nodes show, which it removes when it starts."
    return [*lines, "", f"Failed: {len(failed)}. {previews}", ""]


def text(rows: Sequence[Row]) -> str:
    """The page.

    Raises: SystemExit when nothing is measured yet.
    """
    if not rows:
        raise SystemExit("nothing is measured yet")
    cancels, faults, kills = (of(rows, part) for part in ("cancels", "faults", "kills"))
    lines = [
        "# What cancels, faults, kills and long queues leave behind",
        "",
        (
            f"Measured {datetime.date.today()} with `python -m lab.robustness.campaign` on a real ComfyUI with the demo"
            " model: the shipped learning and editing workflows with few steps, all nodes in them."
        ),
        "",
        (
            "After each cancel and each fault a stock picture is drawn anew and compared with one that was drawn before"
            " all: *same* means every bit. *Broken*: trials after which a file of the pack could not be read; *half"
            " written*: after which a temporary file was left beside one (a killed process cannot take its own away;"
            " the next save does, after 15 minutes)."
        ),
        "",
        "| | trials | stock picture the same | broken | half written |",
        "|---|---|---|---|---|",
        *_trials(cancels, "cancels at random times"),
        *[
            line
            for site, error in sorted({(row["site"], row["error"]) for row in faults})
            for line in _trials(
                [row for row in faults if (row["site"], row["error"]) == (site, error)], f"{ERRORS[error]}: {site}"
            )
        ],
    ]
    if kills:
        left = f"{_count(kills, 'broken')} | {_count(kills, 'half_written')}"
        lines.append(f"| kill -9 while saving | {len(kills)} | – | {left} |")
    lines.append("")
    if cancels:
        took = [row["took"] for row in cancels]
        lines += [
            f"Cancels ended within {statistics.median(took):.2f} s (median; {max(took):.2f} s at most), in:"
            f" {_ends(cancels)}.",
            "",
        ]
    if faults:
        ended = [row for row in faults if row["ended"] != "success"]
        went_on = f"{len(faults) - len(ended)} of {len(faults)} runs with a fault went on to their end"
        lines += [f"{went_on}; the others ended in: {_ends(ended) or 'none'}.", ""]
    late = of(rows, "late")
    if late:
        going_on = [row for row in late if row["ended"] != "success"]
        kept = sum(row["from"] > row["reached"] / 2 for row in going_on)
        lines += [
            f"{len(late)} trainings were cancelled at 90 % of their steps, one stage or the other, and queued again:"
            f" {len(going_on)} ended in time, {kept} of these went on where they had stopped,"
            f" and {_count(going_on, 'same')} saved the same bits as a training that nobody cancelled.",
            "",
        ]
    if kills:
        lines += [f"When the kills came, {sum(row['written'] for row in kills)} files had been written.", ""]
    lines += _queue(of(rows, "queue"))
    return "\n".join(lines).rstrip() + "\n"


def write(rows: Sequence[Row], out: pathlib.Path) -> None:
    out.write_text(text(rows), encoding="utf-8")
