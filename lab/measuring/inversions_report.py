"""The table and the sheet of `lab.measuring.inversions`."""

from __future__ import annotations

import datetime
import math
import pathlib
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..figures.sheets import contact_sheet, save_jpeg
from .editing_tasks import Task
from .fast_editing_report import interval, table
from .results import rows_with

Row = dict[str, Any]
BASE = "direct"
"""What the others are compared with: exact, and the cheapest of them that was there before."""
EXACT = "exact"
SCORES = {"edit": "edit done", "kept": "colours, pattern, background kept"}


def read(path: pathlib.Path, settings: dict[str, Any]) -> list[Row]:
    """The batches measured with these settings, by picture."""
    return sorted(rows_with(path, settings), key=lambda row: int(row["first"]))


def figures_of(rows: Iterable[Row], inversion: str) -> dict[int, dict[str, float]]:
    """By picture: its PSNRs, and at each source ratio its scores ("0.2 edit" …)."""
    found: dict[int, dict[str, float]] = {}
    for row in (row for row in rows if row["inversion"] == inversion):
        for i, (latents, pixels) in enumerate(zip(row["latent_psnr"], row["pixel_psnr"], strict=True)):
            scores = {f"{ratio} {score}": one[i][score] for ratio, one in row["edits"].items() for score in SCORES}
            found[int(row["first"]) + i] = {"latents": latents, "pixels": pixels, **scores}
    return found


def _psnrs(mine: Sequence[dict[str, float]]) -> list[str]:
    """Of latents and pixels, and of latents where nothing adds the offsets of exact inversions."""
    latents, pixels = (_psnr([one[kind] for one in mine]) for kind in ("latents", "pixels"))
    return [latents, pixels, "lacks the offsets" if latents == EXACT else latents]


def _psnr(values: Sequence[float]) -> str:
    return EXACT if math.inf in values else f"{interval(values, digits=1).lstrip('+')} dB"


def _share(mine: dict[int, dict[str, float]], base: dict[int, dict[str, float]], name: str) -> str:
    """The mean in percent; in brackets the paired difference from `BASE`, of the pictures that both have."""
    mean = f"{100 * statistics.mean(one[name] for one in mine.values()):.0f} %"
    pairs = [one[name] - base[i][name] for i, one in mine.items() if i in base]
    return mean if mine is base or not pairs else f"{mean} ({interval(pairs, 100)})"


def _table(rows: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(row["inversion"] for row in rows)
    ratios = list(rows[0]["edits"])
    figures = {name: figures_of(rows, name) for name in names}
    lines = []
    for name, mine in sorted(figures.items(), key=lambda each: _evaluations(rows, each[0])):
        base = mine if name == BASE else figures.get(BASE, {})
        shares = [_share(mine, base, f"{ratio} {score}") for ratio in ratios for score in SCORES]
        lines.append([name, f"{_evaluations(rows, name):.1f}", *_psnrs(list(mine.values())), *shares])
    head = ["inversion", "UNet evaluations a step", "PSNR, latents", "PSNR, pixels", "in ComfyUI's own samplers"]
    return table([*head, *(f"{words}, ratio {ratio}" for ratio in ratios for words in SCORES.values())], lines)


def _missing(rows: Iterable[Row], wanted: Iterable[str]) -> list[str]:
    names = [name for name in wanted if name not in {row["inversion"] for row in rows}]
    if not names:
        return []
    return [
        f"Not measured with these settings yet: {'; '.join(names)} (null-text: [FAST_EDITING.md](FAST_EDITING.md)).",
        "",
    ]


def _evaluations(rows: Iterable[Row], name: str) -> float:
    return statistics.mean(row["evaluations"] for row in rows if row["inversion"] == name)


def write(rows: Sequence[Row], settings: dict[str, Any], out: pathlib.Path, wanted: Iterable[str] = ()) -> None:
    """wanted: all inversions, to tell which are not measured yet.

    Raises: SystemExit when nothing is measured yet.
    """
    if not rows:
        raise SystemExit("nothing is measured with these settings yet")
    pictures = max(len(figures_of(rows, row["inversion"])) for row in rows)
    lines = [
        "# Inversions on the demo model: cost, reconstruction and edits",
        "",
        (
            f"Measured {datetime.date.today()} with `python -m lab.measuring.inversions` ({settings['steps']} steps,"
            f" cfg {settings['cfg']:g}): {pictures} pictures, {sum(row['minutes'] for row in rows):.0f} minutes of one"
            " core."
        ),
        "",
        (
            "Each inverts with the source prompt and reconstructs, against the picture as the VAE gives it back;"
            " ComfyUI's own samplers take the same steps, and cannot add the offsets of exact inversions. Edits"
            " (move, resize, turn, change class) head for the target prompt as it is (`alpha` 1, no text"
            " optimisation) after the source prompt's share of the steps (ratio); judged by `lab/world/oracle.py`. An"
            " evaluation that is differentiated counts as one here, and costs about twice as much. 95 % intervals over"
            f" pictures; in brackets the paired difference from `{BASE}` in percentage points."
        ),
        "",
        *_table(rows),
        *_missing(rows, wanted),
        f"Edits of the first pictures:\n\n![edits]({out.with_suffix('.jpg').name})",
    ]
    out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def sheet(rows: Iterable[Row], folder: pathlib.Path, tasks: Sequence[Task], out: pathlib.Path) -> None:
    """The first pictures, and their edits by every inversion. tasks: theirs."""
    from ..world import painting

    columns = {name: np.load(folder / f"0_{name}.npy")[-1] for name in dict.fromkeys(row["inversion"] for row in rows)}
    pictures, captions = [], []
    for i, task in enumerate(tasks):
        pictures += [painting.render(task.scene)[0], *(drawn[i] for drawn in columns.values())]
        captions += [task.source, *(f"{name}: {task.target}" for name in columns)]
    save_jpeg(contact_sheet(pictures, captions, columns=len(columns) + 1, lines=6), out)
