"""What a detector and a segmenter are. Pictures are (H, W, C) in [0, 1] with one to four channels; boxes are x0, y0,
x1, y1 in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from .prompt import Prompt

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detection:
    """One thing found in a picture.

    box: in pixels, inside the picture. score: in [0, 1]. phrase: which of the prompt's phrases it is; label: the words
    of it that passed the text threshold, as GroundingDINO names things.
    """

    box: Box
    score: float
    phrase: str
    label: str


@dataclass(frozen=True)
class Embedding:
    """A picture as a segmenter sees it: all that masks of any box need, so that a new prompt encodes nothing anew.

    features: (1, C, h, w), float32, on the CPU. size: the picture's (H, W). resized: what of the network's square the
        picture fills.
    """

    features: Tensor
    size: tuple[int, int]
    resized: tuple[int, int]


class Detector(Protocol):
    """Finds what a prompt names. `net` holds the weights, for whoever places them on a device."""

    net: nn.Module

    def detect(self, picture: Tensor, prompt: Prompt, box_threshold: float, text_threshold: float) -> list[Detection]:
        """Everything with a score above box_threshold, best first."""
        ...

    def best_score(self) -> float:
        """The highest score of the last `detect`, also when it was below the threshold."""
        ...


class Segmenter(Protocol):
    """Cuts out what is in a box. `net` holds the weights."""

    net: nn.Module

    def encode(self, picture: Tensor) -> Embedding:
        """The slow half, once a picture."""
        ...

    def masks(self, embedding: Embedding, boxes: list[Box]) -> Tensor:
        """The quick half: (N, H, W) logits at the picture's size; above 0 is the thing."""
        ...
