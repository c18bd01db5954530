"""Trains the demo's detector, a small GroundingDINO that finds shapes by words:
`python -m lab.training.train_detector`.

It is transformers' own `GroundingDinoForObjectDetection` with a ResNet of three stages and a BERT of two layers, all of
it trained from random numbers: first the ResNet alone, on classes, colours and boxes, then all but the ResNet, on words
and boxes. Writes a Hugging Face folder (`--out`) that `from_pretrained` loads.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertTokenizer, GroundingDinoForObjectDetection, ResNetBackbone

from ..world import grounding, world
from .detector import (
    PLACES,
    batch_of,
    detection_loss,
    new_config,
    new_model,
    new_tokenizer,
    pixel_values,
    save_folder,
    targets,
    tokens,
)
from .loop import Run, Trainee, add_arguments, data_sets, sample_indices

THRESHOLD = 0.3  # GroundingDINO's usual score from which a box counts


class Eyes(nn.Module):
    """The detector's backbone while it learns to see: at every place, class, colours and box of the object that covers
    it."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNetBackbone(new_config().backbone_config)
        self.head = nn.Conv2d(self.backbone.channels[-1], len(world.CLASSES) + len(world.COLORS) + 4, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """pictures: as `pixel_values` has them. Returns logits of classes and colours and relative edges, each (B, …,
        PLACES, PLACES)."""
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast where the CPU knows it
            seen = self.head(self.backbone(pictures.to(memory_format=torch.channels_last)).feature_maps[0]).float()
        return seen[:, : len(world.CLASSES)], seen[:, len(world.CLASSES) : -4], seen[:, -4:]


def eyes_loss(eyes: Eyes, data: grounding.Pictures, which: Sequence[int], rng: random.Random) -> tuple[Tensor, float]:
    """The loss over all places that objects of some of the pictures cover, and the share of them whose class is
    right."""
    pictures, masks = grounding.mirrored(data.pictures[which], data.masks[which], rng)
    classes, colors, edges = eyes(pixel_values(grounding.roughen(pictures, np.random.default_rng(rng.getrandbits(32)))))
    total, right, count = torch.zeros(()), 0.0, 0
    for i, scene in enumerate(data.scenes[k] for k in which):
        for obj, mask in zip(scene.objects, masks[i]):
            label = targets([grounding.Phrase(obj.cls, (0,))], mask[None])
            places = label["places"][0].view(PLACES, PLACES)
            covered = int(places.sum())
            cls = torch.full((covered,), world.CLASSES.index(obj.cls))
            called = [grounding.is_called(obj, name) for name in world.COLORS]
            sure = [k for k, holds in enumerate(called) if holds is not None]
            names = torch.tensor([float(called[k] or 0) for k in sure])[:, None].expand(-1, covered)
            total = total + nn.functional.cross_entropy(classes[i][:, places].T, cls, reduction="sum")
            total = (
                total
                + nn.functional.binary_cross_entropy_with_logits(colors[i][sure][:, places], names, reduction="sum") / 4
            )
            total = total + 2 * (edges[i][:, places] - label["boxes"][0][:, None]).abs().sum()
            right += float((classes[i][:, places].argmax(0) == cls).sum())
            count += covered
    return total / count, right / count


def train_eyes(
    data: grounding.Pictures, steps: int, batch: int, seed: int, start: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Trains the backbone alone, from the start or on from an earlier state. Returns its state.

    Its normalisation learns here and is frozen in the detector, as in all of DETR's family. (Backbones without it,
    trained inside the detector from random numbers, had not told one class from another after 500 steps.)
    """
    eyes = Eyes().to(memory_format=torch.channels_last)
    if start is not None:
        eyes.backbone.load_state_dict(start)
    optimizer = torch.optim.AdamW(eyes.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    seen: list[tuple[float, float]] = []
    for step in range(steps):
        rng = random.Random(seed * 1_000_003 + step)
        loss, right = eyes_loss(eyes, data, sample_indices(data, batch, rng), rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        seen.append((loss.item(), right))
        if (step + 1) % 100 == 0:
            loss_mean, right_mean = np.mean(seen[-100:], axis=0)
            print(f"eyes {step + 1}  loss {loss_mean:.3f}  class right {right_mean:.1%}", flush=True)
    return {name: value.contiguous() for name, value in eyes.backbone.state_dict().items()}


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


def learned_eyes(data: grounding.Pictures, options: argparse.Namespace) -> dict[str, Tensor]:
    """The backbone's state, trained when it is not there yet, or when more training is asked for."""
    file = options.folder / "detector_eyes.pt"
    if options.more_eyes or not file.exists():
        start = torch.load(file, weights_only=True) if options.more_eyes else None
        seed = options.seed + options.more_eyes
        torch.save(train_eyes(data, options.eyes_steps, options.batch, seed, start), file)
    return torch.load(file, weights_only=True)


def trainee(options: argparse.Namespace) -> Trainee:
    """A new detector with its pictures, and with eyes that have learned to see."""
    data, test = data_sets(options)
    model, tokenizer = new_model(learned_eyes(data, options)), new_tokenizer()

    def loss(step: int, rng: random.Random) -> Tensor:
        inputs, labels = batch_of(data, sample_indices(data, options.batch, rng), rng, tokenizer)
        return detection_loss(model, inputs, labels)

    def measured(averaged: Any) -> str:
        return "  ".join(f"{name} {share:.1%}" for name, share in measure(averaged, tokenizer, test).items())

    return Trainee("detector", model, loss, lambda averaged, folder: save_folder(averaged, tokenizer, folder), measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--eyes-steps", type=int, default=800, help="of the backbone alone, before; kept in FOLDER/detector_eyes.pt"
    )
    parser.add_argument(
        "--more-eyes", action="store_true", help="first go on with FOLDER/detector_eyes.pt, for as many steps"
    )
    add_arguments(parser, "detector", 3500, "demo_training/sis_demo_dino")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    Run(trainee(options), options).train()


if __name__ == "__main__":
    main()
