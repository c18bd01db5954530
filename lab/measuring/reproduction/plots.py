"""The reproduction's plots. Needs matplotlib, which requirements-dev.txt has."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from .edit_part import VARIANTS
from .judging import SCORES
from .rows import FULL1, FULL2, ROWS
from .values import Values, mean_of, of_all

DPI = 110
SWEEPS = {
    "γ (Stage I)": {0.0: "I foreground", 0.1: "gamma 0.1", 1.0: FULL1, 10.0: "gamma 10"},
    "η (Stage II)": {0.0: "II background", 0.1: "eta 0.1", 1.0: FULL2, 10.0: "eta 10"},
}
SWEPT = {"likeness": "o-", "color": "v-.", "esr": "s--", "source": "^:"}
MARKERS = "os^vDPX<*"  # nine, beside ten colours


def pyplot_of_files() -> Any:
    """matplotlib's pyplot, which draws to files alone.

    Raises: SystemExit without matplotlib.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise SystemExit("the plots need matplotlib: pip install -r requirements-dev.txt") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: pathlib.Path) -> None:
    figure.tight_layout()
    # no date and no version: the same numbers give the same file
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    pyplot_of_files().close(figure)


def _limits(axes: Any, x: str, y: str) -> None:
    axes.set_xlim(-0.04, 1.04)
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def likeness_and_editing(values: Values, path: pathlib.Path) -> None:
    """Likeness against ESR of the losses' and the baselines' rows, with 95 % intervals: up and to the right is good."""
    pyplot = pyplot_of_files()
    figure, axes = pyplot.subplots(figsize=(8.8, 4.8))
    rows = [key for key, row in ROWS.items() if {"losses", "baselines"} & {*row.tables} and key in values]
    for number, key in enumerate(rows):
        x, y = mean_of(values, key, "likeness"), mean_of(values, key, "esr")
        if x is not None and y is not None:
            style = {"fmt": MARKERS[number % len(MARKERS)], "color": f"C{number % 10}", "elinewidth": 0.6, "capsize": 2}
            axes.errorbar(x[0], y[0], xerr=x[1], yerr=y[1], label=ROWS[key].label, **style)
    _limits(axes, "likeness", "ESR: goals reached")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
    _save(figure, path)


def sweeps(values: Values, path: pathlib.Path) -> None:
    """What γ and η do, on the concepts that all weights have; the axis is linear up to 0.1 and logarithmic from
    there."""
    pyplot = pyplot_of_files()
    figure, panels = pyplot.subplots(1, 2, figsize=(9.2, 3.6), sharey=True)
    for axes, (title, rows) in zip(panels, SWEEPS.items()):
        for score, style in SWEPT.items():
            shared = of_all(values, rows.values(), score)
            found = {weight: mean for weight, row in rows.items() if (mean := mean_of(shared, row, score))}
            means, halves = zip(*found.values()) if found else ((), ())
            axes.errorbar(list(found), means, yerr=halves, fmt=style, capsize=3, label=SCORES[score])
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_xticks(list(rows), [f"{weight:g}" for weight in rows])
        axes.set_xlabel(title)
        axes.set_ylim(-0.04, 1.04)
    panels[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
    _save(figure, path)


def trade_off(cells: Mapping[str, Sequence[tuple[Any, Any]]], path: pathlib.Path) -> None:
    """What every cell of every variant does and keeps: the editing paper's figure 6. cells: edit and kept, each with
    half of its interval, which is drawn where most is done and kept at once."""
    pyplot = pyplot_of_files()
    figure, axes = pyplot.subplots(figsize=(8.8, 4.8))
    for number, name in enumerate(VARIANTS):
        points = sorted((edit[0], kept[0]) for edit, kept in cells[name])
        style = {"marker": MARKERS[number], "color": f"C{number}", "linewidth": 0.8, "markersize": 4}
        axes.plot(*zip(*points), label=name, **style)
        x, y = max(cells[name], key=lambda cell: cell[0][0] * cell[1][0])
        axes.errorbar(x[0], y[0], xerr=x[1], yerr=y[1], color=f"C{number}", elinewidth=0.6, capsize=2)
    _limits(axes, "edits done", "kept: colours, pattern, background")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
    _save(figure, path)
