"""Does it really learn, and which loss does what? `python -m lab.measuring.ablation --concepts 20`.

For each of a number of concepts that words can't describe, trains Stage I and II with the losses switched on one by
one, draws pictures with the class word's prior, with each variant, and with two concepts in one prompt, and judges them
with `lab.world.oracle`. Every finished concept is a line of `--results`, so that a run can be stopped and gone on with;
its pictures are kept in a folder of the same name.
At the end, or alone with `--report`, writes the tables (`--out`) and a contact sheet beside them (`.jpg`).
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import os
import pathlib
import random
import time
from typing import Any

import numpy as np
import torch

from ..world import oracle, painting, random_scenes, world
from . import ablation_report, sampling
from .learning import VARIANTS, Learner, Training

SEED = 4_200
# in order of preference
BACKGROUNDS = ("green", "white", "yellow", "blue", "pink", "black", "cyan", "red", "orange", "purple")
PAIRED = ("I background", "II semantic")  # variants that are tried two in a prompt
APART = 150.0  # `world.distance` between a background and what should be told from it, as the world keeps it


def concept_scene(seed: int, index: int) -> world.Scene:
    """The concept of this number; classes take turns."""
    return random_scenes.sample_concept(random.Random(seed * 1_000 + index), world.CLASSES[index % len(world.CLASSES)])


def free_background(scenes: list[world.Scene], first: str) -> str:
    """A named background for prompts, `first` if possible: unlike the concepts' own backgrounds, and their colours
    stand out from it."""
    used = [color for scene in scenes for color in (scene.background, scene.objects[0].color, scene.objects[0].second)]
    for name in (first, *BACKGROUNDS):
        if all(world.distance(world.COLORS[name], color) > APART for color in used):
            return name
    # four or more colours can come near every name: the concepts' own backgrounds matter most
    return max(BACKGROUNDS, key=lambda name: min(float(world.distance(world.COLORS[name], color)) for color in used))


def measure(pictures: np.ndarray, scene: world.Scene, asked: str | None) -> dict[str, float]:
    """Rates over pictures that should show a concept, on a background that was asked for if one was.

    pictures: (N, 128, 128, 3) uint8. `success` wants everything at once: colours, pattern, and the background as asked.
    """
    scores = [oracle.concept_match(picture, scene) for picture in pictures]
    found = np.array([score.found for score in scores])
    rates = {
        "colors": np.mean([score.both_colors for score in scores]),
        "pattern": np.mean([score.pattern for score in scores]),
        "mean_color": np.mean([score.mean_color for score in scores]),
        "score": np.mean([score.score for score in scores]),
        "class": np.mean(
            [oracle.judge(picture, {"classes": (scene.objects[0].cls,)}).classes[0] for picture in pictures]
        ),
        "source_background": np.mean([oracle.background_near(picture, scene.background) for picture in pictures]),
    }
    if asked:
        right = np.array([oracle.background_is(picture, asked) for picture in pictures])
        rates |= {"asked_background": right.mean(), "success": (right & found).mean()}
    return {name: float(rate) for name, rate in rates.items()}


class Ablation:
    """One run: what it trains, draws and keeps."""

    def __init__(self, learner: Learner, images: int, seed: int, folder: pathlib.Path) -> None:
        self.learner, self.images, self.seed, self.folder = learner, images, seed, folder
        self._priors: dict[tuple[str, str], np.ndarray] = {}
        self._full: dict[int, dict[str, Any]] = {}  # concepts of both stages with all their losses, for pairs

    def seeds(self, cls: str) -> list[int]:
        """Starting noises, the same for every variant and for the class prior."""
        return [self.seed * 1_000 + 100 * world.CLASSES.index(cls) + i for i in range(self.images)]

    def _draw(self, concepts: list[Any], phrase: str, background: str, cls: str) -> np.ndarray:
        """(2, images, 128, 128, 3): first the phrase alone, then on the background."""
        prompts = [phrase] * self.images + [f"{phrase} on a {background} background"] * self.images
        drawn = self.learner.draw(concepts, prompts, self.seeds(cls) * 2)
        return drawn.reshape(2, self.images, *drawn.shape[1:])

    def _keep(self, name: str, pictures: dict[str, np.ndarray]) -> None:
        np.savez_compressed(self.folder / f"{name}.npz", **pictures)  # type: ignore[arg-type]

    def prior(self, cls: str, background: str) -> np.ndarray:
        """What the class word alone gives; the same for all concepts of a class."""
        if (cls, background) not in self._priors:
            self._priors[cls, background] = self._draw([], cls, background, cls)
        return self._priors[cls, background]

    def concept(self, index: int) -> dict[str, Any]:
        """Trains and judges every variant of one concept; keeps all pictures."""
        scene = concept_scene(self.seed, index)
        cls = scene.objects[0].cls
        background = free_background([scene], BACKGROUNDS[0])
        drawn = {"prior": self.prior(cls, background)}
        learned: dict[str, Any] = {}
        training = {}
        for key, variant in VARIANTS.items():
            learned[key], loss, seconds = self.learner.learn(scene, variant, index, learned.get(variant.starts_from))
            training[key] = {"loss": loss, "seconds": round(seconds, 2)}
            drawn[key] = self._draw([learned[key]], "{0}", background, cls)
        self._full[index] = {key: learned[key] for key in PAIRED}
        self._keep(f"concept_{index:03}", {"source": painting.render(scene)[0], **drawn})
        rates = {
            key: {"alone": measure(both[0], scene, None), "asked": measure(both[1], scene, background)}
            for key, both in drawn.items()
        }
        return {
            "concept": index,
            "class": cls,
            "pattern": scene.objects[0].pattern,
            "background": background,
            "rates": rates,
            "training": training,
        }

    def _learned(self, index: int) -> dict[str, Any]:
        if index not in self._full:  # trained by an earlier run: the same seed gives the same concept
            found: dict[str, Any] = {}
            for key in PAIRED:
                found[key] = self.learner.learn(
                    concept_scene(self.seed, index), VARIANTS[key], index, found.get(VARIANTS[key].starts_from)
                )[0]
            self._full[index] = found
        return self._full[index]

    def pair(self, index: int) -> dict[str, Any]:
        """Concepts index - 1 and index in one prompt, learned apart in Stage I and II, against the class words
        alone."""
        scenes = [concept_scene(self.seed, i) for i in (index - 1, index)]
        classes = [scene.objects[0].cls for scene in scenes]
        background = free_background(scenes, "white")
        seeds = self.seeds(classes[0])
        tail = f"on a {background} background"
        drawn = {"prior": self.learner.draw([], [f"{classes[0]} and a {classes[1]} {tail}"] * len(seeds), seeds)}
        for key in PAIRED:
            drawn[key] = self.learner.draw(
                [self._learned(i)[key] for i in (index - 1, index)], ["{0} and a {1} " + tail] * len(seeds), seeds
            )
        self._keep(f"pair_{index:03}", drawn)
        rates = {}
        for key, pictures in drawn.items():
            pairs = [oracle.pair_match(picture, *scenes) for picture in pictures]
            rates[key] = {
                "mean_color": float(np.mean([[score.mean_color for score in pair] for pair in pairs])),
                "both_mean_colors": float(np.mean([all(score.mean_color for score in pair) for pair in pairs])),
                "each": float(np.mean([[score.both_colors for score in pair] for pair in pairs])),
                "both": float(np.mean([all(score.both_colors for score in pair) for pair in pairs])),
                "patterns": float(np.mean([[score.found for score in pair] for pair in pairs])),
                "asked_background": float(np.mean([oracle.background_is(picture, background) for picture in pictures])),
            }
        return {"pair": [index - 1, index], "classes": classes, "background": background, "rates": rates}


def checksum(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_rows(path: pathlib.Path, settings: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The finished concepts and pairs of earlier runs.

    Raises: SystemExit when they were made with other settings; None accepts any.
    """
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()] if path.exists() else []
    for row in rows:
        if settings is not None and row["settings"] != settings:
            differing = sorted(name for name in settings if row["settings"].get(name) != settings[name])
            raise SystemExit(
                f"{path} holds results of other settings ({', '.join(differing)}): remove it or choose other --results"
            )
    return rows


def _work(
    args: argparse.Namespace, settings: dict[str, Any], indices: list[int], done: set[int], paired: set[int]
) -> None:
    """Measures concepts and the pairs that end at them, and adds each to the results when it is finished."""
    folder = args.results.with_suffix("")
    learner = Learner(*sampling.load(args.checkpoint), _training(args), args.sampling_steps, args.cfg)
    ablation = Ablation(learner, args.images, args.seed, folder)

    def keep(row: dict[str, Any], began: float) -> None:
        row = {**row, "seconds": round(time.monotonic() - began, 1), "workers": args.workers}
        with args.results.open("a") as file:
            file.write(json.dumps({**row, "settings": settings}) + "\n")  # one write: two workers' lines don't mix
        print(
            ", ".join(f"{name} {value}" for name, value in row.items() if name not in ("rates", "training", "workers")),
            flush=True,
        )

    for index in indices:
        began = time.monotonic()
        if index not in done:
            keep(ablation.concept(index), began)
        began = time.monotonic()
        if index % 2 and index not in paired:
            keep(ablation.pair(index), began)


def _work_beside_others(args: argparse.Namespace, *work: Any) -> None:
    """In a process of its own, on its share of the cores."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // args.workers))
    _work(args, *work)


def run(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Measures what is not among the results yet, in `args.workers` processes; a pair's two concepts stay together."""
    args.results.with_suffix("").mkdir(parents=True, exist_ok=True)
    rows = read_rows(args.results, settings)
    done = {row["concept"] for row in rows if "concept" in row}
    paired = {row["pair"][1] for row in rows if "pair" in row}
    shares = [
        [index for index in range(args.concepts) if index // 2 % args.workers == worker]
        for worker in range(args.workers)
    ]
    if args.workers == 1:
        _work(args, settings, shares[0], done, paired)
        return
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_work_beside_others, args=(args, settings, share, done, paired)) for share in shares
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker failed (see above); what is finished is kept: start again to go on")


def _training(args: argparse.Namespace) -> Training:
    return Training(**{field.name: getattr(args, field.name) for field in dataclasses.fields(Training)})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, default=20)
    parser.add_argument("--images", type=int, default=8, help="of each prompt")
    parser.add_argument("--seed", type=int, default=SEED)
    sampling.add_checkpoint_argument(parser)
    parser.add_argument("--sampling-steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=5.0)
    parser.add_argument(
        "--workers",
        type=int,
        default=2,
        help="processes; they share the cores. Small models gain more from them than from threads",
    )
    for field in dataclasses.fields(Training):
        parser.add_argument(
            f"--{field.name}",
            type=type(field.default),
            default=field.default,
            help=f"of Stage I and II: see lab/measuring/learning.py; {field.default}",
        )
    parser.add_argument(
        "--results",
        type=pathlib.Path,
        default=pathlib.Path("demo_training/ablation.jsonl"),
        help="one line a finished concept",
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/reports/ABLATION.md"))
    parser.add_argument(
        "--report", action="store_true", help="train nothing: only write the report of what the results hold"
    )
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if not args.report:
        settings = {name: getattr(args, name) for name in ("images", "seed", "sampling_steps", "cfg")}
        settings |= dataclasses.asdict(_training(args)) | {
            "checkpoint": args.checkpoint.name,
            "sha256": checksum(args.checkpoint),
        }
        run(args, settings)
    ablation_report.write(read_rows(args.results, None), args.results.with_suffix(""), args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
