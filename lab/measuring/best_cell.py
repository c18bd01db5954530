"""Does Edit Grid propose the right cell? `python -m lab.measuring.best_cell`.

Draws grids of edits of the demo's pictures (move, resize, turn, change class), lets the pack choose a cell of each as
Edit Grid does, and asks `lab.world.oracle` for every cell's true merit: 1 or 0 for the edit, times the share of
colours, pattern and background that stayed. A choice agrees when no cell of its grid has a greater merit. Beside it
stand what chance gives, always the same cell, and the halves of the score. Writes a line a batch of pictures
(`--results`), so that a run that was stopped goes on, and then the table (`--out`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import best_cell_report, editing_tasks, sampling
from .editing_bench import Bench
from .learning import pack_module
from .results import add_arguments, append

SEED = 93_000  # the score was chosen on the pictures of seed 92,000
ALPHAS, RATIOS = (0.4, 0.7, 1.0), (0.1, 0.3, 0.5)
BATCH = 8


def measure(bench: Bench) -> dict[str, Any]:
    """Every cell's merit and scores, (cells, pictures) each, and what it all cost a picture."""
    cells = pack_module("inversion.grid").cells_of(ALPHAS, RATIOS)
    inverted, *_ = bench.invert("direct", "source")
    edits, evaluations, seconds = bench.edit_latents(inverted, "direct", None, cells)
    began = time.perf_counter()
    drawn = [bench.decode(latents) for latents in edits]
    seconds += (time.perf_counter() - began) / len(bench.tasks)
    chosen, judging, more_seconds = _choose(bench, edits)
    verdicts = [[editing_tasks.verdict(*pair) for pair in zip(pictures, bench.tasks)] for pictures in drawn]
    return {
        "cells": [(cell.alpha, cell.source_ratio) for cell in cells],
        "kinds": [task.kind for task in bench.tasks],
        "edit": [[one["edit"] for one in row] for row in verdicts],
        "kept": [[one["kept"] for one in row] for row in verdicts],
        **chosen,
        "evaluations": {"grid": evaluations, "judging": judging},
        "seconds": {"grid": seconds, "judging": more_seconds},
    }


def _choose(bench: Bench, edits: Sequence[Tensor]) -> tuple[dict[str, Any], int, float]:
    """The pack's own choice for each picture and the halves of its score; UNet evaluations and seconds a picture."""
    best_cell, result_of = pack_module("inversion.best_cell"), pack_module("diffusion.report").result_of

    def algorithm(unet: Any, prompts: dict[str, Any]) -> Any:
        pictures = torch.stack(list(edits)), bench.latents
        return result_of(best_cell.judge(unet, *pictures, prompts["source"], prompts["target"]))

    positive = {name: bench.prompts(name) for name in ("source", "target")}
    scores, evaluations, seconds = bench.run(positive, algorithm)
    chosen = {"chosen": scores.best(), "text": scores.text.tolist(), "preservation": scores.preservation.tolist()}
    return chosen, evaluations, seconds


def run(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Measures the batches that the results lack."""
    done = {row["first"] for row in best_cell_report.read(args.results, settings)}
    bench = None
    for first in (first for first in range(0, args.pictures, BATCH) if first not in done):
        tasks = [editing_tasks.make_task(args.seed, i) for i in range(first, min(first + BATCH, args.pictures))]
        began = time.monotonic()
        if bench is None:
            bench = Bench(args.checkpoint, tasks, args.steps, args.cfg, inner_steps=1, text_steps=0)
        bench.look_at(tasks)
        row = {"first": first, "settings": settings, **measure(bench), "minutes": (time.monotonic() - began) / 60}
        append(args.results, row)
        print(f"pictures {first} to {first + len(tasks) - 1}: {row['minutes']:.1f} minutes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=80)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=SEED)
    sampling.add_checkpoint_argument(parser)
    add_arguments(parser, "docs/reports/results/best_cell.jsonl", "docs/reports/BEST_CELL.md")
    args = parser.parse_args()
    settings = {name: getattr(args, name) for name in ("steps", "cfg", "seed")}
    if not args.report:
        args.results.parent.mkdir(parents=True, exist_ok=True)
        run(args, settings)
    best_cell_report.write(best_cell_report.read(args.results, settings), settings, args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
