"""Trains the demo's segmenter, a small SAM that outlines what is in a box: `python -m lab.training.train_segmenter`.

It is transformers' own `SamModel` at 128 px in patches of 8, trained from random numbers on the world's true boxes,
shaken as a detector's are. Writes a Hugging Face folder (`--out`) that `from_pretrained` loads.
"""

from __future__ import annotations

import argparse
import pathlib
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import SamConfig, SamImageProcessor, SamModel

from ..world import grounding, world
from .detector import pixel_values
from .loop import Run, Trainee, add_arguments, data_sets, sample_indices

WIDTH, PATCH = 64, 8
LOW = world.SIZE // PATCH * 4  # side of SAM's masks before they are enlarged
BOXES = 2  # a picture; encoding it is the expensive part
SHAKE, LEAST_SHAKE = 0.05, 1.0  # standard deviation of a box's edge, in sizes of the box and in pixels


def new_config() -> SamConfig:
    """SAM ViT-B's layout with 4 layers of 96 channels instead of 12 of 768, two of them windowed."""
    return SamConfig(
        vision_config={
            "image_size": world.SIZE,
            "patch_size": PATCH,
            "hidden_size": 96,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "mlp_ratio": 2.0,
            "output_channels": WIDTH,
            "num_pos_feats": WIDTH // 2,
            "window_size": 8,
            "global_attn_indexes": [1, 3],
            "initializer_range": 0.02,
        },
        prompt_encoder_config={"hidden_size": WIDTH, "image_size": world.SIZE, "patch_size": PATCH},
        mask_decoder_config={
            "hidden_size": WIDTH,
            "mlp_dim": 2 * WIDTH,
            "num_attention_heads": 4,
            "iou_head_hidden_dim": WIDTH,
        },
    )


def new_model() -> SamModel:
    """With random weights. transformers draws the frequencies of places far too high for training (they are meant to be
    loaded): 1 as in SAM."""
    model = SamModel(new_config())
    nn.init.normal_(model.shared_image_embedding.positional_embedding)
    return model


def shaken(box: Sequence[float], rng: random.Random) -> list[float]:
    """A box (left, top, right, bottom in pixels) with each edge a little off, inside the picture."""
    width, height = box[2] - box[0], box[3] - box[1]
    return [
        min(float(world.SIZE), max(0.0, edge + rng.gauss(0, LEAST_SHAKE + SHAKE * side)))
        for edge, side in zip(box, (width, height, width, height))
    ]


def batch_of(data: grounding.Pictures, which: Sequence[int], rng: random.Random) -> tuple[dict[str, Tensor], Tensor]:
    """The model's inputs with BOXES boxes a picture, and the masks wanted, (B, BOXES, LOW, LOW) in [0, 1]."""
    pictures, masks = grounding.mirrored(data.pictures[which], data.masks[which], rng)
    objects = [[j % len(data.scenes[i].objects) for j in range(BOXES)] for i in which]
    wanted = np.stack([mask[chosen] for mask, chosen in zip(masks, objects)])
    boxes = [[shaken(grounding.box_of(mask), rng) for mask in both] for both in wanted]
    pictures = grounding.roughen(pictures, np.random.default_rng(rng.getrandbits(32)))
    small = nn.functional.adaptive_avg_pool2d(torch.from_numpy(wanted).float() / 255, LOW)
    return {"pixel_values": pixel_values(pictures), "input_boxes": torch.tensor(boxes)}, small


def overlap(logits: Tensor, wanted: Tensor) -> Tensor:
    """Intersection over union of masks, cut at 0 and at a half, over the last two axes."""
    seen, true = logits > 0, wanted > 0.5
    return (seen & true).sum((-2, -1)) / (seen | true).sum((-2, -1)).clamp(min=1)


def mask_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy and Dice of masks (…, H, W), one number a mask. SAM's focal loss is for far smaller objects than
    the world has."""
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean((-2, -1))
    seen = logits.sigmoid()
    dice = 1 - (2 * (seen * wanted).sum((-2, -1)) + 1) / (seen.sum((-2, -1)) + wanted.sum((-2, -1)) + 1)
    return 5 * entropy + dice


def segmentation_loss(model: SamModel, inputs: dict[str, Tensor], wanted: Tensor, several: bool) -> Tensor:
    """Of the one mask, or of the best of three (`several`), as SAM is trained; and of the IoU that it expects of
    each."""
    outputs = model(**inputs, multimask_output=several)
    expanded = wanted[:, :, None].expand_as(outputs.pred_masks)
    each = mask_loss(outputs.pred_masks, expanded)
    expected = (outputs.iou_scores - overlap(outputs.pred_masks.detach(), expanded)).square().mean()
    return each.min(-1).values.mean() + expected


@torch.no_grad()
def measure(model: SamModel, data: grounding.Pictures, seed: int = 0) -> dict[str, float]:
    """Mean IoU of the one mask, and of that of three which the model thinks best, for shaken boxes, at SAM's low
    resolution."""
    rng = random.Random(seed)
    found: dict[str, list[Tensor]] = {"one mask": [], "best of three": []}
    for start in range(0, len(data.scenes), 50):
        inputs, wanted = batch_of(data, range(start, min(start + 50, len(data.scenes))), rng)
        embeddings = model.get_image_embeddings(inputs["pixel_values"])
        for name, several in (("one mask", False), ("best of three", True)):
            outputs = model(image_embeddings=embeddings, input_boxes=inputs["input_boxes"], multimask_output=several)
            each = overlap(outputs.pred_masks, wanted[:, :, None])
            found[name].append(each.gather(-1, outputs.iou_scores.argmax(-1, keepdim=True)).flatten())
    return {name: torch.cat(each).mean().item() for name, each in found.items()}


def save_folder(model: Any, folder: pathlib.Path) -> None:
    """Writes what `from_pretrained` needs: the model and its image processor."""
    model.save_pretrained(folder)
    SamImageProcessor(
        size={"longest_edge": world.SIZE},
        pad_size={"height": world.SIZE, "width": world.SIZE},
        mask_size={"longest_edge": LOW},
        mask_pad_size={"height": LOW, "width": LOW},
    ).save_pretrained(folder)


def trainee(options: argparse.Namespace) -> Trainee:
    """A new segmenter with its pictures."""
    data, test = data_sets(options)
    model = new_model()

    def loss(step: int, rng: random.Random) -> Tensor:
        inputs, wanted = batch_of(data, sample_indices(data, options.batch, rng), rng)
        return segmentation_loss(model, inputs, wanted, several=step % 2 == 1)

    def measured(averaged: Any) -> str:
        return "IoU " + "  ".join(f"{name} {iou:.3f}" for name, iou in measure(averaged, test).items())

    return Trainee("segmenter", model, loss, save_folder, measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, "segmenter", 4000, "demo_training/sis_demo_sam")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    Run(trainee(options), options).train()


if __name__ == "__main__":
    main()
