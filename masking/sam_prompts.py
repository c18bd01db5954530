"""Things to cut out as SAM's prompt encoder reads them: coordinates in its square, and logits of a rough mask."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .interfaces import Embedding, Thing

AT_ONCE = 16  # things decoded together
MASK_CELLS = 4  # of the mask that SAM reads, along each cell of its encoding
NEARLY = 1e-3  # how sure a rough mask is: logits of ±6.9, about those of SAM's own answers


@dataclass(frozen=True)
class SamPrompts:
    """N things that are described alike. boxes: (N, 4); points: (N, P, 2) with labels (N, P), 1 on the thing and 0 off
    it; all in the square's pixels. masks: (N, 1, h, w) logits over the square, None for none."""

    boxes: Tensor | None = None
    points: Tensor | None = None
    labels: Tensor | None = None
    masks: Tensor | None = None

    @property
    def ambiguous(self) -> bool:
        """Whether a thing is a single click, which may mean a part or the whole: then the best of SAM's three answers
        is taken, as its authors advise."""
        return self.boxes is None and self.masks is None and self.points is not None and self.points.shape[1] == 1

    def to(self, device: torch.device) -> SamPrompts:
        parts = (self.boxes, self.points, self.labels, self.masks)
        return SamPrompts(*(None if part is None else part.to(device) for part in parts))


def alike(things: list[Thing]) -> list[list[int]]:
    """The numbers of the things that can be decoded together: described by as many points, and at most AT_ONCE. One
    with a rough mask is decoded alone."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, thing in enumerate(things):
        alone = i if thing.mask is not None else None
        groups.setdefault((thing.box is None, len(thing.points), alone), []).append(i)
    return [list(part) for group in groups.values() for part in _batched(group)]


def _batched(group: list[int]) -> list[list[int]]:
    return [group[i : i + AT_ONCE] for i in range(0, len(group), AT_ONCE)]


def in_square(things: list[Thing], embedding: Embedding, side: int) -> SamPrompts:
    """things: described alike. side: the square's, in pixels."""
    (height, width), (tall, wide) = embedding.size, embedding.resized
    scale = torch.tensor([wide / width, tall / height])
    boxes = [thing.box for thing in things if thing.box is not None]
    points = torch.tensor([[point[:2] for point in thing.points] for thing in things], dtype=torch.float32)
    labels = torch.tensor([[int(point[2]) for point in thing.points] for thing in things])
    masks = [_mask_logits(thing.mask, embedding, side) for thing in things if thing.mask is not None]
    return SamPrompts(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4) * scale.repeat(2) if boxes else None,
        points * scale if labels.numel() else None,
        labels if labels.numel() else None,
        torch.cat(masks) if masks else None,
    )


def _mask_logits(mask: Tensor, embedding: Embedding, side: int) -> Tensor:
    """A rough mask on the decoder's own grid, (1, 1, h, w); what is beside the picture is not the thing."""
    tall, wide = embedding.resized
    filled = F.interpolate(mask[None, None].float(), (tall, wide), mode="bilinear", antialias=True)
    square = F.pad(filled, (0, side - wide, 0, side - tall))
    grid = [cells * MASK_CELLS for cells in embedding.features.shape[-2:]]
    return F.interpolate(square, grid, mode="bilinear", antialias=True).clamp(NEARLY, 1 - NEARLY).logit()


def best_of(masks: Tensor, scores: Tensor) -> Tensor:
    """The answer that SAM thinks best of each thing. masks: (N, M, h, w). scores: (N, M). Returns (N, 1, h, w)."""
    return masks[torch.arange(len(masks), device=masks.device), scores.argmax(1)][:, None]
