"""The table and the contact sheet of `lab.measuring.heatmaps`."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..figures import sheets
from .intervals import bootstrap, wilson

GOAL, GOAL_RATIO = 0.5, 1.2
SHOWN, COLUMNS = 24, 8
FEWEST = 5  # pairs of an interval
Row = dict[str, Any]


def line(label: str, rows: Sequence[Row]) -> str:
    """A row of the table. rows: of pictures."""
    seen = [row for row in rows if row["seen"]]
    if not seen:
        return f"| {label} | {len(rows)} | 0 | | | |"
    mean, low, high = bootstrap([row["iou"] for row in seen])
    good, inside = sum(row["iou"] >= GOAL for row in seen), sum(row["highest"] for row in seen)
    least, most = wilson(good, len(seen))
    return (
        f"| {label} | {len(rows)} | {len(seen)} | {mean:.2f} ({low:.2f} to {high:.2f}) |"
        f" {good} of {len(seen)}, {good / len(seen):.0%} ({least:.0%} to {most:.0%}) | {inside} of {len(seen)} |"
    )


def ratios(rows: Sequence[Row], size: int) -> list[float]:
    """How many times as long a picture took with the maps, turn by turn."""
    return [row["seconds"]["maps"] / row["seconds"]["plain"] for row in rows if row.get("size") == size]


def text(rows: Sequence[Row], settings: dict[str, Any]) -> str:
    pictures = [row for row in rows if "picture" in row]
    seen = [row["iou"] for row in pictures if row["seen"]]
    mean = bootstrap(seen)[0] if seen else 0.0
    kinds = list(dict.fromkeys(row["kind"] for row in pictures))
    table = [line(kind, [row for row in pictures if row["kind"] == kind]) for kind in kinds]
    return "\n".join([
        '# Does the heat map of "heart" cover the heart?',
        "",
        f"Measured {datetime.date.today()} with `python -m lab.measuring.heatmaps --steps {settings['steps']} --cfg"
        f" {settings['cfg']:g} --seed {settings['seed']}`.",
        "",
        f"**The mean IoU is {mean:.2f}** over {len(seen)} pictures. Goal {GOAL}:"
        f" {'reached' if mean >= GOAL else 'missed'}.",
        "",
        "- IoU: of where the map is above half of its range, with the heart's outline as `lab/world/seeing.py` finds it"
        " in the picture by colour and geometry.",
        "- Pictures in which not exactly one heart is seen are left out: there the model did not draw what was asked.",
        "- The demo model's attention is at 8 by 8 places and coarser, in pictures of 128 by 128 pixels: a map cannot"
        " follow an outline.",
        "- How layers are put together (each over its own range) was chosen on 12 other pictures, on which the plain"
        " mean of all layers reached 0.43 and this 0.58.",
        "- In brackets: 95 % intervals.",
        "",
        "| the heart is | pictures | heart seen | mean IoU | IoU of at least 0.5 | highest place inside |",
        "|---|---|---|---|---|---|",
        *table,
        line("all", pictures),
        "",
        *_cost(rows),
        "",
        "![Pictures with the map of their heart; red captions: IoU below 0.5, or no heart seen.](heatmaps.jpg)",
        "",
    ])  # fmt: skip


def _cost(rows: Sequence[Row]) -> list[str]:
    """What the maps cost, size by size."""
    sizes = sorted({row["size"] for row in rows if "size" in row})
    lines = []
    for size, found in ((size, ratios(rows, size)) for size in sizes):
        if len(found) < FEWEST:  # a run that was stopped
            continue
        mean, low, high = bootstrap(found)
        lines.append(
            f"- {size} pixels: {mean:.3f} times the stock sampler's time ({low:.3f} to {high:.3f}), {len(found)} pairs"
            f" in turns. Goal {GOAL_RATIO}: {'reached' if mean <= GOAL_RATIO else 'missed'}."
        )
    return ["## What it costs", "", "Encoding, sampling and overlays, without the VAE, on one CPU core.", "", *lines]


def sheet(rows: Sequence[Row], folder: pathlib.Path, out: pathlib.Path) -> None:
    """The first pictures, each beside its map."""
    pictures, captions, wrong = [], [], []
    for row in [row for row in rows if "picture" in row][:SHOWN]:
        with np.load(folder / f"{row['picture']:03}.npz") as kept:
            heat = (kept["heat"][..., None] * np.array([255, 200, 60])).astype(np.uint8)
            pictures.append(np.concatenate([kept["picture"], heat], axis=1))
        captions.append(f"{row['prompt']}: " + (f"IoU {row['iou']:.2f}" if row["seen"] else "no heart seen"))
        wrong.append(not row["seen"] or row["iou"] < GOAL)
    sheets.save_jpeg(sheets.contact_sheet(pictures, captions, COLUMNS // 2, 2, wrong), out)


def write(rows: Sequence[Row], settings: dict[str, Any], folder: pathlib.Path, out: pathlib.Path) -> None:
    out.write_text(text(rows, settings), encoding="utf-8")
    sheet(rows, folder, out.with_name("heatmaps.jpg"))
