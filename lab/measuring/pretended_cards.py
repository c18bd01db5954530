"""The table of what passed on pretended cards: `python -m lab.measuring.pretended_cards LINES`.

LINES is a file that `SIS_CARD_LINES=LINES SIS_ALL_CARDS=1 python dev.py test host -k pretended` appends to: a line of
JSON for each group of nodes on each card. Of a cell that was run several times, the last run counts.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import Any

Lines = list[dict[str, Any]]
NEAR, NEAR_IN_BF16 = 0.1, 0.3
"""How far a result that is rounded otherwise may be from the CPU's in fp32, as a share of its mean size. A bfloat16 has
three bits less than a float16."""
TINY = 0.01
"""Numbers smaller than this are compared as if they were of this size: some have rounding alone for a gradient."""
OUT = pathlib.Path("docs/reports/PRETENDED_CARD.md")


def read(path: pathlib.Path) -> Lines:
    """The last line of each cell, in the order in which cells first came."""
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        cells[line["card"], line["group"]] = line
    return list(cells.values())


def table(lines: Lines) -> list[str]:
    """A row for each group, a column for each card."""
    cards, groups = (list(dict.fromkeys(line[what] for line in lines)) for what in ("card", "group"))
    cells = {(line["card"], line["group"]): _cell(line) for line in lines}
    rows = [[group, *(cells.get((card, group), "not run") for card in cards)] for group in groups]
    head = [["nodes", *cards], ["---"] * (len(cards) + 1)]
    return [f"| {' | '.join(row)} |" for row in [*head, *rows]]


def _cell(line: dict[str, Any]) -> str:
    return "**failed**" if line["failed"] else f"{line['apart']:.1g}"


def report(lines: Lines) -> str:
    """The whole page."""
    days, versions = (sorted({line[what] for line in lines}) for what in ("date", "versions"))
    passed = sum(not line["failed"] for line in lines)
    return "\n".join([
        "# All that computes, on pretended cards",
        "",
        (
            f"Run {' to '.join(dict.fromkeys((days[0], days[-1])))} with `SIS_CARD_LINES=lines.jsonl SIS_ALL_CARDS=1"
            " python dev.py test host -k pretended` and `python -m lab.measuring.pretended_cards lines.jsonl`, on"
            f" {' and '.join(versions)}: {passed} of the {len(lines)} cells that were run passed; the others say so,"
            " and cards and groups of the long form without a column or row here were not run at all. Cells can be run"
            " by themselves, a card or a group of nodes at a time (`-k fp32-no_VRAM`)."
        ),
        "",
        (
            "No GPU was used. A pretended card (`tests/helpers/pretend.py`) is a device whose tensors hold their"
            " numbers on the CPU, and fail as a GPU's do when they are mixed with the CPU's; the host loads, casts,"
            " offloads and samples on it by its own code. It can't show timing, a GPU's own rounding, or kernels that a"
            " GPU lacks."
        ),
        "",
        (
            "Passed means: nothing was mixed, every tensor that left a node is on the CPU and finite, nothing failed to"
            " be shown, and KSampler's picture was the same to the bit afterwards. A number is how far results were"
            " from those on the CPU: the largest mean difference of a result's tensors, as a share of their mean"
            f" size (of {TINY:g} where that is less). In fp32 all must be equal within 1e-4, with fp8 weights to the"
            " same ones on the CPU. In half precision, and with low or no VRAM, where the host rounds merged weights"
            f" otherwise, that share may be {NEAR:g} ({NEAR_IN_BF16:g} in bf16)."
        ),
        "",
        *table(lines),
        "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    args = parser.parse_args()
    args.out.write_text(report(read(args.lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
