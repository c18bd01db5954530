"""Can training be shorter for the same concept? `python -m lab.measuring.pace`.

Trains the same concepts in several ways, draws pictures with each from the same noises, and judges them with
`lab.world.oracle`, as `python dev.py reproduce` does. All ways are looked at on a few concepts; those that were
chosen by that are measured on others. Every concept in a way is a line of `--results`, so that a run can be stopped and
gone on with. At the end, or alone with `--report`, writes the tables (`--out`).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..world import world
from . import concepts, pace_report, sampling
from .learning import VARIANTS, Learner, Training
from .results import add_arguments, append, checksum, read_rows

SEED = 4_200
Models = tuple[Any, Any, Any]  # MODEL, CLIP and VAE
STAGES = ("I background", "II semantic")


@dataclass(frozen=True)
class Way:
    """How Stage I and II are trained. steps, batch: of each. rate: times the rates of `Training`. timesteps, schedule:
    the nodes' inputs, of both."""

    steps: tuple[int, int] = (Training.steps1, Training.steps2)
    batch: tuple[int, int] = (Training.batch1, Training.batch2)
    rate: float = 1.0
    timesteps: str = "uniform"
    schedule: str = "constant"

    def learner(self, models: Models) -> Learner:
        (steps1, steps2), (batch1, batch2) = self.steps, self.batch
        training = Training(
            steps1=steps1,
            batch1=batch1,
            rate1=self.rate * Training.rate1,
            steps2=steps2,
            batch2=batch2,
            rate2=self.rate * Training.rate2,
        )
        return Learner(*models, training, 10, 3.0)

    def settings(self) -> dict[str, Any]:
        """As a file has them."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[no-any-return]


FULL = "full"
WAYS = {
    FULL: Way(),
    "half of all": Way((28, 28), (4, 3), rate=1.5, timesteps="stratified", schedule="cosine"),
    "fast": Way((16, 40), (4, 3), rate=2, timesteps="stratified", schedule="cosine"),
    # all that the goal leaves goes into what the pattern comes with
    "longer Stage II": Way((16, 49), (4, 3), rate=2, timesteps="stratified", schedule="cosine"),
    "Stage II of pairs": Way((16, 73), (4, 2), rate=2, timesteps="stratified", schedule="cosine"),
    "gentle Stage II of pairs": Way((16, 73), (4, 2), rate=1.5, timesteps="stratified", schedule="cosine"),
}
CHOSEN = (FULL, "fast", "longer Stage II")
LOOKED = 9  # concepts that all ways are looked at on; the chosen are measured on others


def measure(models: Models, way: Way, index: int, images: int) -> dict[str, Any]:
    """One concept in one way: the scores of its pictures after Stage II, by prompt, and the processor's seconds of
    training."""
    scene = concepts.concept_scene(SEED, index)
    background = concepts.free_background([scene], concepts.BACKGROUNDS[0])
    began, learner, concept = time.process_time(), way.learner(models), None
    pace = {"timesteps": way.timesteps, "rate_schedule": way.schedule}
    for stage in STAGES:
        concept = learner.learn(scene, VARIANTS[stage], index, concept, **pace)[0]
    seconds = time.process_time() - began
    rates = _judged(learner, concept, scene, background, images)
    return {"concept": index, "way": way.settings(), "rates": rates, "seconds": round(seconds, 1)}


def _judged(learner: Learner, concept: Any, scene: world.Scene, background: str, images: int) -> dict[str, Any]:
    """By prompt: the phrase on a background that was asked for, and the class word without the concept's name."""
    seeds = [SEED * 1_000 + i for i in range(images)]
    prompts = {"asked": f"{{0}} on a {background} background", "class": scene.objects[0].cls}
    lines = [prompt for prompt in prompts.values() for _ in seeds]
    drawn = learner.draw([concept], lines, seeds * len(prompts)).reshape(len(prompts), images, 128, 128, 3)
    return {
        name: concepts.measure(part, scene, background if name == "asked" else None)
        for name, part in zip(prompts, drawn, strict=True)
    }


def work(concepts: int) -> list[tuple[int, str]]:
    """All that is to be measured: (concept, way). `concepts` in the chosen ways, and before them `LOOKED` others in
    all."""
    looked = [(index, name) for index in range(LOOKED) for name in WAYS]
    return [(index, name) for index in range(LOOKED, LOOKED + concepts) for name in CHOSEN] + looked


def run(
    args: argparse.Namespace, rows: Sequence[dict[str, Any]], settings: dict[str, Any], todo: Sequence[tuple[int, str]]
) -> list[dict[str, Any]]:
    """Measures what is not among the rows, and adds each to the results when it is finished. Returns all rows."""
    done = {(row["concept"], json.dumps(row["way"])) for row in rows}
    todo = [(index, name) for index, name in todo if (index, json.dumps(WAYS[name].settings())) not in done]
    models = sampling.load(args.checkpoint)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    rows = list(rows)
    for index, name in todo:
        rows.append({**measure(models, WAYS[name], index, args.images), "settings": settings})
        append(args.results, rows[-1])
        print(index, name, pace_report.line(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, default=60, help="beside those that ways are chosen on")
    parser.add_argument("--images", type=int, default=4, help="of each prompt")
    sampling.add_checkpoint_argument(parser)
    add_arguments(parser, "docs/reports/results/pace.jsonl", "docs/reports/PACE.md")
    args = parser.parse_args()
    settings = {"images": args.images, "sha256": checksum(args.checkpoint)}
    rows = read_rows(args.results, None if args.report else settings)
    if not args.report:
        rows = run(args, rows, settings, work(args.concepts))
    pace_report.write(rows, {name: way.settings() for name, way in WAYS.items()}, LOOKED, args.out)


if __name__ == "__main__":
    main()
