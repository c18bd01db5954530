"""Several concepts in one picture: `python -m lab.measuring.composition`.

Learns concepts that words can't describe, each from one picture and apart from the others (they are kept as files
beside `--results`), draws pairs and triples of them, each beside an object in plain words, and each alone, by all of
`composition_settings.SETTINGS` or those of `--only`, and judges the pictures with `lab.world.oracle`. Every finished
group is a line of `--results`, so that a run can be stopped and gone on with. At the end, or alone with `--report`,
writes the table (`--out`) and a contact sheet beside it (`.jpg`).
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from typing import Any

import numpy as np
import torch

from . import composition_report, sampling
from .composing import Composer, Shelf
from .composition_groups import Group, groups, judge_group, judge_neighbour, neighbours
from .composition_settings import SETTINGS, Setting
from .learning import Learner, Training
from .results import add_arguments, append, checksum, read_rows

SEED = 9_100


class Composition:
    """One run. shelf: has the learned concepts; folder: where pictures are kept."""

    def __init__(self, shelf: Any, composer: Any, images: int, seed: int, folder: pathlib.Path) -> None:
        self._shelf, self._composer = shelf, composer
        self._images, self._seed, self._folder = images, seed, folder

    def measure(self, key: str, asked: Group) -> dict[str, Any]:
        """A row of the results: one setting on one group, and for pairs on their neighbours in plain words."""
        setting = SETTINGS[key]
        concepts = self._concepts(setting, asked)
        seeds = [self._seed * 1_000 + 100 * asked.numbers[0] + i for i in range(self._images)]
        pictures = self._composer.draw(setting, concepts, asked.classes, asked.together, seeds)
        seconds, kept = self._composer.seconds, {"together": pictures}
        rates = judge_group(pictures, asked)
        if len(asked.numbers) == 2:
            for concept, one in zip(concepts, neighbours(asked)):
                beside = self._composer.draw(setting, [concept], [one.scene.objects[0].cls], one.prompt, seeds)
                kept[f"neighbour_{one.seat}"] = beside
                rates[f"neighbour_{one.seat}"] = judge_neighbour(beside, one)
        file = self._folder / f"{composition_report.picture_file(key, asked.numbers)}.npz"
        np.savez_compressed(file, **kept)  # type: ignore[arg-type]
        return {"setting": key, "group": list(asked.numbers), "rates": rates, "cpu_seconds": round(seconds, 2)}

    def _concepts(self, setting: Setting, asked: Group) -> list[Any]:
        if not setting.concepts:
            return [None] * len(asked.numbers)
        return [
            self._shelf.concept(number, scene, setting.learned) for number, scene in zip(asked.numbers, asked.scenes)
        ]


def run(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Measures what is not among the results yet, group by group, so that all rows grow alike."""
    folder = args.results.with_suffix("")
    learner = Learner(*sampling.load(args.checkpoint), Training(), args.sampling_steps, args.cfg)
    shelf = Shelf(learner, folder / f"concepts_{settings['sha256']}")
    composition = Composition(shelf, Composer(learner), args.images, args.seed, folder)
    done = {(row["setting"], *row["group"]) for row in read_rows(args.results, settings)}
    for asked in groups(args.seed, args.pairs, args.triples, args.alone):
        for key in args.only or SETTINGS:
            if (key, *asked.numbers) not in done:
                _keep(args.results, {**composition.measure(key, asked), "settings": settings})


def _keep(path: pathlib.Path, row: dict[str, Any]) -> None:
    append(path, row)
    shown = ", ".join(f"{name} {value:.2f}" for name, value in row["rates"].items())
    print(f"{row['setting']} {row['group']}: {shown}, {row['cpu_seconds']} s", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sampling.add_checkpoint_argument(parser)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--triples", type=int, default=5)
    parser.add_argument("--alone", type=int, default=10, help="concepts by themselves: what the groups can reach")
    parser.add_argument("--images", type=int, default=8, help="of each prompt")
    parser.add_argument("--only", nargs="+", choices=list(SETTINGS), help="these settings alone")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--sampling-steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's own choice")
    add_arguments(parser, "docs/reports/results/composition.jsonl", "docs/reports/COMPOSITION.md")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.results.with_suffix("").mkdir(parents=True, exist_ok=True)
    if not args.report:
        settings = {name: getattr(args, name) for name in ("images", "seed", "sampling_steps", "cfg")}
        settings |= dataclasses.asdict(Training())
        run(args, settings | {"checkpoint": args.checkpoint.name, "sha256": checksum(args.checkpoint)})
    composition_report.write(read_rows(args.results, None), args.results.with_suffix(""), args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
