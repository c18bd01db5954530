"""The editing success rate on the demo's world, judged exactly: `python -m lab.measuring.esr`.

Learns concepts that words cannot describe, draws each with prompts of one or two editing goals in the world's own words
(a background, a place, a size, a tilt, a neighbour), and gives each picture the points of the goals that
`lab.world.oracle` finds in it: SingleInsert's ESR (arXiv:2310.08094, appendix A.2) without anybody's judgement. The
class word alone, without any concept, is what the model itself can do. Every finished concept is a line of `--results`,
so that a run that was stopped goes on; at the end, or alone with `--report`, writes `--out`.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..world import oracle, world
from . import sampling
from .concepts import BACKGROUNDS, concept_scene, free_background
from .intervals import bootstrap
from .learning import VARIANTS, Learner, Training
from .results import add_arguments, append, checksum, read_rows

SEED = 71_000
STAGES = {"Stage I": "I background", "Stage II": "II semantic", "Stage II, plain reconstruction": "II plain"}
WORDS_ALONE = "class word alone"
LABELS = (WORDS_ALONE, *STAGES)


@dataclass(frozen=True)
class Asked:
    """A prompt of the world's, `{0}` for the phrase, and its goals: facts as `world.Scene.told` has them."""

    template: str
    goals: dict[str, Any]

    def points(self, picture: np.ndarray, cls: str) -> float:
        """The share of the goals that a picture shows. cls: the concept's class."""
        neighbour = self.goals.get("neighbour")
        classes, colors = ((cls, neighbour[1]), (None, neighbour[0])) if neighbour else ((cls,), (None,))
        verdict = oracle.judge(picture, {"classes": classes, "colors": colors, **self.goals})
        shown = {
            "background": verdict.background,
            "place": verdict.place,
            "size": verdict.size,
            "tilted": verdict.tilted,
            "neighbour": verdict.count and verdict.classes[-1] and verdict.colors[-1],
        }
        return float(np.mean([bool(shown[goal]) for goal in self.goals]))


def prompts(scene: world.Scene) -> tuple[Asked, ...]:
    """The six prompts of a concept, half of them with two goals; named colours that its own cannot be taken for."""
    first, second = (free_background([scene], name) for name in BACKGROUNDS[:2])
    other = next(cls for cls in ("star", "square") if cls != scene.objects[0].cls)
    return (
        Asked(f"{{0}} on a {first} background", {"background": first}),
        Asked("a tilted {0}", {"tilted": True}),
        Asked("a small {0}", {"size": "small"}),
        Asked(f"a large {{0}} on a {second} background", {"size": "large", "background": second}),
        Asked(f"{{0}} at the left on a {first} background", {"place": "left", "background": first}),
        Asked(
            f"{{0}} and a {second} {other} on a {first} background", {"neighbour": (second, other), "background": first}
        ),
    )


class Judge:
    """Learns, draws and judges. images: of each prompt."""

    def __init__(self, learner: Learner, images: int, seed: int) -> None:
        self._learner, self._images, self._seed = learner, images, seed

    def concept(self, index: int) -> dict[str, Any]:
        """A row of the results: each way's points of every prompt's pictures."""
        scene = concept_scene(self._seed, index)
        learned: dict[str, Any] = {}
        for name, variant in VARIANTS.items():
            if name in STAGES.values() or any(VARIANTS[key].starts_from == name for key in STAGES.values()):
                learned[name] = self._learner.learn(scene, variant, index, learned.get(variant.starts_from))[0]
        ways = {WORDS_ALONE: None} | {label: learned[key] for label, key in STAGES.items()}
        points = {label: self._points(scene, concept, index) for label, concept in ways.items()}
        return {"concept": index, "class": scene.objects[0].cls, "points": points}

    def _points(self, scene: world.Scene, concept: Any, index: int) -> list[float]:
        """A prompt each: the mean points of its pictures."""
        asked, cls = prompts(scene), scene.objects[0].cls
        texts = [one.template if concept is not None else one.template.format(cls) for one in asked]
        seeds = [self._seed + 1_000 * index + i for i in range(self._images)]
        pictures = self._learner.draw(
            [] if concept is None else [concept], [text for text in texts for _ in seeds], seeds * len(texts)
        )
        each = pictures.reshape(len(asked), self._images, *pictures.shape[1:])
        return [float(np.mean([one.points(picture, cls) for picture in drawn])) for one, drawn in zip(asked, each)]


def rate(rows: Sequence[dict[str, Any]], label: str) -> list[float]:
    """A way's ESR, concept by concept."""
    return [float(np.mean(row["points"][label])) for row in rows]


def report(rows: Sequence[dict[str, Any]], settings: dict[str, Any]) -> str:
    base = rate(rows, WORDS_ALONE)
    table = []
    for label in LABELS:
        mean, low, high = bootstrap(rate(rows, label))
        lost = bootstrap([one - other for one, other in zip(rate(rows, label), base)])
        apart = "" if label == WORDS_ALONE else f"{lost[0]:+.3f} ({lost[1]:+.3f} to {lost[2]:+.3f})"
        table.append(f"| {label} | {mean:.3f} ({low:.3f} to {high:.3f}) | {apart} |")
    return "\n".join([
        "# The editing success rate on the demo's world",
        "",
        f"Measured {datetime.date.today()} with `python -m lab.measuring.esr --concepts {len(rows)} --images"
        f" {settings['images']} --seed {settings['seed']}`.",
        "",
        f"{len(rows)} concepts, six prompts each, {settings['images']} pictures of a prompt, judged by"
        " `lab/world/oracle.py`. In brackets: 95 % intervals over concepts, of the difference pair by pair.",
        "",
        "| drawn with | ESR | against the class word alone |",
        "|---|---|---|",
        *table,
        "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, default=12)
    parser.add_argument("--images", type=int, default=4, help="of each prompt")
    parser.add_argument("--seed", type=int, default=SEED)
    sampling.add_checkpoint_argument(parser)
    add_arguments(parser, "docs/reports/results/esr.jsonl", "docs/reports/ESR.md")
    args = parser.parse_args()
    settings = {"images": args.images, "seed": args.seed, "sha256": checksum(args.checkpoint)}
    rows = read_rows(args.results, settings)
    if not args.report:
        args.results.parent.mkdir(parents=True, exist_ok=True)
        judge = Judge(Learner(*sampling.load(args.checkpoint), Training()), args.images, args.seed)
        for index in (index for index in range(args.concepts) if index not in {row["concept"] for row in rows}):
            row = {**judge.concept(index), "settings": settings}
            append(args.results, row)
            print(json.dumps(row["points"]), flush=True)
    args.out.write_text(report(read_rows(args.results, settings), settings), encoding="utf-8")
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
