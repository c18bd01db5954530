"""Trains the demo's detector, a small GroundingDINO that finds shapes by words:
`python -m lab.training.train_detector`.

It is transformers' own `GroundingDinoForObjectDetection` with a ResNet of three stages and a BERT of two layers,
trained from random numbers or from an earlier one (`--init`): first its eyes alone, on classes, colours and boxes
(`eyes`), then all but them, on words and boxes. Writes a Hugging Face folder (`--out`) that `from_pretrained` loads.
"""

from __future__ import annotations

import argparse
import pathlib
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import BertTokenizer, GroundingDinoForObjectDetection

from ..world import grounding, world
from .detector import NAMED, batch_of, detection_loss, new_model, new_tokenizer, pixel_values, save_folder, tokens
from .eyes import Eyes, train_eyes
from .loop import Run, Trainee, add_arguments, data_sets, sample_indices

THRESHOLD = 0.3  # GroundingDINO's usual score from which a box counts


@torch.no_grad()
def best_boxes(
    model: GroundingDinoForObjectDetection,
    tokenizer: BertTokenizer,
    pictures: np.ndarray,
    phrases: Sequence[grounding.Phrase],
) -> tuple[Tensor, Tensor]:
    """Score and box (left, top, right, bottom in pixels) of the best query for one phrase a picture."""
    scores, boxes = [], []
    for start in range(0, len(phrases), 50):
        part = phrases[start : start + 50]
        outputs = model(
            pixel_values=pixel_values(pictures[start : start + 50]), **tokens(tokenizer, [[phrase] for phrase in part])
        )
        score, query = outputs.logits.sigmoid().amax(-1).max(1)
        x, y, width, height = (outputs.pred_boxes[torch.arange(len(part)), query] * world.SIZE).unbind(-1)
        scores.append(score)
        boxes.append(torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], -1))
    return torch.cat(scores), torch.cat(boxes)


def box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    return both / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both)


def measure(
    model: GroundingDinoForObjectDetection, tokenizer: BertTokenizer, data: grounding.Pictures, seed: int = 0
) -> dict[str, float]:
    """Shares of pictures, by class and by colour and class: the best box is a named object's; a wrong phrase is turned
    down."""
    result = {}
    for kind, colored in (("class", False), ("colour", True)):
        rng = random.Random(seed)
        for name, phrases_of in (
            (f"{kind} right", grounding.true_phrases),
            (f"{kind} rejected", grounding.false_phrases),
        ):
            asked = [
                (i, rng.choice(options))
                for i, scene in enumerate(data.scenes)
                if (options := phrases_of(scene, colored))
            ]
            scores, boxes = best_boxes(
                model, tokenizer, data.pictures[[i for i, _ in asked]], [phrase for _, phrase in asked]
            )
            if phrases_of is grounding.false_phrases:
                result[name] = float((scores < THRESHOLD).float().mean())
            else:
                result[name] = float(
                    np.mean(
                        [
                            is_right(float(score), box, [grounding.box_of(data.masks[i][j]) for j in phrase.objects])
                            for score, box, (i, phrase) in zip(scores, boxes.tolist(), asked)
                        ]
                    )
                )
    return result


def is_right(score: float, box: Sequence[float], wanted: Sequence[Sequence[float]]) -> bool:
    """Whether a box counts and agrees with one of those wanted."""
    return score >= THRESHOLD and max(box_iou(box, other) for other in wanted) > 0.5


def seeing_model(data: grounding.Pictures, test: grounding.Pictures, options: argparse.Namespace) -> Any:
    """A new detector, or the one of `--init`, with eyes that have learned to see; they are kept in the folder."""
    model = new_model() if options.init is None else GroundingDinoForObjectDetection.from_pretrained(options.init)
    model.config.focal_alpha = NAMED
    eyes, file = Eyes(model), options.folder / "detector_eyes.pt"
    if file.exists():
        eyes.load_state_dict(torch.load(file, weights_only=True))
    else:
        keep = options.init is not None
        train_eyes(eyes, data, test, options.eyes_steps, 2 * options.batch, options.seed, keep=keep)
        torch.save(eyes.state_dict(), file)
    eyes.give(model)
    for part in (model.model.backbone, model.model.input_proj_vision):  # which a loaded model would train
        part.requires_grad_(False)
    return model


def trainee(options: argparse.Namespace) -> Trainee:
    """A detector that has learned to see, with its pictures."""
    data, test = data_sets(options)
    model, tokenizer = seeing_model(data, test, options), new_tokenizer()

    def loss(step: int, rng: random.Random) -> Tensor:
        inputs, labels = batch_of(data, sample_indices(data, options.batch, rng), rng, tokenizer)
        return detection_loss(model, inputs, labels)

    def measured(averaged: Any) -> str:
        return "  ".join(f"{name} {share:.1%}" for name, share in measure(averaged, tokenizer, test).items())

    return Trainee("detector", model, loss, lambda averaged, folder: save_folder(averaged, tokenizer, folder), measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--eyes-steps", type=int, default=2000, help="of the eyes alone, before; kept in FOLDER/detector_eyes.pt"
    )
    parser.add_argument("--init", type=pathlib.Path, help="a detector's folder to start from; default: random numbers")
    add_arguments(parser, "detector", 3500, "demo_training/sis_demo_dino")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    Run(trainee(options), options).train()


if __name__ == "__main__":
    main()
