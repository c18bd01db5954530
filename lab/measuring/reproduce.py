"""The papers' tables in miniature: `python dev.py reproduce`.

Learns concepts that words cannot describe in every way that SingleInsert's paper compares, and edits pictures in every
way that the editing paper compares, and judges all that is drawn with `lab.world.oracle`. Every row on a concept, and
every four pictures, are a line of `--results`, which are kept with the tables, so that any run goes on from the last.
At the end, or alone with `--report`, writes tables, claims, plots and contact sheets to `--out`; a sheet whose pictures
were drawn elsewhere (`--drawn`) stays as it is.
"""

from __future__ import annotations

import argparse
import functools
import pathlib
from typing import Any

import torch

from . import sampling
from .learning import load_pack
from .reproduction import pages, plots, work
from .reproduction.concept_part import ConceptPart
from .reproduction.edit_part import EditPart
from .reproduction.lessons import Teacher
from .results import add_arguments, checksum, read_rows

STEPS, CFG = 10, 3.0  # of the pictures of concepts


class Everything:
    """Both parts, each loaded when its first task comes. folder: for the pictures of the sheets."""

    def __init__(self, checkpoint: pathlib.Path, seeds: int, folder: pathlib.Path) -> None:
        self._checkpoint, self._seeds, self._folder = checkpoint, seeds, folder

    @functools.cached_property
    def concepts(self) -> ConceptPart:
        load_pack()
        return ConceptPart(Teacher(sampling.load(self._checkpoint), STEPS, CFG), self._seeds, self._folder)

    @functools.cached_property
    def edits(self) -> EditPart:
        return EditPart(self._checkpoint, self._folder)

    def measure(self, task: work.Task) -> dict[str, Any]:
        """A line of the results."""
        if task.part == "concept":
            return self.concepts.measure(task.row, task.index)
        return self.edits.measure(task.index)


def _share(text: str) -> tuple[int, int]:
    """Raises: ValueError unless text is I/N with 0 <= I < N."""
    index, count = map(int, text.split("/"))
    if not 0 <= index < count:
        raise ValueError(text)
    return index, count


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py reproduce", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--concepts", type=int, default=20, help="to learn (20)")
    parser.add_argument("--seeds", type=int, default=5, help="pictures of each of the ten prompts (5)")
    parser.add_argument("--pictures", type=int, default=40, help="to edit, four at a time (40)")
    parser.add_argument(
        "--share",
        type=_share,
        default=(0, 1),
        metavar="I/N",
        help="measure only every N-th concept and picture, from the I-th: N processes may write the same --results",
    )
    sampling.add_checkpoint_argument(parser)
    parser.add_argument("--drawn", type=pathlib.Path, default=pathlib.Path("demo_training/reproduction"))
    add_arguments(parser, "docs/reproduction/results.jsonl", "docs/reproduction")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    args.drawn.mkdir(parents=True, exist_ok=True)
    plots.pyplot_of_files()  # better missed now than in some hours
    model = {"sha256": checksum(args.checkpoint)}
    settings = {"concept": {"seeds": args.seeds, **model}, "picture": model}
    if not args.report:
        torch.set_num_threads(1)  # the model is small: more threads gain little
        part = Everything(args.checkpoint, args.seeds, args.drawn)
        work.run(args.results, settings, work.tasks(args.concepts, args.pictures, args.share), part)
    pages.write(read_rows(args.results, None), args.drawn, args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
