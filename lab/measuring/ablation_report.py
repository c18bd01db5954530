"""The tables and the contact sheet of `lab.measuring.ablation`."""

from __future__ import annotations

import datetime
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from ..figures import sheets
from ..world import oracle
from .learning import VARIANTS

Row = dict[str, Any]
COLUMNS = (
    ("alone", "mean_color"),
    ("alone", "colors"),
    ("alone", "pattern"),
    ("alone", "class"),
    ("alone", "source_background"),
    ("asked", "mean_color"),
    ("asked", "colors"),
    ("asked", "pattern"),
    ("asked", "source_background"),
    ("asked", "asked_background"),
    ("asked", "success"),
)
TITLES = (
    "mean colour",
    "both colours",
    "pattern",
    "class",
    "source background",
    "mean colour",
    "both colours",
    "pattern",
    "source background",
    "background as asked",
    "all as asked",
)
FULL1, FULL2 = "I background", "II semantic"
SHOWN_CONCEPTS, SHOWN_PICTURES = 3, 2  # in the contact sheet: concepts, and pictures a prompt


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval (Student's t) over concepts."""
    if len(values) < 2:
        return float(np.mean(values)), math.nan
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1)) * spread


def _cell(values: Sequence[float]) -> str:
    mean, half = interval(values)
    return f"{mean:.2f} ± {'?' if math.isnan(half) else f'{half:.2f}'}"


def _values(concepts: list[Row], variant: str, prompt: str, name: str) -> list[float]:
    return [row["rates"][variant][prompt][name] for row in concepts]


def variant_table(concepts: list[Row]) -> list[str]:
    """One row a variant, in the form of the paper's table 2: mean ± half of the 95 % interval over concepts."""
    head = ["| | " + " | ".join(TITLES) + " |", "|" + "---|" * (len(TITLES) + 1)]
    rows = []
    for key in ("prior", *VARIANTS):
        label = "class word alone" if key == "prior" else f"Stage {key.split()[0]}, {VARIANTS[key].label}"
        rows.append(f"| {label} | " + " | ".join(_cell(_values(concepts, key, *column)) for column in COLUMNS) + " |")
    return head + rows


def pair_table(pairs: list[Row]) -> list[str]:
    names = ("mean_color", "both_mean_colors", "each", "both", "patterns", "asked_background")
    titles = (
        "a concept's mean colour",
        "both concepts' mean colours",
        "a concept's two colours",
        "both concepts' two colours",
        "a concept's colours and pattern",
        "background as asked",
    )
    rows = ["| | " + " | ".join(titles) + " |", "|" + "---|" * (len(titles) + 1)]
    for key, label in (
        ("prior", "class words alone"),
        (FULL1, "two concepts, Stage I"),
        (FULL2, "two concepts, Stage II"),
    ):
        rows.append(
            f"| {label} | " + " | ".join(_cell([row["rates"][key][name] for row in pairs]) for name in names) + " |"
        )
    return rows


def _mark(holds: bool) -> str:
    return "met" if holds else "**missed**"


def goals(concepts: list[Row], pairs: list[Row]) -> list[str]:
    """What was asked of the method on this world, and whether it holds."""

    def mean(variant: str, prompt: str, name: str) -> float:
        return float(np.mean(_values(concepts, variant, prompt, name)))

    lines = []
    for key, least in ((FULL1, 0.80), (FULL2, 0.75)):
        stage = f"Stage {key.split()[0]}"
        for name, title in (("colors", "both colours"), ("pattern", "colours in the concept's pattern")):
            rate, prior = mean(key, "alone", name), mean("prior", "alone", name)
            lines.append(
                f"- {stage}, {title}: {rate:.1%} against the class prior's {prior:.1%} (at least twice):"
                f" {_mark(rate >= 2 * prior and rate > 0)}"
            )
        rate = mean(key, "asked", "asked_background")
        lines.append(f"- {stage}, background as asked: {rate:.1%} (at least {least:.0%}): {_mark(rate >= least)}")
        plain = f"{key.split()[0]} plain"
        differences = np.subtract(
            _values(concepts, key, "asked", "asked_background"), _values(concepts, plain, "asked", "asked_background")
        )
        gain, half = interval(differences.tolist())
        lines.append(
            f"- {stage}, plain reconstruction does worse at that, concept by concept: by {gain:+.1%} ± {half:.1%}:"
            f" {_mark(gain - half > 0)}"
        )
    if pairs:
        for name, title in (
            ("both_mean_colors", "both mean colours, each in its own object"),
            ("both", "both colours of both"),
        ):
            one, two, prior = (
                float(np.mean([row["rates"][key][name] for row in pairs])) for key in (FULL1, FULL2, "prior")
            )
            lines.append(
                f"- Two concepts in one prompt, {title}: Stage I {one:.1%}, Stage II {two:.1%} of pictures (class words"
                f" alone: {prior:.1%})"
            )
    return lines


def _method(concepts: list[Row], pairs: list[Row]) -> list[str]:
    settings = concepts[0]["settings"]
    seconds = sum(row["seconds"] / row["workers"] for row in concepts + pairs)
    backgrounds = sorted({row["background"] for row in concepts if row["background"] != "green"})
    options = " ".join(
        f"--{name.replace('_', '-') if name == 'sampling_steps' else name} {value}"
        for name, value in settings.items()
        if name not in ("checkpoint", "sha256")
    )
    return [
        f"Measured {datetime.date.today().isoformat()} with",
        "",
        f"    python -m lab.measuring.ablation --concepts {len(concepts)} {options}",
        "",
        (
            f"in {seconds / 60:.0f} minutes on {os.cpu_count()} CPU cores; checkpoint `{settings['checkpoint']}`"
            f" (sha256 {settings['sha256']}…)."
        ),
        "",
        (
            f"- {len(concepts)} concepts: an object with two colours and a pattern of its own, one picture each "
            f"(seeds {settings['seed']}·1000 + 0…{len(concepts) - 1}), classes in turn."
        ),
        (
            f"- Stage I {settings['steps1']} steps × {settings['batch1']}, learning rate {settings['rate1']:g}, encoder"
            f" `{settings['encoder']}`; Stage II {settings['steps2']} × {settings['batch2']}, learning rate"
            f" {settings['rate2']:g}, rank {settings['rank']}. Trained by the pack's own nodes."
        ),
        (
            f"- {settings['images']} pictures of each prompt, {settings['sampling_steps']} DDIM steps, CFG"
            f" {settings['cfg']:g}, the same starting noises for all rows."
        ),
        "- First five columns: “`<NAME>` class”. The others: “`<NAME>` class on a green background”"
        + (
            f" ({', '.join(backgrounds)} where the concept's own picture or colours come near green)."
            if backgrounds
            else "."
        ),
        (
            f"- *Mean colour*: the object's mean colour is the concept's (within {oracle.NEAR:g} of 765), whatever lies"
            " where. *Both colours*: each covers at least 15 % of the object, together at least 60 %. *Pattern*: they"
            " also lie as in the concept (split, striped or spotted). *Class*: the object has the class's outline."
            " *Source background*: the background of the concept's own picture is there again. *All as asked*:"
            " colours, pattern and the background in one picture. Judged by `lab/world/oracle.py`, which has learned"
            " nothing."
        ),
        "- Mean over concepts ± half of its 95 % interval (Student's t).",
    ]


def contact_sheet(concepts: list[Row], folder: pathlib.Path, path: pathlib.Path) -> int:
    """Rows: class prior and variants. Columns, for a few concepts: the source picture, the phrase alone, on a
    background."""
    shown = concepts[:SHOWN_CONCEPTS]
    stores = [np.load(folder / f"concept_{row['concept']:03}.npz") for row in shown]
    pictures, captions = [], []
    for key in ("prior", *VARIANTS):
        label = (
            "class word"
            if key == "prior"
            else f"{key.split()[0]}: {VARIANTS[key].label.replace('plain reconstruction', 'plain')}"
        )
        for row, store in zip(shown, stores):
            phrase = row["class"] if key == "prior" else f"<c> {row['class']}"
            pictures.append(store["source"])
            captions.append(f"source; {label} >")
            for part, text in zip(store[key], (phrase, f"{phrase}, {row['background']}")):
                pictures += list(part[:SHOWN_PICTURES])
                captions += [text] * len(part[:SHOWN_PICTURES])
    return sheets.save_jpeg(
        sheets.contact_sheet(pictures, captions, columns=len(shown) * (1 + 2 * SHOWN_PICTURES), lines=1),
        path,
        most=600_000,
    )


def write(rows: list[Row], folder: pathlib.Path, out: pathlib.Path) -> None:
    """Writes the report and, beside it, the contact sheet.

    Raises: SystemExit when nothing was measured yet.
    """
    concepts = sorted((row for row in rows if "concept" in row), key=lambda row: row["concept"])
    pairs = [row for row in rows if "pair" in row]
    if not concepts:
        raise SystemExit("no finished concept yet: run without --report first")
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet = out.parent / out.with_suffix(".jpg").name.lower()
    contact_sheet(concepts, folder, sheet)
    parts = [
        "# It really learns: which loss does what, on the demo world",
        "",
        *_method(concepts, pairs),
        "",
        *variant_table(concepts),
        "",
    ]
    if pairs:
        example = (
            " and a ".join(f"`<{name}>` {cls}" for name, cls in zip("ab", pairs[0]["classes"]))
            + f" on a {pairs[0]['background']} background"
        )
        note = f"{len(pairs)} pairs, learned apart, as in “{example}”; each concept must be in an object of its own."
        parts += ["## Two concepts in one prompt", "", note, "", *pair_table(pairs), ""]
    parts += ["## What was asked", "", *goals(concepts, pairs), "", f"![contact sheet]({sheet.name})", ""]
    out.write_text("\n".join(parts), encoding="utf-8")
