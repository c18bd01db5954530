"""What does each inversion cost and keep, and how are edits with it? `python -m lab.measuring.inversions`.

Inverts the demo's pictures in every way, reconstructs them, and edits them (move, resize, turn, change class) with the
target prompt as it is, after a share of the steps with the source prompt; `lab.world.oracle` tells whether the edit
happened and what stayed. Keeps the edited pictures and writes a line a batch of pictures and inversion
(`--folder`), so that a run that was stopped goes on, and then the table (`--out`) with a sheet of pictures.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from typing import Any

import numpy as np
import torch

from . import editing_tasks, inversions_report, sampling
from .editing_bench import Bench
from .learning import pack_module
from .results import append

SEED = 98_000
ALPHA, RATIOS = 1.0, (0.4,)
BATCH = 8
INVERSIONS: dict[str, dict[str, Any]] = {
    "ddim": {"method": "ddim"},
    "negative_prompt": {"method": "negative_prompt"},
    "edit_friendly": {"method": "edit_friendly"},
    "direct": {"method": "direct"},
    "fixed_point": {"method": "fixed_point"},
    "null_text, line_search": {"method": "null_text", "solver": "line_search"},
    "null_text, adam": {"method": "null_text", "solver": "adam"},
}
"""By their names in the table, cheapest first; arguments of `Bench.invert`."""


def task(index: int) -> editing_tasks.Task:
    return editing_tasks.make_task(SEED, index)


def measure(bench: Bench, name: str) -> tuple[dict[str, Any], np.ndarray]:
    """An inversion's figures, and the edited pictures: (ratios, pictures, 128, 128, 3) uint8."""
    setting = INVERSIONS[name]
    inverted, evaluations, _ = bench.invert(source="source", **setting)
    cells = pack_module("inversion.grid").cells_of([ALPHA], RATIOS)
    edits, *_ = bench.edit_latents(inverted, setting["method"], None, cells)
    drawn = np.stack([bench.decode(latents) for latents in edits])
    figures = {
        "evaluations": evaluations / bench.schedule.steps,
        "latent_psnr": inverted.psnr,
        "pixel_psnr": _pixel_psnr(bench, inverted.reconstruction.latents),
        "edits": {
            f"{ratio:g}": [editing_tasks.verdict(*each) for each in zip(pictures, bench.tasks, strict=True)]
            for ratio, pictures in zip(RATIOS, drawn, strict=True)
        },
    }
    return figures, drawn


def _pixel_psnr(bench: Bench, rebuilt: torch.Tensor) -> list[float]:
    psnr = pack_module("diffusion.quality").psnr
    pairs = zip(bench.decode(rebuilt), bench.decode(bench.latents), strict=True)
    return [psnr(*(torch.from_numpy(picture) / 255.0 for picture in pair), 1.0) for pair in pairs]


def run(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Measures what the folder lacks: the inversions of the first pictures, then of the next."""
    results = args.folder / "results.jsonl"
    done = {(row["first"], row["inversion"]) for row in inversions_report.read(results, settings)}
    wanted = [(first, name) for first in range(0, args.pictures, BATCH) for name in args.inversions]
    bench = None
    for first, name in (one for one in wanted if one not in done):
        tasks = [task(i) for i in range(first, min(first + BATCH, args.pictures))]
        began = time.process_time()
        if bench is None:
            bench = Bench(args.checkpoint, tasks, args.steps, args.cfg, inner_steps=10, text_steps=0)
        if bench.tasks != tasks:
            bench.look_at(tasks)
        figures, drawn = measure(bench, name)
        np.save(args.folder / f"{first}_{name}.npy", drawn)
        row = {"first": first, "inversion": name, "settings": settings, **figures}
        row["minutes"] = (time.process_time() - began) / 60
        append(results, row)
        print(f"pictures from {first}, {name}: {row['minutes']:.1f} minutes of CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--inversions", nargs="+", choices=list(INVERSIONS), default=list(INVERSIONS))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=5.0)
    sampling.add_checkpoint_argument(parser)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("demo_training/inversions"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/reports/INVERSIONS.md"))
    parser.add_argument("--report", action="store_true", help="measure nothing: only report what the folder holds")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(args, name) for name in ("steps", "cfg")}
    if not args.report:
        run(args, settings)
    rows = inversions_report.read(args.folder / "results.jsonl", settings)
    inversions_report.write(rows, settings, args.out, INVERSIONS)
    inversions_report.sheet(rows, args.folder, [task(i) for i in range(BATCH)], args.out.with_suffix(".jpg"))
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
