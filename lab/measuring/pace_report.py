"""The tables of `lab.measuring.pace`."""

from __future__ import annotations

import datetime
import json
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from .intervals import student
from .learning import Training

Row = dict[str, Any]
Settings = dict[str, Any]  # a way's, as a file has them
SCORES = {
    "mean colour": ("asked", "mean_color"),
    "pattern": ("asked", "pattern"),
    "class": ("asked", "class"),
    "background as asked": ("asked", "asked_background"),
    "all as asked": ("asked", "success"),
    "class word looks so": ("class", "mean_color"),
}
OURS, PUBLISHED = (2.52, 4.36), (6.06, 5.48)
"""TFLOP a sample of Stage I and II at SD 1.5's size: BENCH.md."""
GOAL = 0.25  # of the published structure's operations
NO_END = 10**9


def score(row: Row, title: str) -> float:
    prompt, name = SCORES[title]
    return float(row["rates"][prompt][name])


def line(row: Row) -> str:
    """A finished row in a few words."""
    return ", ".join(f"{title} {score(row, title):.2f}" for title in SCORES) + f", {row['seconds']} s"


def operations(way: Settings, sample: tuple[float, float] = OURS) -> float:
    """TFLOP of both stages. sample: of a sample of each."""
    return sum(steps * batch * one for steps, batch, one in zip(way["steps"], way["batch"], sample, strict=True))


class Results:
    """Rows by way and concept. full: the way that the others are held against."""

    def __init__(self, rows: Sequence[Row], full: Settings) -> None:
        self.full = full
        self._rows: dict[str, dict[int, Row]] = {}
        for row in rows:
            self._rows.setdefault(json.dumps(row["way"]), {})[row["concept"]] = row

    def concepts(self, way: Settings, first: int, stop: int) -> list[int]:
        """Those that were measured in this way and in full."""
        both = self._of(way).keys() & self._of(self.full).keys()
        return sorted(index for index in both if first <= index < stop)

    def scores(self, way: Settings, title: str, concepts: Sequence[int]) -> list[float]:
        return [score(self._of(way)[index], title) for index in concepts]

    def differences(self, way: Settings, title: str, concepts: Sequence[int]) -> list[float]:
        """From the full way, concept by concept."""
        pairs = zip(self.scores(way, title, concepts), self.scores(self.full, title, concepts), strict=True)
        return [one - full for one, full in pairs]

    def _of(self, way: Settings) -> dict[int, Row]:
        return self._rows.get(json.dumps(way), {})


def words(way: Settings) -> str:
    """Steps and samples a step of both stages, and what else is not as in the full way."""
    stages = " + ".join(f"{steps} × {batch}" for steps, batch in zip(way["steps"], way["batch"], strict=True))
    rate = "" if way["rate"] == 1 else f" from {way['rate']:g} times the rate"
    return f"{stages}, {way['timesteps']}, {way['schedule']}{rate}"


def table(results: Results, ways: Mapping[str, Settings], first: int, stop: int) -> list[str]:
    """In Markdown: each way's work and means, and under them its paired differences."""
    head = ["", "concepts", "of the full way's operations", "of the published structure's", *SCORES]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, way in ways.items():
        concepts = results.concepts(way, first, stop)
        if concepts:
            lines.append("| " + " | ".join([f"**{name}**: {words(way)}", *_cells(results, way, concepts)]) + " |")
        if len(concepts) > 1 and way != results.full:
            less = [_signed(results.differences(way, title, concepts)) for title in SCORES]
            lines.append("| … less full | | | | " + " | ".join(less) + " |")
    return lines


def _cells(results: Results, way: Settings, concepts: Sequence[int]) -> list[str]:
    full = results.full
    share = operations(way) / operations(full)
    published = operations(way) / operations(full, PUBLISHED)
    means = [statistics.mean(results.scores(way, title, concepts)) for title in SCORES]
    return [str(len(concepts)), *(f"{value:.2f}" for value in (share, published, *means))]


def _signed(values: Sequence[float]) -> str:
    return "{:+.2f} ± {:.2f}".format(*student(values))


def verdict(results: Results, ways: Mapping[str, Settings], looked: int) -> list[str]:
    """In Markdown: for each measured way but the full, whether the goal is met, and what the intervals leave open."""
    lines = []
    for name, way in ways.items():
        concepts = results.concepts(way, looked, NO_END)
        if way == results.full or len(concepts) < 2:
            continue
        share = operations(way) / operations(results.full, PUBLISHED)
        differences = {title: student(results.differences(way, title, concepts)) for title in SCORES}
        apart = [title for title, (mean, half) in differences.items() if abs(mean) > half]
        mean, half = differences["all as asked"]
        lines += [
            (
                f"- *{name}*: {share:.2f} of the published structure's operations, goal ≤ {GOAL}:"
                f" {'met' if share <= GOAL else '**missed**'}."
            ),
            (
                "- Scores, told apart from the full way's: "
                f"{', '.join(apart) if apart else 'none, every interval holds 0'}."
                f" Up to {max(0.0, half - mean):.2f} less of *all as asked* cannot be excluded."
            ),
        ]
    return lines


def write(rows: Sequence[Row], ways: Mapping[str, Settings], looked: int, out: pathlib.Path) -> None:
    """ways: by name, the full one first. looked: on so many concepts, the first, the ways were chosen.

    Raises: SystemExit when nothing is measured yet.
    """
    results = Results(rows, next(iter(ways.values())))
    if not rows:
        raise SystemExit("nothing is measured yet")
    usual, first = Training(), rows[0]
    lines = [
        "# Shorter trainings, on the demo world",
        "",
        (
            f"Measured {datetime.date.today()} with `python -m lab.measuring.pace`; checkpoint sha256"
            f" {first['settings']['sha256']}. Both stages as the pack's nodes train them, all losses on, encoder"
            f" `none`, which starts at the class word. *Full*: learning rates {usual.rate1:g} and {usual.rate2:g};"
            " columns are judged by `lab/world/oracle.py`, for the phrase on a background that was asked for: the"
            " object's mean colour and its colours' pattern are the concept's, the class is, the background is, and all"
            " of these; *class word looks so*: how many pictures of the bare class word have the concept's mean colour,"
            f" by chance or because it leaks. {first['settings']['images']} pictures of each prompt, 10 DDIM steps, CFG"
            " 3, the same starting noises for all."
        ),
        "",
        (
            "Operations are counted as in [BENCH.md](BENCH.md): "
            f"{OURS[0]} and {OURS[1]} TFLOP a sample of Stage I and II at SD 1.5's size; the published structure's"
            f" {PUBLISHED[0]} and {PUBLISHED[1]}, at the full way's steps. Differences are concept by concept, mean ±"
            " half of the 95 % interval (Student's t)."
        ),
        "",
        "## Chosen by",
        "",
        f"Among the first {looked} concepts.",
        "",
        *table(results, ways, 0, looked),
        "",
        "## Measured",
        "",
        "Other concepts, which nothing was chosen by.",
        "",
        *table(results, ways, looked, NO_END),
        "",
        *verdict(results, ways, looked),
    ]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
