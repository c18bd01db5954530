"""The tables and the picture of `lab.measuring.editing`."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..figures.sheets import contact_sheet, save_jpeg

SHOWN = 12
CellKey = tuple[float, float]  # alpha, source ratio
Cells = dict[CellKey, dict[str, float]]


def curves(rows: Iterable[dict[str, Any]]) -> dict[str, Cells]:
    """By variant and (alpha, ratio), the mean of every figure."""
    groups: dict[str, dict[CellKey, list[dict[str, Any]]]] = {}
    for row in rows:
        groups.setdefault(row["variant"], {}).setdefault((row["alpha"], row["ratio"]), []).append(row)
    fields = ("edit", "colors", "pattern", "background", "kept", "both")
    return {
        name: {cell: {f: float(np.mean([r[f] for r in found])) for f in fields} for cell, found in cells.items()}
        for name, cells in groups.items()
    }


def best_cell(cells: Cells) -> CellKey:
    """Where most edits were done with colours and background kept; the first of equals."""
    return max(cells, key=lambda cell: cells[cell]["both"])


def area(points: Iterable[tuple[float, float]]) -> float:
    """Of the unit square, the part that some point (success, preservation) reaches or passes: what a trade-off offers
    as a whole."""
    total, height = 0.0, 0.0
    for success, kept in sorted(points, key=lambda p: (-p[1], -p[0])):
        if success > height:
            total += (success - height) * kept
            height = success
    return total


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows),
        "",
    ]


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def _inversion_table(figures: dict[str, Any]) -> list[str]:
    base = figures["inversions"]["DDIM"]["seconds"]
    rows = [
        (
            name,
            _decibel(one["latent_psnr"]),
            _decibel(one["pixel_psnr"]),
            one["evaluations"],
            f"{one['seconds'] / base:.1f}×",
        )
        for name, one in figures["inversions"].items()
    ]
    return _table(
        ["inversion", "PSNR, latents", "PSNR, pixels", "UNet evaluations a picture", "time (plain DDIM = 1)"], rows
    )


def _decibel(value: float) -> str:
    return "exact" if value == float("inf") else f"{value:.1f} dB"


def _variant_tables(found: dict[str, Cells]) -> list[str]:
    lines = []
    summary = []
    for name, cells in found.items():
        best = best_cell(cells)
        figures = cells[best]
        summary.append(
            (
                name,
                f"{area((c['edit'], c['kept']) for c in cells.values()):.3f}",
                _percent(figures["both"]),
                f"alpha {best[0]:g}, ratio {best[1]:g}",
                _percent(figures["edit"]),
                _percent(figures["colors"]),
                _percent(figures["pattern"]),
                _percent(figures["background"]),
            )
        )
    lines += _table(
        [
            "variant",
            "area under success × preservation",
            "edit done, colours and background kept (best cell)",
            "at",
            "edit done",
            "colours kept",
            "pattern kept",
            "background kept",
        ],
        summary,
    )
    for name, cells in found.items():
        alphas, ratios = sorted({a for a, _ in cells}), sorted({r for _, r in cells})
        rows = [
            [f"ratio {r:g}", *(f"{_percent(cells[a, r]['edit'])} / {_percent(cells[a, r]['kept'])}" for a in alphas)]
            for r in ratios
        ]
        lines += [
            f"**{name}**: edit done / kept (mean of colours, pattern, background)",
            "",
            *_table(["", *(f"alpha {a:g}" for a in alphas)], rows),
        ]
    return lines


def _sheet(tasks: Sequence[Any], folder: pathlib.Path, found: dict[str, Cells], out: pathlib.Path) -> None:
    """For some tasks: the picture, and each variant at its own best cell."""
    columns: list[tuple[str, np.ndarray]] = []
    for name, cells in found.items():
        alpha, ratio = best_cell(cells)
        stored = np.load(folder / f"{name.replace(' ', '_')}.npz")
        number = [tuple(key) for key in stored["places"].tolist()].index((alpha, ratio))
        columns.append((f"{name}, alpha {alpha:g}, ratio {ratio:g}", stored["pictures"][number]))
        source = stored["source"]
    pictures, captions = [], []
    for i in range(min(SHOWN, len(tasks))):
        pictures += [source[i], *(drawn[i] for _, drawn in columns)]
        captions += [tasks[i].source, *(f"{tasks[i].target}: {name}" for name, _ in columns)]
    save_jpeg(contact_sheet(pictures, captions, columns=len(columns) + 1, lines=6), out)


def write(figures: dict[str, Any], tasks: Sequence[Any], folder: pathlib.Path, out: pathlib.Path) -> None:
    """Writes the report and, beside it, the sheet (`.jpg`)."""
    found, settings = curves(figures["rows"]), figures["settings"]
    kinds = {kind: sum(task.kind == kind for task in tasks) for kind in dict.fromkeys(task.kind for task in tasks)}
    text = figures["text"]
    options = " ".join(
        f"--{name.replace('_', '-')} {settings[name]}" for name in ("steps", "inner_steps", "text_steps")
    )
    lines = [
        "# Editing on the demo model: the four inversions, and what each part of the method does",
        "",
        (
            f"Measured {datetime.date.today()} with `python -m lab.measuring.editing {options}` in"
            f" {figures['minutes']:.0f} minutes on 2 CPU cores."
        ),
        "",
        f"- {settings['pictures']} pictures with an object whose second colour no word can tell (seed"
        f" {settings['seed']}): "
        + ", ".join(
            f"{count} to {kind}" if kind != "class" else f"{count} to change class" for kind, count in kinds.items()
        )
        + ".",
        (
            f"- {settings['steps']} DDIM steps, cfg {settings['cfg']:g}, at most {settings['inner_steps']} null-text"
            " updates a step."
        ),
        (
            f"- {settings['text_steps']} steps of text optimisation: {text['evaluations']} UNet evaluations a picture,"
            f" {text['seconds'] / figures['inversions']['DDIM']['seconds']:.1f} times the time of plain DDIM inversion"
            " with its reconstruction."
        ),
        "- Judged by `lab/world/oracle.py`. The source prompt tells the class, pattern, first colour and background.",
        "",
        "## Inversions",
        "",
        "Each inverts the pictures and reconstructs them; against the pictures as the VAE gives them back. Null-text"
        " stands twice: with the source prompt and without one.",
        "",
        *_inversion_table(figures),
        "## Edits",
        "",
        (
            f"Each variant is judged over {len(next(iter(found.values())))} cells of alpha and source ratio; without"
            " injection, which has no ratio, over as many alphas."
        ),
        "",
        *_variant_tables(found),
        f"Each variant at its own best cell:\n\n![edits]({out.with_suffix('.jpg').name})",
        "",
    ]
    out.write_text("\n".join(lines), encoding="utf-8")
    _sheet(tasks, folder, found, out.with_suffix(".jpg"))
