"""How well do edits work, and which part of the method does what? `python -m lab.measuring.editing`.

Takes pictures whose object has colours and a pattern of its own, inverts each in five ways, and edits it (move, resize,
turn, change class) over alpha × source ratio with the full method and with parts of it left out. `lab.world.oracle`
tells whether the edit happened, and whether the object's colours, its pattern and the background stayed. Writes the
tables (`--out`), and beside them the figures as JSON and a sheet of pictures.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from typing import Any

import numpy as np
import torch

from . import editing_report, editing_tasks, sampling
from .editing_bench import Bench

ALPHAS = (0.3, 0.6, 1.0)
RATIOS = (0.2, 0.4)
# without injection there is no ratio to choose: as many cells all the same
ALPHAS_WITHOUT = (0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
INVERSIONS = {
    "null-text": ("null_text", "source"),
    "null-text, no source": ("null_text", "empty"),
    "negative-prompt": ("negative_prompt", "source"),
    "direct": ("direct", "source"),
    "DDIM": ("ddim", "source"),
}
# inversion, whether with text optimisation, alphas, source ratios
VARIANTS = {
    "full method": ("null-text", True, ALPHAS, RATIOS),
    "without injection": ("null-text", True, ALPHAS_WITHOUT, (0.0,)),
    "without text optimisation": ("null-text", False, ALPHAS, RATIOS),
    "plain DDIM inversion": ("DDIM", True, ALPHAS, RATIOS),
}


def measure(bench: Bench, folder: pathlib.Path) -> dict[str, Any]:
    """All figures. Keeps every edited picture in `folder`."""
    from single_image_studio.diffusion.quality import psnr
    from single_image_studio.inversion.grid import cells_of

    inverted, inversions = {}, {}
    truth = bench.decode(bench.latents)
    for name, (method, source) in INVERSIONS.items():
        inverted[name], evaluations, seconds = bench.invert(method, source)
        rebuilt = bench.decode(inverted[name].reconstruction.latents)
        pixels = [psnr(torch.from_numpy(a) / 255.0, torch.from_numpy(b) / 255.0, 1.0) for a, b in zip(rebuilt, truth)]
        inversions[name] = {
            "latent_psnr": float(np.mean(inverted[name].psnr)),
            "pixel_psnr": float(np.mean(pixels)),
            "evaluations": evaluations,
            "seconds": seconds,
        }
        print(name, inversions[name], flush=True)
    optimized, evaluations, seconds = bench.optimize()
    print(f"text optimisation {evaluations} evaluations, {seconds:.2f} s a picture", flush=True)
    rows = []
    for name, (inversion, with_text, alphas, ratios) in VARIANTS.items():
        cells = cells_of(alphas, ratios)
        drawn = bench.edit(inverted[inversion], INVERSIONS[inversion][0], optimized if with_text else None, cells)
        places = np.array([(cell.alpha, cell.source_ratio) for cell in cells])
        np.savez_compressed(
            folder / f"{name.replace(' ', '_')}.npz", pictures=np.stack(drawn), places=places, source=truth
        )
        for cell, pictures in zip(cells, drawn):
            where = {"variant": name, "alpha": cell.alpha, "ratio": cell.source_ratio}
            rows += [
                {**where, "kind": task.kind, **editing_tasks.verdict(picture, task)}
                for picture, task in zip(pictures, bench.tasks)
            ]
        print(name, "drawn and judged", flush=True)
    return {"inversions": inversions, "text": {"evaluations": evaluations, "seconds": seconds}, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--cfg", type=float, default=5.0)
    parser.add_argument("--inner-steps", type=int, default=10)
    parser.add_argument("--text-steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=editing_tasks.SEED)
    sampling.add_checkpoint_argument(parser)
    parser.add_argument(
        "--folder",
        type=pathlib.Path,
        default=pathlib.Path("demo_training/editing"),
        help="for all pictures and figures",
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/reports/EDITING.md"))
    parser.add_argument(
        "--report", action="store_true", help="measure nothing: only write the report of what the folder holds"
    )
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    figures, tasks = args.folder / "figures.json", [editing_tasks.make_task(args.seed, i) for i in range(args.pictures)]
    if not args.report:
        began = time.monotonic()
        bench = Bench(args.checkpoint, tasks, args.steps, args.cfg, args.inner_steps, args.text_steps)
        result = measure(bench, args.folder)
        settings = {
            name: getattr(args, name) for name in ("pictures", "steps", "cfg", "inner_steps", "text_steps", "seed")
        }
        figures.write_text(json.dumps({**result, "settings": settings, "minutes": (time.monotonic() - began) / 60}))
    editing_report.write(json.loads(figures.read_text()), tasks, args.folder, args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
