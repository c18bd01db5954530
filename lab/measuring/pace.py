"""Can training be shorter for the same concept? `python -m lab.measuring.pace --concepts 20`.

Trains the same concepts in several ways, draws pictures with each from the same noises, and judges them with
`lab.world.oracle`, as `lab.measuring.reproduce` does. Every finished concept is a line of `--results`, so that a run
can be stopped and gone on with. At the end, or alone with `--report`, writes the table (`--out`).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import pathlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import concepts, sampling
from .intervals import student
from .learning import VARIANTS, Learner, Training
from .results import checksum, read_rows

SEED = 4_200
Models = tuple[Any, Any, Any]  # MODEL, CLIP and VAE
STAGES = ("I background", "II semantic")
SCORES = {
    "mean colour": ("asked", "mean_color"),
    "pattern": ("asked", "pattern"),
    "background as asked": ("asked", "asked_background"),
    "all as asked": ("asked", "success"),
    "class": ("alone", "class"),
}
FULL = "uniform, constant, 40 + 40 steps"


@dataclass(frozen=True)
class Way:
    """How both stages are trained. steps: of each. rate: times the rates of `Training`. timesteps, schedule: the
    nodes' inputs."""

    steps: int
    rate: float = 1.0
    timesteps: str = "uniform"
    schedule: str = "constant"

    def learner(self, models: Models) -> Learner:
        usual = Training()
        training = dataclasses.replace(
            usual, steps1=self.steps, steps2=self.steps, rate1=self.rate * usual.rate1, rate2=self.rate * usual.rate2
        )
        return Learner(*models, training, 10, 3.0)


WAYS = {
    FULL: Way(40),
    "uniform, cosine from twice the rate, 16 + 16 steps": Way(16, 2.0, "uniform", "cosine"),
    "stratified, cosine from twice the rate, 16 + 16 steps": Way(16, 2.0, "stratified", "cosine"),
}


def measure(models: Models, index: int, images: int) -> dict[str, Any]:
    """One concept in every way: its scores after Stage II, and seconds of training."""
    scene = concepts.concept_scene(SEED, index)
    cls = scene.objects[0].cls
    background = concepts.free_background([scene], concepts.BACKGROUNDS[0])
    seeds = [SEED * 1_000 + i for i in range(images)]
    rates = {}
    for name, way in WAYS.items():
        began, learner, concept = time.monotonic(), way.learner(models), None
        for stage in STAGES:
            pace = {"timesteps": way.timesteps, "rate_schedule": way.schedule}
            concept = learner.learn(scene, VARIANTS[stage], index, concept, **pace)[0]
        seconds = time.monotonic() - began
        prompts = ["{0}"] * images + [f"{{0}} on a {background} background"] * images
        drawn = learner.draw([concept], prompts, seeds * 2)
        judged = {
            "alone": concepts.measure(drawn[:images], scene, None),
            "asked": concepts.measure(drawn[images:], scene, background),
        }
        rates[name] = {score: judged[prompt][key] for score, (prompt, key) in SCORES.items()}
        rates[name]["seconds"] = round(seconds, 1)
    return {"concept": index, "class": cls, "images": images, "rates": rates}


def _signed(values: Sequence[float]) -> str:
    return "{:+.2f} ± {:.2f}".format(*student(values))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """In Markdown: each way's means, and how it differs from the first, concept by concept."""
    lines = ["| | " + " | ".join(SCORES) + " |", "|---" * (len(SCORES) + 1) + "|"]
    for name in WAYS:
        means = [statistics.mean(row["rates"][name][score] for row in rows) for score in SCORES]
        lines.append(f"| {name} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    for name in list(WAYS)[1:]:
        pairs = [[row["rates"][name][s] - row["rates"][FULL][s] for row in rows] for s in SCORES]
        lines.append("| … less the first, paired | " + " | ".join(map(_signed, pairs)) + " |")
    short = list(WAYS)[1:]
    pairs = [[row["rates"][short[1]][s] - row["rates"][short[0]][s] for row in rows] for s in SCORES]
    lines.append("| stratified less uniform, paired | " + " | ".join(map(_signed, pairs)) + " |")
    return "\n".join(lines)


def report(rows: Sequence[dict[str, Any]]) -> str:
    """The page: what was done, and the table."""
    usual, first = Training(), rows[0]
    return f"""# Shorter trainings, on the demo world

Measured {datetime.date.today()} with `python -m lab.measuring.pace`: {len(rows)} concepts, {first["images"]} pictures
of each prompt, 10 DDIM steps, CFG 3, the same starting noises for all rows; checkpoint sha256
{first["settings"]["sha256"]}. Stage I with batch {usual.batch1} and learning rate {usual.rate1}, then Stage II with
batch {usual.batch2} and rate {usual.rate2}, encoder `none`. 16 + 16 steps are 0.40 of the operations of 40 + 40. The
columns are rates over pictures: `class` is of the phrase alone, the others of the phrase on a
background that was asked for (mean colour: the object's, within 90 of 765; all: colours, pattern and background).
Differences are concept by concept, mean ± half of the 95 % interval (Student's t).

{table(rows)}
"""


def run(args: argparse.Namespace, indices: Sequence[int], settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Measures concepts, and adds each to the results when it is finished."""
    models = sampling.load(args.checkpoint)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in indices:
        rows.append({**measure(models, index, args.images), "settings": settings})
        with args.results.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(rows[-1]["rates"], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, default=20)
    parser.add_argument("--images", type=int, default=4, help="of each prompt")
    sampling.add_checkpoint_argument(parser)
    parser.add_argument("--results", type=pathlib.Path, default=pathlib.Path("demo_training/pace.jsonl"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/reports/PACE.md"))
    parser.add_argument("--report", action="store_true", help="train nothing: only write what the results hold")
    args = parser.parse_args()
    settings = {"images": args.images, "sha256": checksum(args.checkpoint)}
    rows = read_rows(args.results, None if args.report else settings)
    if not args.report:
        missing = [index for index in range(args.concepts) if all(row["concept"] != index for row in rows)]
        rows += run(args, missing, settings)
    args.out.write_text(report(sorted(rows, key=lambda row: row["concept"])))


if __name__ == "__main__":
    main()
