"""How well the demo's detector and segmenter find what a prompt names: `python -m lab.measuring.detection`.

Asks held-out pictures of the world through the very code that Mask from Prompt runs, judges what comes back by the
world's own masks and by `lab.world.seeing`, and writes a dated report (`--out`) with a contact sheet beside it
(`.jpg`).
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import pathlib
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..figures import sheets
from ..hosting import in_process
from ..world import grounding, painting, seeing, world
from .intervals import wilson

SEED = 77  # training's pictures have seed 5, those that it measures itself by seed 6
FOLDER = pathlib.Path(__file__).resolve().parents[1] / "weights"
DETECTOR, SEGMENTER = "sis_demo_dino", "sis_demo_sam"
CLASS, COLOR, BOTH, WRONG_CLASS, WRONG_COLOR, STRANGE = (
    "class",
    "colour and class",
    "two phrases",
    "absent class",
    "absent colour",
    "unknown word",
)
TRUE, FALSE = (CLASS, COLOR, BOTH), (WRONG_CLASS, WRONG_COLOR, STRANGE)
GOALS = {CLASS: 0.85, COLOR: 0.9, WRONG_COLOR: 0.8}
IOU_GOAL = 0.85
RIGHT = 0.5  # IoU with a named object from which a mask is of that object
SHEET = 40


@dataclass(frozen=True)
class Question:
    """A prompt for a picture. wanted: the masks that would each be right, (128, 128) in [0, 1]; none where nothing
    should be found."""

    kind: str
    scene: world.Scene
    picture: np.ndarray
    prompt: str
    wanted: tuple[np.ndarray, ...] = ()
    cls: str = ""


@dataclass(frozen=True)
class Answer:
    """mask: (128, 128) in {0, 1}, empty when nothing was found; score: of the surest thing found; overlay: as the node
    shows it, uint8."""

    mask: np.ndarray
    score: float
    overlay: np.ndarray


@dataclass(frozen=True)
class Verdict:
    """right: the named thing was found or, where there is none, nothing. outline: what was cut out has the class's
    shape, as the oracle sees it."""

    right: bool
    iou: float = 0.0
    outline: bool = False


def questions(count: int, seed: int = SEED) -> list[Question]:
    """For each of `count` held-out pictures, one question of every kind that it allows."""
    rng = random.Random(seed)
    scenes = grounding.scenes(count, seed)
    pictures, masks = grounding.render_all(scenes)
    asked = []
    for scene, picture, parts in zip(scenes, pictures, masks.astype(np.float32) / 255):
        for kind, options in (
            (CLASS, grounding.true_phrases(scene, False)),
            (COLOR, grounding.true_phrases(scene, True)),
            (BOTH, _both(scene)),
            (WRONG_CLASS, grounding.false_phrases(scene, False)),
            (WRONG_COLOR, grounding.false_phrases(scene, True)),
            (STRANGE, [grounding.Phrase(word) for word in grounding.STRANGERS]),
        ):
            if options:
                phrase = rng.choice(options)
                chosen = [parts[i] for i in phrase.objects]
                wanted = (np.maximum(*chosen),) if kind == BOTH else tuple(chosen)
                asked.append(Question(kind, scene, picture, phrase.text, wanted, phrase.text.split()[-1]))
    return asked


def _both(scene: world.Scene) -> list[grounding.Phrase]:
    """The two objects of a scene, when they are of different classes, in one prompt."""
    classes = [obj.cls for obj in scene.objects]
    return [grounding.Phrase(" . ".join(classes), (0, 1))] if len(set(classes)) == 2 else []


def judge(question: Question, answer: Answer) -> Verdict:
    """Compares a mask with those wanted."""
    if not question.wanted:
        return Verdict(not answer.mask.any())
    overlaps = [
        float(np.minimum(mask, answer.mask).sum() / np.maximum(mask, answer.mask).sum()) for mask in question.wanted
    ]
    iou = max(overlaps)
    if question.kind == BOTH:  # half of the union is not enough: no object may be missing
        parts = [mask for mask in _whole_masks(question.scene) if mask.any()]
        return Verdict(iou >= RIGHT and all((mask * answer.mask).sum() >= RIGHT * mask.sum() for mask in parts), iou)
    return Verdict(iou >= RIGHT, iou, bool(answer.mask.any()) and seeing.fit_shape(answer.mask > 0)[0] == question.cls)


def _whole_masks(scene: world.Scene) -> np.ndarray:
    return grounding.visible(painting.render(scene)[1])


def ask(some: Sequence[Question], folder: pathlib.Path = FOLDER) -> list[Answer]:
    """Puts the questions to Mask from Prompt's own code, with models from `folder` (grounding-dino/…, sams/…)."""
    in_process.import_host()
    in_process.import_pack()
    import folder_paths

    from single_image_studio.host import model_files
    from single_image_studio.pipelines.mask_from_prompt import MaskSettings, mask_from_prompt

    model_files.register()
    for kind in ("grounding-dino", "sams"):
        folder_paths.add_model_folder_path(kind, str(folder / kind), is_default=True)
    answers = []
    with torch.inference_mode():  # as the host runs nodes
        for question in some:
            settings = MaskSettings(
                prompt=question.prompt, detector=DETECTOR, segmenter=SEGMENTER, on_missing="empty", keep_loaded=True
            )
            pictures = torch.from_numpy(question.picture)[None].float() / 255
            answers.append(_answer(mask_from_prompt(pictures, settings)))
    return answers


def _answer(result: Any) -> Answer:
    from single_image_studio.pictures.eight_bits import to_levels

    scores = [d["score"] for d in json.loads(result.report)["images"][0]["detections"]]
    return Answer((result.masks[0] > 0.5).float().numpy(), max(scores, default=0.0), to_levels(result.overlays[0]))


def _rows(some: Sequence[Question], verdicts: Sequence[Verdict]) -> list[str]:
    rows = [
        (
            "| prompt by | asked | right object | 95 % interval | goal | mask IoU, all asked | mask IoU, right ones |"
            " outline is the class's (oracle) | goals |"
        ),
        "|" + "---|" * 9,
    ]
    for kind in TRUE:
        of = [verdict for question, verdict in zip(some, verdicts) if question.kind == kind]
        right, iou = sum(v.right for v in of), float(np.mean([v.iou for v in of]))
        low, high = wilson(right, len(of))
        goal = GOALS.get(kind)
        met = "" if goal is None else "met" if right / len(of) >= goal and iou >= IOU_GOAL else "**missed**"
        of_right = float(np.mean([v.iou for v in of if v.right])) if right else 0.0
        outline = "" if kind == BOTH else f"{np.mean([v.outline for v in of]):.1%}"
        rows.append(
            f"| {kind} | {len(of)} | {right / len(of):.1%} | {low:.0%} to {high:.0%} |"
            f" {f'{goal:.0%}, IoU {IOU_GOAL:g}' if goal else ''} | {iou:.3f} | {of_right:.3f} | {outline} | {met} |"
        )
    rows += ["", "| what is not in the picture | asked | turned down | 95 % interval | goal | |", "|" + "---|" * 6]
    for kind in FALSE:
        of = [verdict for question, verdict in zip(some, verdicts) if question.kind == kind]
        right = sum(v.right for v in of)
        low, high = wilson(right, len(of))
        goal = GOALS.get(kind)
        met = "" if goal is None else "met" if right / len(of) >= goal else "**missed**"
        rows.append(
            f"| {kind} | {len(of)} | {right / len(of):.1%} | {low:.0%} to {high:.0%} |"
            f" {'' if goal is None else f'{goal:.0%}'} | {met} |"
        )
    return rows


def report(some: Sequence[Question], verdicts: Sequence[Verdict], args: argparse.Namespace, seconds: float) -> str:
    command = "python -m lab.measuring.detection " + " ".join(sys.argv[1:])
    sizes = [
        f"{path.parent.name} {path.stat().st_size / 1e6:.1f} MB"
        for path in sorted(args.weights.glob("*/*/model.safetensors"))
    ]
    return "\n".join(
        [
            "# How well the demo's detector and segmenter find what a prompt names",
            "",
            (
                f"Measured {datetime.date.today().isoformat()} with `{command.strip()}`: {len(some)} prompts,"
                f" {1000 * seconds / len(some):.0f} ms each on {os.cpu_count()} CPU cores."
            ),
            "",
            f"- Weights: {', '.join(sizes)}.",
            (
                f"- {args.pictures} pictures with one or two objects (seed {args.seed}) that training never saw; one"
                " prompt of each kind that a picture allows."
            ),
            (
                "- Every prompt went through the code of Mask from Prompt with its defaults (`box_threshold` 0.3,"
                " `select` best), one picture at a time."
            ),
            (
                f"- *Right object*: the mask agrees with that of a named object (IoU {RIGHT:g} or more); nothing found"
                " is wrong and counts as IoU 0. The masks compared with are the world's own, soft edges included; the"
                " *outline* is judged by `lab/world/seeing.py`, which looks at geometry alone."
            ),
            "",
            *_rows(some, verdicts),
            "",
            (
                "*Colour and class* names one of the colours that the object has; a patterned object has two. *Absent"
                " colour* names a class that is there in a colour that it does not have there."
                f" *Unknown word* is one of {', '.join(grounding.STRANGERS)}. *Two phrases* names both objects of a"
                " picture, as in `heart . star`."
            ),
            "",
            (
                f"The first {SHEET} prompts and what the node's overlay shows for them, with the best score; in red"
                " where it is wrong:"
            ),
            "",
            f"![contact sheet]({args.out.with_suffix('.jpg').name.lower()})",
            "",
        ]
    )


def sheet(some: Sequence[Question], answers: Sequence[Answer], verdicts: Sequence[Verdict]) -> Any:
    captions = [
        f"{question.prompt} {f'({answer.score:.2f})' if answer.mask.any() else '(nothing)'}"
        for question, answer in zip(some, answers)
    ]
    return sheets.contact_sheet(
        [answer.overlay for answer in answers[:SHEET]],
        captions[:SHEET],
        columns=8,
        lines=2,
        wrong=[not verdict.right for verdict in verdicts[:SHEET]],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights", type=pathlib.Path, default=FOLDER, help="holds grounding-dino/sis_demo_dino and sams/sis_demo_sam"
    )
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/reports/DETECTION.md"))
    args = parser.parse_args()
    # not a line for every prompt that is meant to find nothing
    logging.getLogger("single_image_studio").setLevel(logging.ERROR)
    some = questions(args.pictures, args.seed)
    began = time.time()
    answers = ask(some, args.weights)
    seconds = time.time() - began
    verdicts = [judge(question, answer) for question, answer in zip(some, answers)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    size = sheets.save_jpeg(
        sheet(some, answers, verdicts), args.out.parent / args.out.with_suffix(".jpg").name.lower(), most=150_000
    )
    args.out.write_text(report(some, verdicts, args, seconds), encoding="utf-8")
    print("\n".join(_rows(some, verdicts)))
    print(f"contact sheet {size / 1000:.0f} kB; report {args.out}")


if __name__ == "__main__":
    main()
