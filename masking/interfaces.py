"""What a detector and a segmenter are. Pictures are (H, W, C) in [0, 1] with one to four channels; boxes are x0, y0,
x1, y1 in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from .detection_prompt import DetectionPrompt

BROKEN_MODEL = (
    "its file is damaged, or fp16 overflows; download it again, choose another, or start ComfyUI with --force-fp32"
)
Box = tuple[float, float, float, float]
Point = tuple[float, float, bool]  # x, y in pixels, and whether it is of the thing (True) or not


@dataclass(frozen=True)
class Detection:
    """One thing found in a picture.

    box: in pixels, inside the picture. score: in [0, 1]. phrase: which of the prompt's phrases it is. label: the words
    of that phrase that passed the text threshold.
    """

    box: Box
    score: float
    phrase: str
    label: str


@dataclass(frozen=True)
class Thing:
    """One thing to cut out, as a segmenter is told of it: by a box, by points, or by both.

    mask: (H, W) in [0, 1], at the picture's size: roughly where the thing is.
    """

    box: Box | None = None
    points: tuple[Point, ...] = ()
    mask: Tensor | None = None


@dataclass(frozen=True)
class Embedding:
    """A picture as a segmenter sees it: all that the masks of any things need, so that a new prompt encodes nothing.

    features: (1, C, h, w), float32, on the CPU. size: the picture's (H, W). resized: the part of the network's square
        that the picture fills. finer: what else some networks keep of it, as `features`.
    """

    features: Tensor
    size: tuple[int, int]
    resized: tuple[int, int]
    finer: tuple[Tensor, ...] = ()

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self.features, *self.finer))


class MaskingModel(Protocol):
    """What detectors and segmenters share, for whoever loads, places and frees them.

    net: all weights, in float32 on the CPU when the model is made; dropping the model frees them.
    """

    net: nn.Module

    def use_half(self, half: torch.dtype | None) -> None:
        """Lets what stands it compute in this type, float16 or bfloat16; None: everything in float32."""
        ...


class Detector(MaskingModel, Protocol):
    """Finds what a prompt names. usual_threshold: a box_threshold at which it does; scores of one network are not those
    of another."""

    usual_threshold: float

    def detect(
        self, picture: Tensor, prompt: DetectionPrompt, box_threshold: float, text_threshold: float
    ) -> list[Detection]:
        """Everything with a score above box_threshold, of each phrase the best first."""
        ...

    def best_score(self) -> float:
        """The highest score of the last `detect`, even if it was below the threshold."""
        ...


class Segmenter(MaskingModel, Protocol):
    """Cuts out what boxes and points show."""

    def encode(self, picture: Tensor) -> Embedding:
        """The slow half, once a picture."""
        ...

    def masks(self, embedding: Embedding, things: list[Thing]) -> Tensor:
        """The quick half: (N, H, W) logits at the picture's size, on the CPU; above 0 is the thing."""
        ...
