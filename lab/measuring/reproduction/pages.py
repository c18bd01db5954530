"""Writes docs/reproduction: the claims, the tables, the plots and the contact sheets."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..intervals import student
from . import plots, sheets, tables, values
from .claims import EDITING, SINGLEINSERT
from .concept_part import KEPT
from .edit_part import CFG, FULL, INNER_STEPS, STEPS, TEXT, VARIANTS
from .rows import PACE, ROWS
from .tables import markdown, with_half

READING = pathlib.Path(__file__).parent / "reading.md"
RULE = (
    "The rule: each claim is one or more comparisons of two rows, paired over concepts (or pictures). It "
    "**holds** where the whole 95 % interval of the mean difference (Student's t) is on the claimed side, "
    "**holds weakly** where only the mean is (to two digits), and **does not hold here** where the mean is "
    "not, which includes no difference at all; with fewer than three pairs it is **not measured**. A claim is "
    "as good as its worst comparison. “Holds weakly” is no more than a tendency: up to half of the claims that "
    "were pure chance would get it, and one in forty would “hold”; no correction is made for their number."
)
Cells = dict[str, list[tuple[tuple[float, float], tuple[float, float]]]]
"""By variant, of each cell: edits done and what was kept, each with half of its interval."""


def cells_of(lines: Iterable[Mapping[str, Any]]) -> Cells:
    """Every cell's means over all pictures."""
    batches = [line["verdicts"] for line in lines if "picture" in line]
    cells: Cells = {}
    for name, variant in VARIANTS.items():
        for cell in range(len(variant.cells)):
            verdicts = [verdict for batch in batches for verdict in batch[name][cell]]
            edit, kept = (student([verdict[score] for verdict in verdicts]) for score in ("edit", "kept"))
            cells.setdefault(name, []).append((edit, kept))
    return cells


def best_cell(cells: Cells, name: str) -> int:
    """Where most is done and kept at once; the first of equals."""
    return int(np.argmax([edit[0] * kept[0] for edit, kept in cells[name]]))


def singleinsert_page(found: values.Values, shown: Sequence[str]) -> str:
    """shown: the sheets and plots that there are."""
    lines = [
        "# SingleInsert's tables and figures on the demo world",
        "",
        f"Stage I {PACE.steps1} steps × {PACE.batch1} at {PACE.rate1:g}, Stage II {PACE.steps2} × {PACE.batch2} at"
        f" {PACE.rate2:g}, the rate falling to 0, timesteps stratified, no encoder (a free word), rank {PACE.rank},"
        " unless a row says otherwise. Each row's pictures start from the same noises.",
        "",
        "- *Likeness*: how much of the concept's two colours and its layout an object shows, 0 to 1. *Mean colour*: the"
        " share of pictures whose object has the concept's mean colour, whatever lies where. *Colours and"
        " pattern*: the share of pictures that show both. *Source background*: the share in which the background of the"
        " concept's own picture is there again, unasked (less is better). *Class*: the share whose object has the"
        " class's outline. *ESR*: the share of the prompts' goals that pictures show. *Goals and likeness*: the share"
        " that shows all its goals and the concept.",
        "- *Heat*: the share of a word's heat map inside the object, by the object's share of the picture; 1 is evenly"
        " spread.",
        "- *Concepts × pictures*: pictures of each of the ten prompts. Mean ± half of its 95 % interval over concepts"
        " (Student's t). In brackets: the paired difference from the row that the table names.",
        "",
    ]
    for name, table in tables.TABLES.items():
        against = f" Differences are from “{ROWS[table.usual].label}” unless said." if table.usual else ""
        lines += [
            f"## {table.title}",
            "",
            f"The paper's {table.paper}.{against}",
            "",
            *tables.concept_table(found, name),
        ]
    lines += [line for name in shown for line in (f"![{name}]({name})", "")]
    return "\n".join(lines)


def editing_page(found: values.Values, cells: Cells, shown: Sequence[str]) -> str:
    """shown: the sheets and plots that there are."""
    pictures = len(found[FULL]["edit"])
    lines = [
        "# The editing paper's figures on the demo world",
        "",
        f"{pictures} pictures, a quarter each to move, resize, turn and change class; {STEPS} DDIM steps, CFG {CFG:g},"
        f" at most {INNER_STEPS} null-text updates a step, {TEXT['steps']} steps of text optimisation (a quarter of the"
        " paper's, at a falling rate). Each variant has six cells of alpha and source ratio, or of alpha alone where"
        " there is no ratio. Imagic finetunes all weights of the UNet and draws from fresh noise.",
        "",
        "- *Edit done*, *kept* (the mean of colours, pattern and background): means over the cells. *Best of the"
        " cells*: of each picture, the most that a cell reaches of edit × kept.",
        f"- Mean ± half of its 95 % interval over pictures; in brackets the paired difference from “{FULL}”.",
        "",
    ]
    rows = [
        [name, *(tables.cell(found, name, score, "" if name == FULL else FULL) for score in values.EDIT_SCORES)]
        for name in VARIANTS
    ]
    lines += markdown(["", *values.EDIT_SCORES.values()], rows)
    for name, variant in VARIANTS.items():
        grid = dict(zip(variant.cells, cells[name]))
        body = [
            [
                f"ratio {ratio:g}",
                *(" / ".join(with_half(*pair) for pair in grid[alpha, ratio]) for alpha in variant.alphas),
            ]
            for ratio in variant.ratios
        ]
        lines += [f"**{name}**: edit done / kept", ""]
        lines += markdown(["", *(f"alpha {alpha:g}" for alpha in variant.alphas)], body)
    lines += [line for name in shown for line in (f"![{name}]({name})", "")]
    return "\n".join(lines)


def claims_page(concepts: values.Values, pictures: values.Values, method: Sequence[str]) -> str:
    """The front page."""
    names = {key: row.label for key, row in ROWS.items()}
    return "\n".join([
        "# The papers in miniature",
        "",
        *method,
        "",
        READING.read_text(encoding="utf-8").strip(),
        "",
        RULE,
        "",
        "## SingleInsert",
        "",
        "Tables, plots and pictures: [singleinsert.md](singleinsert.md).",
        "",
        *tables.claim_table(concepts, SINGLEINSERT, names),
        "## Non-rigid editing",
        "",
        "Tables, plots and pictures: [editing.md](editing.md).",
        "",
        *tables.claim_table(pictures, EDITING, {}),
    ]).rstrip() + "\n"  # fmt: skip


def _method(lines: Sequence[Mapping[str, Any]], concepts: values.Values, pictures: values.Values) -> list[str]:
    checkpoint = lines[0]["settings"]["sha256"]
    minutes = sum(line["cpu_seconds"] for line in lines) / 60
    counts = {key: len(found["likeness"]) for key, found in concepts.items()}
    most = max(counts.values(), default=0)
    edited = len(pictures[FULL]["edit"]) if pictures else 0
    return [
        f"Measured until {datetime.date.today()} with `python dev.py reproduce` in {minutes:.0f} minutes of one CPU"
        f" core; checkpoint sha256 {checkpoint}. Asked for were at least 20 concepts × 10 prompts × 5 pictures."
        f" Measured are {most} concepts for the losses and {min(counts.values(), default=0)} to {most} for the other"
        f" rows, ten prompts each, and of a prompt as many pictures as each table says; and {edited} edited pictures."
        " The command goes on from there. All is judged by"
        " `lab/world/oracle.py`, which has learned nothing."
    ]


def write(lines: Sequence[Mapping[str, Any]], folder: pathlib.Path, out: pathlib.Path) -> None:
    """folder: of the kept pictures.

    Raises: SystemExit when nothing is measured yet, or without matplotlib.
    """
    concepts, pictures = values.of_concepts(lines), values.of_pictures(lines)
    if not concepts or not pictures:
        raise SystemExit("too little is measured yet: run without --report first")
    out.mkdir(parents=True, exist_ok=True)
    pages = {
        "README.md": claims_page(concepts, pictures, _method(lines, concepts, pictures)),
        "singleinsert.md": singleinsert_page(concepts, _concept_figures(concepts, folder, out)),
        "editing.md": editing_page(pictures, cells_of(lines), _edit_figures(cells_of(lines), folder, out)),
    }
    for name, text in pages.items():
        (out / name).write_text(text.rstrip() + "\n", encoding="utf-8")


def _concept_figures(found: values.Values, folder: pathlib.Path, out: pathlib.Path) -> list[str]:
    """Draws what there is to draw; returns the names of the files that there are, older ones too."""
    plots.likeness_and_editing(found, out / "likeness.png")
    plots.sweeps(found, out / "sweeps.png")
    losses = [key for key, row in ROWS.items() if "losses" in row.tables]
    drawn = {
        "likeness.png": True,
        "sweeps.png": True,
        "losses.jpg": sheets.of_rows(folder, losses, 0, out / "losses.jpg"),
        "others.jpg": sheets.of_rows(folder, [key for key in ROWS if key not in losses], 0, out / "others.jpg"),
        "heat.jpg": sheets.of_heat(folder, range(KEPT), out / "heat.jpg"),
    }
    return [name for name, is_drawn in drawn.items() if is_drawn or (out / name).is_file()]


def _edit_figures(cells: Cells, folder: pathlib.Path, out: pathlib.Path) -> list[str]:
    plots.trade_off(cells, out / "trade_off.png")
    best = {name: best_cell(cells, name) for name in VARIANTS}
    sheets.of_edits(folder, best, out / "edits.jpg")
    return [name for name in ("trade_off.png", "edits.jpg") if (out / name).is_file()]
