"""The reproduction's plots. Needs matplotlib, which requirements-dev.txt has."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from .edit_part import VARIANTS
from .rows import FULL1, FULL2, PRIOR, ROWS
from .values import Values, mean_of

SIZE, DPI = (6.4, 4.0), 110
SWEEPS = {
    "γ (Stage I)": {0.0: "I foreground", 0.1: "gamma 0.1", 1.0: FULL1, 10.0: "gamma 10"},
    "η (Stage II)": {0.0: "II background", 0.1: "eta 0.1", 1.0: FULL2, 10.0: "eta 10"},
}
SWEPT = {"likeness": "o-", "esr": "s--", "source": "^:"}


def _pyplot() -> Any:
    """Raises: SystemExit without matplotlib."""
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
    _pyplot().close(figure)


def _pairs(values: Values, rows: Sequence[str], scores: tuple[str, str]) -> list[tuple[str, Any, Any]]:
    """(row, x with its half, y with its half) of the rows that are measured."""
    found = [(row, mean_of(values, row, scores[0]), mean_of(values, row, scores[1])) for row in rows]
    return [(row, x, y) for row, x, y in found if x is not None and y is not None]


def likeness_and_editing(values: Values, path: pathlib.Path) -> None:
    """Every row's likeness against its ESR, with 95 % intervals where there are some."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8.4, 5.2))
    for number, (row, x, y) in enumerate(_pairs(values, [row for row in ROWS if row != PRIOR], ("likeness", "esr"))):
        style = {"marker": "o" if row in (FULL1, FULL2) else ".", "color": f"C{number % 10}", "alpha": 0.9}
        axes.errorbar(x[0], y[0], xerr=x[1], yerr=y[1], elinewidth=0.6, capsize=2, **style)
        axes.annotate(ROWS[row].label, (x[0], y[0]), xytext=(4, 4), textcoords="offset points", fontsize=6.5)
    axes.set_xlabel("likeness")
    axes.set_ylabel("ESR: goals reached")
    _save(figure, path)


def sweeps(values: Values, path: pathlib.Path) -> None:
    """What γ and η do; the axis is linear up to 0.1 and logarithmic from there."""
    pyplot = _pyplot()
    figure, panels = pyplot.subplots(1, 2, figsize=(8.4, 3.6), sharey=True)
    for axes, (title, rows) in zip(panels, SWEEPS.items()):
        for score, style in SWEPT.items():
            found = {weight: mean for weight, row in rows.items() if (mean := mean_of(values, row, score))}
            means, halves = zip(*found.values()) if found else ((), ())
            axes.errorbar(list(found), means, yerr=halves, fmt=style, capsize=3, label=score)
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_xticks(list(rows), [f"{weight:g}" for weight in rows])
        axes.set_xlabel(title)
        axes.set_ylim(-0.05, 1.05)
    panels[0].legend(fontsize=8)
    _save(figure, path)


def trade_off(cells: Mapping[str, Sequence[tuple[Any, Any]]], path: pathlib.Path) -> None:
    """What every cell of every variant does and keeps: the editing paper's figure 6. cells: edit and kept, each with
    half of its interval."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8.4, 5.2))
    for number, name in enumerate(VARIANTS):
        edit, kept = zip(*cells[name])
        style = {"marker": "os^vDPX<>"[number], "color": f"C{number}", "linewidth": 0.8, "markersize": 5}
        axes.errorbar(
            [x for x, _ in edit], [y for y, _ in kept], xerr=[h for _, h in edit], yerr=[h for _, h in kept],
            elinewidth=0.3, label=name, **style,
        )  # fmt: skip
    axes.set_xlabel("edits done")
    axes.set_ylabel("kept: colours, pattern, background")
    axes.legend(fontsize=7)
    _save(figure, path)
