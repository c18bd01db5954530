"""The tables and the contact sheet of `lab.measuring.composition`."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..figures import sheets
from ..world import oracle
from .composing import slug
from .composition_groups import Group, group, neighbours
from .composition_settings import OTHER_WORDS, SETTINGS
from .intervals import bootstrap

Row = dict[str, Any]
COLUMNS = {
    "mean_color": "a concept's mean colour",
    "colors": "a concept's two colours",
    "found": "a concept's colours and pattern",
    "all_mean_color": "all mean colours",
    "all_colors": "all two colours",
    "all_found": "all colours and patterns",
    "background": "background as asked",
}
ALONE = {name: COLUMNS[name] for name in ("mean_color", "colors", "found", "background")}
BESIDE = {
    "neighbour_0": "plain neighbour untouched, concept first",
    "neighbour_1": "plain neighbour untouched, concept last",
}
# of pairs: which rate of which setting has to reach what
GOALS = (
    ("given", "all_found", 0.60),
    ("drawn", "all_found", 0.60),
    ("found", "all_found", 0.50),
    *((key, "neighbour", 0.95) for key in ("given", "found", "drawn")),
    *((key, "background", 0.98) for key in ("given", "found", "drawn")),
)
MOST_TIME = 1.15  # of a picture without any keeping apart
SHOWN_PICTURES = 3  # in the contact sheet, of each prompt


def picture_file(key: str, numbers: Sequence[int]) -> str:
    """The name, without its ending, of the file that keeps a setting's pictures of a group."""
    return f"{slug(key)}_{'_'.join(map(str, numbers))}"


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean, low, high = bootstrap(values)
    return f"{mean:.0%} ({low:.0%} to {high:.0%})"


def rates(rows: list[Row], key: str, name: str) -> list[float]:
    """One number a group. "neighbour": of both orders together."""
    some = [row["rates"] for row in rows if row["setting"] == key]
    if name == "neighbour":
        return [(one["neighbour_0"] + one["neighbour_1"]) / 2 for one in some if "neighbour_0" in one]
    return [one[name] for one in some if name in one]


def relative_time(rows: list[Row], key: str) -> float | None:
    """The processor's time for the groups that both rows have, as a multiple of today's."""
    own, today = (
        {tuple(row["group"]): row["cpu_seconds"] for row in rows if row["setting"] == one} for one in (key, "today")
    )
    both = own.keys() & today.keys()
    return sum(own[some] for some in both) / sum(today[some] for some in both) if both else None


def table(rows: list[Row], columns: dict[str, str]) -> list[str]:
    """Mean over groups, with its interval; settings that were not measured are left out."""
    head = ["", "groups", *columns.values(), "time"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for key, setting in SETTINGS.items():
        if any(row["setting"] == key for row in rows):
            time = relative_time(rows, key)
            cells = [_cell(rates(rows, key, name)) for name in columns]
            count = len({tuple(row["group"]) for row in rows if row["setting"] == key})
            cells = [setting.label, str(count), *cells, "" if time is None else f"{time:.2f} ×"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def differences(rows: list[Row], base: str = "found") -> list[str]:
    """What learning in other ways changes, in points, on the groups that both rows have."""
    columns = {name: COLUMNS[name] for name in ("mean_color", "colors", "found")}
    lines = [f"| {' | '.join(['', 'groups', *columns.values()])} |", "|" + "---|" * (len(columns) + 2)]
    for key, setting in SETTINGS.items():
        own, other = (
            {tuple(row["group"]): row["rates"] for row in rows if row["setting"] == one} for one in (key, base)
        )
        both = sorted(own.keys() & other.keys())
        if setting.learned != "paper" and both:
            cells = [_points([own[some][name] - other[some][name] for some in both]) for name in columns]
            lines.append(f"| {' | '.join([setting.label, str(len(both)), *cells])} |")
    return lines if len(lines) > 2 else []


def _points(values: Sequence[float]) -> str:
    mean, low, high = (100 * value for value in bootstrap(values))
    return f"{mean:+.0f} ({low:+.0f} to {high:+.0f})"


def goals(pairs: list[Row]) -> list[str]:
    """What was asked of pairs, and whether it holds."""
    titles = {**COLUMNS, "neighbour": "plain neighbour untouched"}
    lines = []
    for key, name, least in GOALS:
        values = rates(pairs, key, name)
        if values:
            mark = "met" if np.mean(values) >= least else "**missed**"
            lines.append(f"- {SETTINGS[key].label}, {titles[name]}: {_cell(values)}, at least {least:.0%}: {mark}")
    for key in ("given", "found"):
        time = relative_time(pairs, key)
        if time is not None:
            mark = "met" if time <= MOST_TIME else "**missed**"
            lines.append(f"- {SETTINGS[key].label}, time: {time:.2f} × today's, at most {MOST_TIME:g} ×: {mark}")
    return lines or ["Nothing that has a goal was measured."]


def _method(rows: list[Row]) -> list[str]:
    settings = rows[0]["settings"]
    pairs, triples, alone = (
        len({tuple(row["group"]) for row in rows if len(row["group"]) == size}) for size in (2, 3, 1)
    )
    return [
        f"Measured {datetime.date.today().isoformat()} with",
        "",
        (
            f"    python -m lab.measuring.composition --pairs {pairs} --triples {triples} --alone {alone}"
            f" --images {settings['images']} --seed {settings['seed']}"
            f" --sampling-steps {settings['sampling_steps']} --cfg {settings['cfg']:g}"
        ),
        "",
        f"on {os.cpu_count()} CPU cores; checkpoint `{settings['checkpoint']}` (sha256 {settings['sha256']}…).",
        "",
        (
            f"- {pairs} pairs and {triples} triples of concepts, {settings['images']} pictures each with the same"
            f" starting noises in all rows. A concept is an object with two colours and a pattern of its own, learned"
            f" from one picture and apart from the others: Stage I {settings['steps1']} steps × {settings['batch1']},"
            f" Stage II {settings['steps2']} × {settings['batch2']}, rank {settings['rank']}."
        ),
        (
            "- Prompts: “`<a>` heart and a `<b>` star on a white background”, from left to right. *Given regions* are"
            " halves of the picture, of three concepts thirds. *Outlines of a first picture*: drawn with class words"
            " from the same noise, objects taken from left to right and grown by a few pixels; the oracle's eyes cut"
            " them, not Mask from Prompt."
        ),
        (
            f"- *Mean colour*: an object's mean colour is the concept's (within {oracle.NEAR:g} of 765). *Two colours*:"
            " each covers at least 15 % of the object, together at least 60 %. *Pattern*: they also lie as in the"
            " concept. Each concept needs an object of its own. Judged by `lab/world/oracle.py`, which has learned"
            " nothing."
        ),
        (
            "- *Plain neighbour*: “`<a>` heart and a blue cross on a white background” and “blue cross and a `<a>`"
            " heart …”: the neighbour's class, its colour, and no pattern. The row of class words says what the model"
            " can do at all."
        ),
        (
            f"- *Learned among other words*: with {len(OTHER_WORDS.splitlines())} prompts in turn instead of the phrase"
            " alone. *Orthogonal*: LoRAs on fixed random bases."
        ),
        "- Mean over groups, in brackets its 95 % interval (bootstrap over groups); a row is of as many *groups* as it"
        " says. *Time* is the processor's for the pictures of all concepts together, a first picture's included, as a"
        " multiple of today's on the same groups.",
    ]


def contact_sheet(rows: list[Row], folder: pathlib.Path, path: pathlib.Path) -> int:
    """Rows: settings. Columns: the first pair and its neighbours, then the first triple."""
    keys = [key for key in SETTINGS if any(row["setting"] == key for row in rows)]
    shown = [min((row["group"] for row in rows if len(row["group"]) == size), default=None) for size in (2, 3)]
    pictures, captions = [], []
    for key in keys:
        parts = [_shown(folder, key, numbers, rows) for numbers in shown if numbers]
        for some, caption in (one for part in parts for one in part):
            pictures += list(some)
            captions += [f"{SETTINGS[key].label}: {caption}", *[""] * (len(some) - 1)]
    columns = len(pictures) // len(keys)
    return sheets.save_jpeg(sheets.contact_sheet(pictures, captions, columns=columns, lines=4), path, most=700_000)


def _shown(folder: pathlib.Path, key: str, numbers: list[int], rows: list[Row]) -> list[tuple[np.ndarray, str]]:
    """Pictures of a group with what was asked; grey where a setting was not measured on it."""
    asked: Group = group(rows[0]["settings"]["seed"], numbers)
    prompts = {"together": asked.together}
    if len(numbers) == 2:
        prompts |= {f"neighbour_{one.seat}": one.prompt for one in neighbours(asked)}
    path = folder / f"{picture_file(key, numbers)}.npz"
    kept = np.load(path) if path.exists() else {}
    blank = np.full((SHOWN_PICTURES, 128, 128, 3), 230, np.uint8)
    found = []
    for name, prompt in prompts.items():
        classes = asked.classes if name == "together" else [asked.classes[prompt.seats[0]]]
        text = prompt.text.format(*(f"<{letter}> {cls}" for letter, cls in zip("abc", classes)))
        found.append((kept[name][:SHOWN_PICTURES] if name in kept else blank, text))
    return found


def write(rows: list[Row], folder: pathlib.Path, out: pathlib.Path) -> None:
    """Writes the report and, beside it, the contact sheet.

    Raises: SystemExit when nothing was measured yet.
    """
    if not rows:
        raise SystemExit("no finished group yet: run without --report first")
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet = out.parent / out.with_suffix(".jpg").name.lower()
    contact_sheet(rows, folder, sheet)
    pairs, triples, alone = ([row for row in rows if len(row["group"]) == size] for size in (2, 3, 1))
    parts = ["# Several concepts in one picture", "", *_method(rows), ""]
    if pairs:
        parts += [
            "## Pairs",
            "",
            *table(pairs, COLUMNS | BESIDE),
            "",
            "## What was asked of pairs",
            "",
            *goals(pairs),
            "",
        ]
        if learned := differences(pairs):
            parts += ["## Pairs: other learning, beside *by itself* on the same groups, in points", "", *learned, ""]
    if triples:
        parts += ["## Triples", "", *table(triples, COLUMNS), ""]
    if alone:
        parts += ["## One concept alone, which a group can't do better than", "", *table(alone, ALONE), ""]
    out.write_text("\n".join([*parts, f"![contact sheet]({sheet.name})", ""]), encoding="utf-8")
