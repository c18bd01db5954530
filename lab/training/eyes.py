"""The detector's eyes, a ResNet and the projection behind it, and how they learn alone what is at every place."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GroundingDinoForObjectDetection, ResNetBackbone

from ..world import grounding, world
from .detector import PLACES, WIDTH, covered_places, pixel_values, relative_box
from .loop import sample_indices

NOTHING = len(world.CLASSES)
RATE = 2e-3
# What a place's losses weigh. Colours weigh as much as classes together; a picture has far more places of nothing than
# of objects, and far more colours that are absent than present.
EMPTY, COLORS, PRESENT, EDGES, KEPT = 0.15, 0.7, 4.0, 2.0, 0.1


class Eyes(nn.Module):
    """A detector's backbone and projection, with the backbone's normalisation alive, and a reading of what they show.

    In the detector that normalisation is frozen, as in all of DETR's family: it has to learn before.
    """

    def __init__(self, detector: GroundingDinoForObjectDetection) -> None:
        super().__init__()
        self.backbone = ResNetBackbone(detector.config.backbone_config)
        self.backbone.load_state_dict(detector.model.backbone.conv_encoder.model.state_dict(), strict=False)
        self.projection = copy.deepcopy(detector.model.input_proj_vision[0])
        self.reading = nn.Conv2d(WIDTH, NOTHING + 1 + len(world.COLORS) + 4, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """What the detector's encoder gets of `pixel_values`: (B, WIDTH, PLACES, PLACES)."""
        return self.projection(self.backbone(pictures).feature_maps[0])  # type: ignore[no-any-return]

    def read(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of classes and nothing, logits of colours, and edges, each (B, …, PLACES, PLACES)."""
        return self.reading(projected).split((NOTHING + 1, len(world.COLORS), 4), 1)  # type: ignore[no-any-return]

    def give(self, detector: GroundingDinoForObjectDetection) -> None:
        """Puts what was learned into a detector."""
        living = self.backbone.state_dict()
        state = {name: value for name, value in living.items() if not name.endswith("num_batches_tracked")}
        detector.model.backbone.conv_encoder.model.load_state_dict(state)
        detector.model.input_proj_vision[0].load_state_dict(self.projection.state_dict())


@dataclass(frozen=True)
class Labels:
    """What is at every place of some pictures.

    classes: (B, PLACES, PLACES), `NOTHING` where no object is. called: (B, colours, PLACES, PLACES), 1 where the
    object there may be called so, 0 where not, nan where a person could say either. boxes: (B, 4, PLACES, PLACES), the
    object's, relative.
    """

    classes: Tensor
    called: Tensor
    boxes: Tensor

    @property
    def covered(self) -> Tensor:
        return self.classes != NOTHING


def labels_of(scenes: Sequence[world.Scene], masks: np.ndarray) -> Labels:
    """masks: (B, objects, H, W) uint8, what is seen of each object."""
    shape = (len(scenes), PLACES, PLACES)
    classes = torch.full(shape, NOTHING)
    called = torch.zeros(len(world.COLORS), *shape)
    boxes = torch.zeros(4, *shape)
    centres = torch.from_numpy(covered_places(masks))
    for i, scene in enumerate(scenes):
        for obj, mask, places in zip(scene.objects, masks[i], centres[i]):
            names = [grounding.is_called(obj, name) for name in world.COLORS]
            classes[i][places] = world.CLASSES.index(obj.cls)
            called[:, i, places] = torch.tensor([float("nan") if c is None else float(c) for c in names])[:, None]
            boxes[:, i, places] = torch.tensor(relative_box(mask))[:, None]
    return Labels(classes, called.transpose(0, 1), boxes.transpose(0, 1))


def eyes_loss(eyes: Eyes, projected: Tensor, labels: Labels, before: Tensor | None = None) -> Tensor:
    """The loss of what the eyes show of some pictures: class, colours and edges, which a linear reading must tell.

    before: what other eyes show of them, which these should stay near to, so that what has learned from those still
    understands.
    """
    classes, colors, edges = eyes.read(projected)
    covered = labels.covered
    weights = torch.ones(NOTHING + 1)
    weights[NOTHING] = EMPTY
    total = functional.cross_entropy(classes, labels.classes, weights)
    told = labels.called.transpose(0, 1)[:, covered]
    sure = ~told.isnan()
    asked = colors.transpose(0, 1)[:, covered][sure]
    present = torch.tensor(PRESENT)
    names = functional.binary_cross_entropy_with_logits(asked, told[sure], pos_weight=present, reduction="sum")
    off = (edges - labels.boxes).abs().sum(1)[covered].mean()
    total = total + COLORS * names / covered.sum() + EDGES * off
    return total if before is None else total + KEPT * functional.mse_loss(projected, before)


@torch.no_grad()
def told_right(eyes: Eyes, data: grounding.Pictures) -> tuple[float, float]:
    """The share of objects' places whose class is read right, and of plain objects with a named colour whose surest
    colour, over all their places, is one that they may be called by."""
    classes, colors = [], []
    eyes.eval()
    for start in range(0, len(data.scenes), 50):
        part = slice(start, start + 50)
        scenes, masks = data.scenes[part], np.asarray(data.masks[part])
        labels = labels_of(scenes, masks)
        read, named, _ = eyes.read(eyes(pixel_values(np.asarray(data.pictures[part]))))
        classes.append((read.argmax(1) == labels.classes)[labels.covered])
        for i, scene in enumerate(scenes):
            for obj, mask in zip(scene.objects, masks[i]):
                places = torch.from_numpy(covered_places(mask))
                called = [bool(grounding.is_called(obj, name)) for name in world.COLORS]
                if obj.pattern == "plain" and any(called) and places.any():
                    colors.append(called[int(named[i][:, places].mean(1).argmax())])
    eyes.train()
    return float(torch.cat(classes).float().mean()), float(np.mean(colors))


def train_eyes(
    eyes: Eyes, data: grounding.Pictures, test: grounding.Pictures, steps: int, batch: int, seed: int, *, keep: bool
) -> None:
    """Trains the eyes in place.

    keep: whether a detector's words and boxes have already learned from what they show.
    """
    before = copy.deepcopy(eyes).eval().requires_grad_(False) if keep else None
    optimizer = torch.optim.AdamW(eyes.parameters(), lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    seen: list[float] = []
    for step in range(steps):
        rng = random.Random(seed * 1_000_003 + step)
        which = sample_indices(data, batch, rng)
        pictures, masks = grounding.mirrored(data.pictures[which], data.masks[which], rng)
        shown = pixel_values(grounding.roughen(pictures, np.random.default_rng(rng.getrandbits(32))))
        labels = labels_of([data.scenes[i] for i in which], masks)
        loss = eyes_loss(eyes, eyes(shown), labels, None if before is None else before(shown))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        seen.append(loss.item())
        if (step + 1) % 200 == 0 or step + 1 == steps:
            classes, colors = told_right(eyes, test)
            loss_mean = np.mean(seen[-200:])
            print(f"eyes {step + 1}  loss {loss_mean:.3f}  classes {classes:.1%}  colours {colors:.1%}", flush=True)
