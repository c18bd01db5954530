"""What the results hold: a number for each row, score and concept or picture; and how rows compare, pair by pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..intervals import student
from .edit_part import FULL, NO_INJECTION, VARIANTS

Values = dict[str, dict[str, dict[int, float]]]
"""By row, score, and concept or picture."""
PICTURES = "pictures of a prompt"
HEAT = {"star": "heat of *", "class word": "heat of the class word"}
EDIT_SCORES = {"edit": "edit done", "kept": "kept", "best": "best of the cells"}


def _put(values: Values, row: str, scores: Mapping[str, float], unit: int) -> None:
    for score, value in scores.items():
        values.setdefault(row, {}).setdefault(score, {})[unit] = float(value)


def of_concepts(lines: Iterable[Mapping[str, Any]]) -> Values:
    """Of the rows of `rows.ROWS`: `judging.SCORES`, `PICTURES`, and `HEAT` where it was looked for.

    Of several lines of a row on a concept, the last counts.
    """
    values: Values = {}
    for line in lines:
        if "concept" in line:
            scores = line["scores"] | {PICTURES: line["settings"]["seeds"]}
            _put(values, line["row"], scores, line["concept"])
            heat = line["heat"] or {}
            _put(values, line["row"], {HEAT[name]: share for name, share in heat.items()}, line["concept"])
    return values


def of_pictures(lines: Iterable[Mapping[str, Any]]) -> Values:
    """Of the editing variants: `EDIT_SCORES`. Also of parts of the full method's cells, with the same alphas each.

    best: the most that a cell reaches of edit · kept, which is what one gets who chooses from the grid.
    """
    values: Values = {}
    for line in lines:
        if "picture" not in line:
            continue
        for name, cells in line["verdicts"].items():
            for i, verdicts in enumerate(zip(*cells, strict=True), start=line["picture"]):
                for row, part in _parts(name).items():
                    _put(values, row, _edit_scores([verdicts[cell] for cell in part]), i)
    return values


def _parts(name: str) -> dict[str, list[int]]:
    """Rows that a variant's cells make, and which of them each has."""
    cells = VARIANTS[name].cells
    parts = {name: [*range(len(cells))]}
    if name == FULL:
        for ratio in VARIANTS[FULL].ratios:
            parts[f"ratio {ratio:g}"] = [i for i, cell in enumerate(cells) if cell[1] == ratio]
        for alpha in VARIANTS[FULL].alphas:
            parts[f"alpha {alpha:g}"] = [i for i, cell in enumerate(cells) if cell[0] == alpha]
    if name == NO_INJECTION:
        parts["ratio 0"] = [i for i, cell in enumerate(cells) if cell[0] in VARIANTS[FULL].alphas]
    return parts


def _edit_scores(verdicts: list[Mapping[str, float]]) -> dict[str, float]:
    both = [verdict["edit"] * verdict["kept"] for verdict in verdicts]
    edit, kept = (float(np.mean([verdict[name] for verdict in verdicts])) for name in ("edit", "kept"))
    return {"edit": edit, "kept": kept, "best": max(both)}


def differences(values: Values, row: str, other: str, score: str) -> list[float]:
    """row less other, of every concept or picture that has both."""
    one, two = (values.get(key, {}).get(score, {}) for key in (row, other))
    return [one[unit] - two[unit] for unit in sorted(one.keys() & two.keys())]


def mean_of(values: Values, row: str, score: str) -> tuple[float, float] | None:
    """Mean and half of its 95 % interval; None where nothing is measured."""
    found = values.get(row, {}).get(score, {})
    return student([*found.values()]) if found else None


def of_all(values: Values, rows: Iterable[str], score: str) -> Values:
    """Only the concepts or pictures that all of these rows have, so that their means can stand beside one another."""
    numbers = {row: values.get(row, {}).get(score, {}) for row in rows}
    shared = set.intersection(*(set(found) for found in numbers.values()))
    return {row: {score: {unit: found[unit] for unit in sorted(shared)}} for row, found in numbers.items()}
