"""The tables of `lab.measuring.fast_editing`."""

from __future__ import annotations

import datetime
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from .intervals import half_width
from .results import rows_with

Row = dict[str, Any]
SCORES = ("edit", "kept", "both")
BACKWARD = 2.14  # a forward with its backward to the prompt, in forwards, at full size
PUBLISHED = 3.08  # the same with the backward to all weights, which the published code computes
WORK = {
    "paper": 200,
    "fast": 50,
    "slower": 50,
    "faster": 50,
    "source once": 50,
    "projection": 50,
    "no optimisation": 0,
    "adam": 50,
}
"""Steps of text optimisation, by variant."""
WORDS = {
    "paper": "as the paper: 200 steps",
    "fast": "50 steps, cosine from 0.008, golden_ratio",
    "slower": "the same from 0.005",
    "faster": "the same from 0.01",
    "source once": "the source prompt instead, 50 steps, once for all targets",
    "projection": "the same, and of the target only what is not along it (Forgedit)",
    "no optimisation": "no text optimisation",
    "adam": "50 steps from 0.008, on the inversion by `adam`",
}
AGAINST = {name: "paper" for name in WORDS if name != "paper"} | {"adam": "fast"}


def read(path: pathlib.Path, settings: dict[str, Any]) -> list[Row]:
    """The batches measured with these settings, by seed and picture."""
    return sorted(rows_with(path, settings), key=lambda row: (int(row["seed"]), int(row["first"])))


def by_picture(rows: Sequence[Row], variant: str, score: str, other: str | None = None) -> list[float]:
    """Each picture's mean over its seeds. other: the difference from that variant, with the same seeds."""
    values: dict[int, list[float]] = {}
    for row in rows:
        if variant not in row["edits"]:
            continue
        less = row["edits"][other] if other else [{score: 0.0}] * len(row["edits"][variant])
        for i, (one, two) in enumerate(zip(row["edits"][variant], less, strict=True), start=int(row["first"])):
            values.setdefault(i, []).append(one[score] - two[score])
    return [statistics.mean(each) for each in values.values()]


def interval(values: Sequence[float], scale: float = 1.0, digits: int = 0) -> str:
    """A mean with half of its 95 % interval; of one value alone, the value."""
    half = f" ± {scale * half_width(values):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * statistics.mean(values):+.{digits}f}{half}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table and an empty line."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _edits(rows: Sequence[Row]) -> list[str]:
    lines = []
    for variant, words in WORDS.items():
        figures = [by_picture(rows, variant, score) for score in SCORES]
        if not figures[0]:
            continue
        other = AGAINST.get(variant)
        against = [interval(by_picture(rows, variant, score, other), 100) if other else "" for score in SCORES]
        cells = [f"{100 * statistics.mean(values):.0f} %" for values in figures]
        pairs = [f"{cell} ({less})" if less else cell for cell, less in zip(cells, against, strict=True)]
        lines.append([words, f"{WORK[variant] * BACKWARD:.0f}", _start(rows, variant), *pairs])
    head = ["the edit starts from", "forwards a picture", "PSNR at alpha 0"]
    head += ["edit done", "colours, pattern, background kept", "all"]
    return table(head, lines)


def _start(rows: Sequence[Row], variant: str) -> str:
    """How near alpha 0 is to the picture."""
    mean = f"{statistics.mean(by_picture(rows, variant, 'start')):.1f} dB"
    other = AGAINST.get(variant)
    return f"{mean} ({interval(by_picture(rows, variant, 'start', other), digits=1)})" if other else mean


def _solvers(rows: Sequence[Row]) -> list[str]:
    """An update of Adam is a forward with its backward; a round has a trial too. Each step has two forwards more, the
    published code's three."""
    figures: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for solver, one in row.get("solvers", {}).items():
            for name, values in one.items():
                figures.setdefault(solver, {}).setdefault(name, []).extend(values)
    adam, ours = figures["adam"], figures["line_search"]
    less = [a - b for a, b in zip(ours["psnr"], adam["psnr"], strict=True)]
    updates = {solver: statistics.mean(one["updates"]) for solver, one in figures.items()}
    work = {
        "the published code's structure": 3 + PUBLISHED * updates["adam"],
        "`adam`": 2 + BACKWARD * updates["adam"],
        "`line_search`": 2 + (BACKWARD + 1) * updates["line_search"],
    }
    base = work["the published code's structure"]
    psnr = ["as `adam`", f"{statistics.mean(adam['psnr']):.2f} dB", f"{statistics.mean(ours['psnr']):.2f} dB"]
    psnr[2] += f" ({interval(less, digits=2)} dB)"
    lines = [[name, f"{f:.1f}", f"{f / base:.2f}", p] for (name, f), p in zip(work.items(), psnr, strict=True)]
    return table(["solver", "forwards a step", "share", "PSNR of the latents (against `adam`)"], lines)


def write(rows: Sequence[Row], settings: dict[str, Any], out: pathlib.Path) -> None:
    """Raises: SystemExit when nothing is measured yet."""
    if not rows:
        raise SystemExit("nothing is measured with these settings yet")
    pictures = sum(len(row["kinds"]) for row in rows if row["seed"] == 0)
    runs = sum(len(row["kinds"]) for row in rows)
    lines = [
        "# Editing with less work, on the demo model",
        "",
        (
            f"Measured {datetime.date.today()} with `python -m lab.measuring.fast_editing` ({settings['steps']} steps,"
            f" cfg {settings['cfg']:g}): {pictures} pictures, {runs} pairs of picture and seed of the text"
            f" optimisation, {sum(row['minutes'] for row in rows):.0f} minutes of one core."
        ),
        "",
        (
            "Null-text inversion with the source prompt; edits (move, resize, turn, change class) at source ratio 0.4"
            " with alpha 0.3 and 0.6, judged by `lab/world/oracle.py`. Work is in forwards of the UNet for one picture;"
            f" one with its backward counts {BACKWARD}. In brackets: paired differences, in percentage points, with 95"
            " % intervals over pictures."
        ),
        "",
        "## Null-text's solvers",
        "",
        *_solvers(rows),
        "## Text optimisation",
        "",
        (
            "Against the paper's way; the last line against the second. All inversions but its are by `line_search`. An"
            " edit that has come less near to the picture at alpha 0 has less of `alpha` to choose from."
        ),
        "",
        *_edits(rows),
    ]
    out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
