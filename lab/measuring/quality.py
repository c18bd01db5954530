"""How well the demo model draws what captions tell: `python -m lab.measuring.quality`.

Draws one picture for each of a number of captions that training never saw, judges them with `lab.world.oracle`,
measures the autoencoder, and writes a dated report (`--out`) with a contact sheet beside it (`.jpg`).
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import pathlib
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch

from ..figures import sheets
from ..world import oracle, painting, random_scenes, seeing, told_scenes, world
from . import sampling
from .intervals import wilson

SEED = told_scenes.RESERVED_SEED  # training's generators are seeded (seed + 1)·1000003 + i, i < 60
TRAINING_SEED, TRAINING_PICTURES, TRAINING_CHUNK = 1, 30_000, 500  # as `lab.training.train_model` draws its captions
GOALS = {
    "background colour": 0.95,
    "object colour": 0.90,
    "class": 0.80,
    "place": 0.85,
    "class, one object": 0.90,
    "everything told, one object": 0.80,
    "pattern": 0.85,
    "tilted": 0.90,
}
FULL_GOALS = {"everything told, two objects": 0.60}  # where two colours and a pattern are told of each object
SHEET = 40


@dataclass
class Tally:
    """Right and asked counts of every fact, and which class was seen for which."""

    right: Counter = field(default_factory=Counter)
    asked: Counter = field(default_factory=Counter)
    confusion: Counter = field(default_factory=Counter)

    def add(self, fact: str, holds: bool | None) -> None:
        if holds is not None:
            self.asked[fact] += 1
            self.right[fact] += holds

    def rate(self, fact: str) -> float:
        return self.right[fact] / self.asked[fact] if self.asked[fact] else math.nan


def training_captions(pictures: int = TRAINING_PICTURES, seed: int = TRAINING_SEED) -> set[str]:
    """Every caption that `lab.training.train_model` trained on."""
    seen: set[str] = set()
    for chunk in range(pictures // TRAINING_CHUNK):
        rng = random.Random(seed * 1_000_003 + chunk)
        seen.update(random_scenes.sample_scene(rng).caption for _ in range(TRAINING_CHUNK))
    return seen


def held_out(count: int, seed: int = SEED, known: set[str] | None = None) -> list[world.Scene]:
    """Scenes whose captions are none of the `known` ones (by default, training's)."""
    known = training_captions() if known is None else known
    rng = random.Random(seed)
    scenes: list[world.Scene] = []
    while len(scenes) < count:
        scene = random_scenes.sample_scene(rng)
        if scene.caption not in known:
            scenes.append(scene)
    return scenes


def full_scenes(pairs: int, singles: int) -> list[world.Scene]:
    """Scenes whose captions tell two colours and a pattern of each object, none of which training saw."""
    rngs = random.Random(told_scenes.RESERVED_PAIR_SEED), random.Random(told_scenes.RESERVED_SINGLE_SEED)
    scenes = [told_scenes.sample_told_scene(rngs[0], told_scenes.FULL_PAIRS)[0] for _ in range(pairs)]
    return scenes + [told_scenes.sample_told_scene(rngs[1], told_scenes.FULL_SINGLES)[0] for _ in range(singles)]


def is_right(verdict: oracle.Verdict) -> bool:
    """Whether all that was told holds."""
    facts = (
        verdict.background,
        verdict.place,
        verdict.size,
        verdict.pattern,
        verdict.tilted,
        *verdict.classes,
        *verdict.colors,
        *verdict.seconds,
        *verdict.patterns,
    )
    return verdict.count and False not in facts


def tally(scenes: list[world.Scene], pictures: np.ndarray) -> tuple[Tally, list[oracle.Verdict]]:
    """Judges every picture. Facts of one object and of two are counted together and apart."""
    result, verdicts = Tally(), []
    for scene, picture in zip(scenes, pictures):
        verdict = oracle.judge(picture, scene.told)
        kind = "one object" if len(scene.objects) == 1 else "two objects"
        result.add("background colour", verdict.background)
        for right, color in zip(verdict.classes, verdict.colors):
            for where in ("", f", {kind}"):
                result.add(f"class{where}", right)
                result.add(f"object colour{where}", color)
        for second, pattern in zip(verdict.seconds, verdict.patterns):
            for where in ("", f", {kind}"):
                result.add(f"second colour{where}", second)
                result.add(f"pattern{where}", pattern)
        for name in ("place", "size", "pattern", "tilted"):
            result.add(name, getattr(verdict, name))
        result.add("number of objects", verdict.count)
        result.add(f"everything told, {kind}", is_right(verdict))
        if kind == "one object":
            seen = seeing.objects(picture)
            drawn = seen[0].cls if seen and seen[0].score >= oracle.SHAPE_SCORE else "unclear"
            result.confusion[scene.objects[0].cls, drawn] += 1
        verdicts.append(verdict)
    return result, verdicts


def autoencoder_errors(vae: object, count: int, seed: int = SEED + 1) -> dict[str, float]:
    """PSNR (dB, of the mean squared error) and L1 (0…1) over held-out pictures, and what the oracle still sees."""
    rng = random.Random(seed)
    scenes = [random_scenes.sample_scene(rng) for _ in range(count)]
    originals = np.stack([painting.render(scene)[0] for scene in scenes])
    drawn = sampling.reconstructions(vae, originals)
    difference = (drawn.astype(np.float64) - originals) / 255
    verdicts = [oracle.judge(picture, scene.told) for scene, picture in zip(scenes, drawn)]
    return {
        "psnr": -10 * math.log10((difference**2).mean()),
        "l1": float(np.abs(difference).mean()),
        "right": float(np.mean([is_right(v) for v in verdicts])),
    }


def _fact_rows(result: Tally, goals: dict[str, float]) -> list[str]:
    order = [*goals, *sorted(result.asked.keys() - goals.keys())]
    rows = ["| fact | asked | right | rate | 95 % interval | goal | |", "|---|---|---|---|---|---|---|"]
    for fact in order:
        asked, right = result.asked[fact], result.right[fact]
        if asked:
            low, high = wilson(right, asked)
            goal = goals.get(fact)
            met = "" if goal is None else "met" if right / asked >= goal else "**missed**"
            rows.append(
                f"| {fact} | {asked} | {right} | {right / asked:.1%} | {low:.0%} to {high:.0%} |"
                f" {f'{goal:.0%}' if goal else ''} | {met} |"
            )
    return rows


def _confusion_rows(result: Tally) -> list[str]:
    drawn = [*world.CLASSES, "unclear"]
    rows = [f"| asked for | {' | '.join(drawn)} |", "|" + "---|" * (len(drawn) + 1)]
    return rows + [
        f"| {cls} | " + " | ".join(str(result.confusion[cls, other] or "") for other in drawn) + " |"
        for cls in world.CLASSES
    ]


def report(result: Tally, full: Tally, errors: dict[str, float], args: argparse.Namespace, seconds: float) -> str:
    command = "python -m lab.measuring.quality " + " ".join(sys.argv[1:])
    checkpoint = pathlib.Path(args.checkpoint)
    return "\n".join(
        [
            "# How well the demo model draws what captions tell",
            "",
            (
                f"Measured {datetime.date.today().isoformat()} with `{command.strip()}` in {seconds / 60:.1f} minutes"
                f" on {os.cpu_count()} CPU cores."
            ),
            "",
            f"- Checkpoint `{checkpoint.name}`, {checkpoint.stat().st_size / 1e6:.1f} MB.",
            (
                f"- {args.captions} captions that training never saw (seed {args.seed}), one picture each: "
                f"{args.steps} DDIM steps, CFG {args.cfg:g}, picture i with seed {args.seed % 2**31} + i."
            ),
            "- Judged by `lab/world/oracle.py`: the world's own colours, outlines and places, nothing learned.",
            "",
            *_fact_rows(result, GOALS),
            "",
            (
                "Both objects count where two were asked for. *Everything told* wants every fact of a caption in one"
                " picture, and no more objects than told."
            ),
            "",
            "## Two colours and a pattern told",
            "",
            (
                f"{args.full_pairs} captions of two objects and {args.full_singles} of one, such as “a striped red and"
                " blue heart and a spotted green and yellow star on a pink background”; training saw none of them."
                " The two colours may lie either way round in the pattern."
            ),
            "",
            *_fact_rows(full, FULL_GOALS),
            "",
            f"The first {SHEET // 2} of the pairs and of the single objects:",
            "",
            f"![contact sheet]({_full_sheet(args.out).name})",
            "",
            "## Classes, one object",
            "",
            "Rows were asked for, columns were drawn; *unclear* is like no outline of the world.",
            "",
            *_confusion_rows(result),
            "",
            "## Autoencoder",
            "",
            (
                f"{args.reconstructions} held-out pictures there and back: PSNR {errors['psnr']:.1f} dB, L1"
                f" {errors['l1']:.4f} (of 1); the oracle still sees everything told in {errors['right']:.0%} of them."
            ),
            "",
            f"The first {SHEET} captions and what was drawn for them; in red where something told is wrong:",
            "",
            f"![contact sheet]({args.out.with_suffix('.jpg').name.lower()})",
            "",
        ]
    )


def _full_sheet(out: pathlib.Path) -> pathlib.Path:
    return out.parent / f"{out.stem.lower()}_full.jpg"


def _save_sheet(
    scenes: list[world.Scene],
    pictures: np.ndarray,
    verdicts: list[oracle.Verdict],
    chosen: list[int],
    path: pathlib.Path,
) -> int:
    """The chosen pictures with their captions, in red where something told is wrong. Returns the file's bytes."""
    sheet = sheets.contact_sheet(
        [pictures[i] for i in chosen],
        [scenes[i].caption for i in chosen],
        columns=8,
        wrong=[not is_right(verdicts[i]) for i in chosen],
    )
    return sheets.save_jpeg(sheet, path)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sampling.add_checkpoint_argument(parser)
    parser.add_argument("--captions", type=int, default=240)
    parser.add_argument("--full-pairs", type=int, default=120, help="captions that tell two colours and a pattern")
    parser.add_argument("--full-singles", type=int, default=60, help="likewise, of one object")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--cfg", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--reconstructions", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's own choice")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/reports/QUALITY.md"))
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    began = time.time()
    model, clip, vae = sampling.load(args.checkpoint)

    def draw(scenes: list[world.Scene]) -> np.ndarray:
        seeds = [args.seed % 2**31 + i for i in range(len(scenes))]
        prompts = [scene.caption for scene in scenes]
        return sampling.pictures(model, clip, vae, prompts, seeds, args.steps, args.cfg)

    scenes, told = held_out(args.captions, args.seed), full_scenes(args.full_pairs, args.full_singles)
    pictures, full_pictures = draw(scenes), draw(told)
    result, verdicts = tally(scenes, pictures)
    full, full_verdicts = tally(told, full_pictures)
    errors = autoencoder_errors(vae, args.reconstructions)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    path = args.out.parent / args.out.with_suffix(".jpg").name.lower()
    size = _save_sheet(scenes, pictures, verdicts, list(range(min(SHEET, len(scenes)))), path)
    half = min(SHEET // 2, args.full_pairs)
    chosen = [*range(half), *range(args.full_pairs, min(args.full_pairs + SHEET // 2, len(told)))]
    _save_sheet(told, full_pictures, full_verdicts, chosen, _full_sheet(args.out))
    args.out.write_text(report(result, full, errors, args, time.time() - began), encoding="utf-8")
    for goals, facts in ((GOALS, result), (FULL_GOALS, full)):
        for fact, goal in goals.items():
            print(f"{fact}: {facts.rate(fact):.1%} of {facts.asked[fact]} (goal {goal:.0%})")
    print(f"autoencoder: PSNR {errors['psnr']:.1f} dB, L1 {errors['l1']:.4f}; sheet {size / 1000:.0f} kB; {args.out}")


if __name__ == "__main__":
    main()
