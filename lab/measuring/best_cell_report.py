"""The table of `lab.measuring.best_cell`."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .intervals import wilson
from .results import rows_with

GOAL = 0.6
ALIKE = 1e-9  # merits this close are one
Row = dict[str, Any]


def read(path: pathlib.Path, settings: dict[str, Any]) -> list[Row]:
    """The batches measured with these settings, in the pictures' order."""
    return sorted(rows_with(path, settings), key=lambda row: int(row["first"]))


@dataclass(frozen=True)
class Grids:
    """merit: every cell's, (cells, grids)."""

    merit: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """Which cells are among their grid's best: (cells, grids)."""
        return np.asarray(self.merit >= self.merit.max(0) - ALIKE)

    @property
    def differ(self) -> np.ndarray:
        """Which grids have cells of different merit; in the others every cell is a best one."""
        return np.asarray(self.merit.max(0) - self.merit.min(0) > ALIKE)

    def agreement(self, chosen: np.ndarray) -> tuple[int, float]:
        """How often the chosen cells, one a grid, are among the best; and the mean merit lost."""
        grids = np.arange(len(chosen))
        lost = self.merit.max(0) - self.merit[chosen, grids]
        return int(self.best[chosen, grids].sum()), float(lost.mean())

    def by_chance(self) -> tuple[float, float]:
        """The same of cells drawn blindly: the share of grids, and the mean merit lost."""
        return float(self.best.mean()), float((self.merit.max(0) - self.merit.mean(0)).mean())


def joined(rows: Sequence[Row], name: str) -> np.ndarray:
    """A figure of all batches together; the last axis is the pictures'."""
    return np.concatenate([np.array(row[name]) for row in rows], axis=-1)


def choices(rows: Sequence[Row], differ: np.ndarray) -> dict[str, np.ndarray]:
    """The number of the chosen cell of every grid that has something to choose, by each way of choosing."""
    text, preservation = joined(rows, "text")[:, differ], joined(rows, "preservation")[:, differ]
    grids = Grids((joined(rows, "edit") * joined(rows, "kept"))[:, differ])
    always = int(grids.best.sum(1).argmax())
    alpha, ratio = rows[0]["cells"][always]
    return {
        "**the proposal**: text fit × preservation": joined(rows, "chosen")[differ],
        "text fit alone": text.argmax(0),
        "preservation alone": preservation.argmax(0),
        f"always alpha {alpha:g}, ratio {ratio:g}, the best one for these grids": np.full(differ.sum(), always),
    }


def table(grids: Grids, chosen: dict[str, np.ndarray]) -> list[str]:
    """A row for each way of choosing, and one for chance."""
    count = grids.merit.shape[1]
    lines = ["| chosen by | agrees | | 95 % interval | mean merit lost |", "|---|---|---|---|---|"]
    for name, cells in chosen.items():
        right, lost = grids.agreement(cells)
        low, high = wilson(right, count)
        lines.append(f"| {name} | {right} of {count} | {right / count:.0%} | {low:.0%} to {high:.0%} | {lost:.3f} |")
    share, lost = grids.by_chance()
    return [*lines, f"| chance | | {share:.0%} | | {lost:.3f} |"]


def by_kind(grids: Grids, chosen: np.ndarray, kinds: np.ndarray) -> list[str]:
    """The proposal's agreement, a row for each kind of edit."""
    lines = ["| edit | grids | the proposal agrees | chance |", "|---|---|---|---|"]
    for kind in dict.fromkeys(kinds.tolist()):
        some = Grids(grids.merit[:, kinds == kind])
        right, _ = some.agreement(chosen[kinds == kind])
        lines.append(f"| {kind} | {some.merit.shape[1]} | {right} | {some.by_chance()[0]:.0%} |")
    return lines


def price(rows: Sequence[Row]) -> str:
    """What judging costs beside drawing the grid."""
    shares = [
        sum(row[what]["judging"] for row in rows) / sum(row[what]["grid"] for row in rows)
        for what in ("evaluations", "seconds")
    ]
    return f"Judging takes {shares[0]:.1%} of the grid's UNet evaluations and {shares[1]:.1%} of its time."


def write(rows: Sequence[Row], settings: dict[str, Any], out: pathlib.Path) -> None:
    """Writes the report."""
    merit = joined(rows, "edit") * joined(rows, "kept")
    differ = Grids(merit).differ
    grids, chosen = Grids(merit[:, differ]), choices(rows, differ)
    proposal = next(iter(chosen.values()))
    right, count = grids.agreement(proposal)[0], len(proposal)
    low, high = wilson(right, count)
    options = " ".join(f"--{name} {value:g}" for name, value in settings.items())
    lines = [
        "# Does Edit Grid propose the right cell?",
        "",
        f"Measured {datetime.date.today()} with"
        f" `python -m lab.measuring.best_cell --pictures {len(differ)} {options}`.",
        "",
        f"**The proposal is a best cell in {right} of {count} grids, {right / count:.0%}** (95 % interval {low:.0%} to"
        f" {high:.0%}). Goal {GOAL:.0%}: {'reached' if right / count >= GOAL else '**not reached**'}.",
        "",
        f"- {len(differ)} pictures of the demo's world, their edits in turn: move, resize, turn, class. Direct"
        f" inversion, {settings['steps']:g} steps, cfg {settings['cfg']:g}, {len(merit)} cells.",
        "- *Merit* of a cell, by `lab/world/oracle.py`: 1 if the edit happened and else 0, times the share of colours,"
        " pattern and background that stayed.",
        "- *Agrees*: no cell of the grid has a greater merit; several may share the greatest.",
        f"- {(~differ).sum()} grids are left out: all their cells have the same merit, so that any choice agrees.",
        "- The proposal is `inversion/best_cell.py` and knows nothing of the oracle. It was not tuned on any pictures.",
        "",
        *table(grids, chosen),
        "",
        *by_kind(grids, proposal, np.concatenate([row["kinds"] for row in rows])[differ]),
        "",
        price(rows),
        "",
    ]
    out.write_text("\n".join(lines), encoding="utf-8")
