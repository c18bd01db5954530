"""Is an edit as good with less work? `python -m lab.measuring.fast_editing`.

Inverts the demo's pictures by null-text with both solvers, optimises their target prompts as the paper does and in a
quarter of the steps, and edits them (move, resize, turn, change class) with each; `lab.world.oracle` tells whether the
edit happened and what stayed. How near the edit is to the picture at alpha 0, where it begins, is measured too. Beside
it stand starts that need no optimisation for a second target: the source prompt's own embedding, optimised once a
picture, and Forgedit's projection of the target on it (arXiv:2309.10556). Writes a line a batch of pictures and seed
(`--results`), so that a run that was stopped goes on, and then the table (`--out`).
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from torch import Tensor

from . import editing_tasks, fast_editing_report, sampling
from .editing_bench import Bench
from .learning import pack_module
from .results import add_arguments, append

SEED = 94_000
ALPHAS, RATIOS = (0.3, 0.6), (0.4,)
BATCH = 8
SOLVERS = ("adam", "line_search")
PAPER: dict[str, Any] = {"steps": 200, "learning_rate": 1e-3, "rate_schedule": "constant", "timesteps": "uniform"}
FAST: dict[str, Any] = {"steps": 50, "learning_rate": 8e-3, "rate_schedule": "cosine", "timesteps": "golden_ratio"}
RATES = {"slower": FAST | {"learning_rate": 5e-3}, "faster": FAST | {"learning_rate": 1e-2}}


def projected(target: Tensor, source: Tensor) -> Tensor:
    """What a blend from `source` must head for, so that it adds only what of the target is not along the source.

    target, source: (1 or B, n, width). alpha of the result and 1 - alpha of the source are the source and alpha of
    target - r source, r source being the target's part along it, token by token.
    Source: Forgedit, arXiv:2309.10556, vector projection.
    """
    along = (target * source).sum(2, keepdim=True) / source.square().sum(2, keepdim=True)
    return target + (1 - along) * source


def judged(bench: Bench, inverted: Any, start: Tensor | None, target: Tensor | None = None) -> list[dict[str, float]]:
    """Each picture's verdict, the mean over the cells; and `start`, the PSNR of the latents at alpha 0 against the
    picture's. start: where alpha 0 is; None: the source prompt."""
    cells = pack_module("inversion.grid").cells_of((0.0, *ALPHAS), RATIOS)
    (first, *edits), *_ = bench.edit_latents(inverted, "null_text", start, cells, target)
    drawn = [bench.decode(latents) for latents in edits]
    verdicts = [[editing_tasks.verdict(picture, task) for picture in row] for row, task in _by_task(drawn, bench)]
    means = [{name: sum(one[name] for one in row) / len(row) for name in row[0]} for row in verdicts]
    psnr = pack_module("diffusion.quality").latent_psnr
    near = [psnr(a, b) for a, b in zip(first, bench.latents, strict=True)]
    return [mean | {"start": value} for mean, value in zip(means, near, strict=True)]


def _by_task(drawn: list[Any], bench: Bench) -> list[tuple[tuple[Any, ...], editing_tasks.Task]]:
    return list(zip(zip(*drawn, strict=True), bench.tasks, strict=True))


def measure(bench: Bench, seed: int) -> dict[str, Any]:
    """Every variant's verdicts with one seed of the text optimisation; with the first, also both solvers'."""
    solvers = SOLVERS if seed == 0 else SOLVERS[1:]
    inverted = {solver: bench.invert("null_text", "source", solver=solver)[0] for solver in solvers}
    fast = bench.optimize(**FAST, seed=seed)[0]
    source = bench.optimize("source", **FAST, seed=seed)[0]
    target = pack_module("host.conditioning").context_of(bench.prompts("target"))
    ours = inverted["line_search"]
    edits = {
        "paper": judged(bench, ours, bench.optimize(**PAPER, seed=seed)[0]),
        "fast": judged(bench, ours, fast),
        **{name: judged(bench, ours, bench.optimize(**way, seed=seed)[0]) for name, way in RATES.items()},
        "source once": judged(bench, ours, source),
        "projection": judged(bench, ours, source, projected(target, source)),
    }
    if seed > 0:
        return {"edits": edits}
    edits |= {"no optimisation": judged(bench, ours, None), "adam": judged(bench, inverted["adam"], fast)}
    return {"edits": edits, "solvers": {solver: _solver_figures(one) for solver, one in inverted.items()}}


def _solver_figures(inverted: Any) -> dict[str, list[float]]:
    """Each picture's PSNR, and its updates (rounds of the line search) a step."""
    steps = inverted.reconstruction.inner_steps
    return {"psnr": inverted.psnr, "updates": [sum(counts) / len(counts) for counts in steps]}


def run(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Measures what the results lack: all pictures with the first seed, then with the next."""
    done = {(row["first"], row["seed"]) for row in fast_editing_report.read(args.results, settings)}
    wanted = [(first, seed) for seed in range(args.seeds) for first in range(0, args.pictures, BATCH)]
    bench = None
    for first, seed in (one for one in wanted if one not in done):
        tasks = [editing_tasks.make_task(SEED, i) for i in range(first, min(first + BATCH, args.pictures))]
        began = time.process_time()
        if bench is None:
            bench = Bench(args.checkpoint, tasks, args.steps, args.cfg, inner_steps=10, text_steps=0)
        bench.look_at(tasks)
        row = {"first": first, "seed": seed, "settings": settings, **measure(bench, seed)}
        row["kinds"], row["minutes"] = [task.kind for task in tasks], (time.process_time() - began) / 60
        append(args.results, row)
        print(f"pictures from {first}, seed {seed}: {row['minutes']:.1f} minutes of CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=7.5)
    sampling.add_checkpoint_argument(parser)
    add_arguments(parser, "docs/reports/results/fast_editing.jsonl", "docs/reports/FAST_EDITING.md")
    args = parser.parse_args()
    settings = {name: getattr(args, name) for name in ("steps", "cfg")}
    if not args.report:
        args.results.parent.mkdir(parents=True, exist_ok=True)
        run(args, settings)
    fast_editing_report.write(fast_editing_report.read(args.results, settings), settings, args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
