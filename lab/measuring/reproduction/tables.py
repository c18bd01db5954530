"""The reproduction's tables, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..intervals import student
from .claims import Claim, Comparison
from .judging import SCORES
from .rows import FULL1, FULL2, PRIOR, ROWS
from .values import EDIT_SCORES, HEAT, PICTURES, Values, differences, mean_of


@dataclass(frozen=True)
class Table:
    """Of the rows that name it. against: what each row is compared with; others than these with `usual`."""

    title: str
    paper: str
    usual: str = ""
    against: Mapping[str, str] = field(default_factory=dict)

    def other(self, row: str) -> str:
        """What a row is compared with, or ""."""
        other = self.against.get(row, self.usual)
        return "" if other == row or row == PRIOR else other


_STEP_BY_STEP = {
    "I foreground": "I plain",
    "I background": "I foreground",
    "II foreground": "II plain",
    "II background": "II foreground",
    "II semantic": "II background",
}
TABLES = {
    "losses": Table("The losses, one by one", "table 2; each is compared with the one before", "", _STEP_BY_STEP),
    "gamma": Table("How much background loss", "figure 12, upper half", FULL1),
    "eta": Table(
        "How much semantic loss, and the class embedding kept in its place",
        "figures 12 and 13",
        FULL2,
        {"II background": FULL2},
    ),
    "encoders": Table("Image encoders", "figure 9 and table 3", "encoder none", {FULL1: "encoder none"}),
    "words": Table(
        "Without the class word; a cropped picture in place of the losses",
        "figures 10 and 14",
        FULL1,
        {"II cropped": FULL2, FULL2: FULL1},
    ),
    "stages": Table("Without Stage I", "figure 11", FULL2, {FULL1: FULL2}),
    "baselines": Table("Other methods", "table 1", FULL2, {FULL1: FULL2}),
    "defaults": Table("The nodes' defaults", "section 4.1: what the paper trains SD 1.5 with", PRIOR),
}
PAPER = {
    "I plain": ".879 / .855 / .190",
    "I foreground": ".938 / .840 / .170",
    "I background": ".892 / .683 / .900",
    "II plain": ".990 / .981 / .005",
    "II foreground": ".976 / .768 / .420",
    "II background": ".909 / .591 / .655",
    "II semantic": ".944 / .465 / .810",
}
"""The paper's table 2: CLIP-I-f / CLIP-I-b / ESR."""


def markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A table's lines, with an empty one at the end."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]


def with_half(mean: float, half: float, sign: bool = False) -> str:
    """A mean with half of its interval, unless there is none."""
    mean = round(mean, 2) + 0.0  # no -0.00
    shown = f"{mean:+.2f}" if sign else f"{mean:.2f}"
    return shown if math.isnan(half) else f"{shown} ± {half:.2f}"


def cell(values: Values, row: str, score: str, other: str = "") -> str:
    """A row's mean, and below it the paired difference from another."""
    found = mean_of(values, row, score)
    if found is None:
        return ""
    pairs = differences(values, row, other, score) if other else []
    return with_half(*found) + (f"<br>({with_half(*student(pairs), sign=True)})" if pairs else "")


def concept_table(values: Values, name: str) -> list[str]:
    """Of the rows that are measured."""
    table = TABLES[name]
    keys = [key for key, row in ROWS.items() if name in row.tables and key in values]
    scores = SCORES if name != "losses" else {**SCORES, **{title: title for title in HEAT.values()}}
    paper = ["paper: CLIP-I-f / CLIP-I-b / ESR"] if name == "losses" else []
    rows = []
    for key in keys:
        each = sorted(map(int, values[key][PICTURES].values()))
        count = f"{len(each)} × {each[0]}" + (f" to {each[-1]}" if each[-1] > each[0] else "")
        cells = [cell(values, key, score, table.other(key)) for score in scores]
        rows.append([ROWS[key].label, count, *cells, *([PAPER.get(key, "")] if paper else [])])
    return markdown(["", "concepts × pictures", *scores.values(), *paper], rows)


def claim_table(values: Values, claims: Sequence[Claim], names: Mapping[str, str]) -> list[str]:
    """Each claim with its verdict and what it rests on. names: of rows, to read."""
    rows = []
    for claim in claims:
        facts = "; ".join(_fact(values, comparison, names) for comparison in claim.comparisons)
        rows.append([claim.text, claim.source, f"**{claim.verdict(values)}**", facts])
    return markdown(["claim", "in the paper", "here", "paired differences (95 % interval)"], rows)


def _fact(values: Values, comparison: Comparison, names: Mapping[str, str]) -> str:
    pairs = differences(values, comparison.better, comparison.worse, comparison.score)
    rows = f"{names.get(comparison.better, comparison.better)} less {names.get(comparison.worse, comparison.worse)}"
    shown = with_half(*student(pairs), sign=True) if pairs else "not measured"
    score = {**SCORES, **EDIT_SCORES}.get(comparison.score, comparison.score)
    return f"{score}, {rows}: {shown} (n = {len(pairs)})"
