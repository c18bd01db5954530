"""Pictures as the measuring networks read them. Resizing is Pillow's, on 8-bit levels, as the original programs do
it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from ..pictures.eight_bits import from_pil, to_pil

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class SquareInput:
    """How a picture becomes a network's square input: its shorter side is brought to `short`, bicubic, and the middle
    of `side` by `side` pixels is taken."""

    side: int
    short: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, picture: Tensor) -> Tensor:
        """picture: (H, W, C) in [0, 1]. Returns (1, 3, side, side), normalised, float32, on the CPU."""
        image = to_pil(picture)
        shorter = min(image.size)
        width, height = (self.short * length // shorter for length in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = round((width - self.side) / 2), round((height - self.side) / 2)
        middle = from_pil(image.crop((left, top, left + self.side, top + self.side)))
        return ((middle - torch.tensor(self.mean)) / torch.tensor(self.std)).permute(2, 0, 1)[None]


def clip_input(side: int) -> SquareInput:
    """As Radford et al.'s program reads pictures."""
    return SquareInput(side, side, CLIP_MEAN, CLIP_STD)


def dino_input(side: int) -> SquareInput:
    """As Caron et al.'s program reads pictures: 256 pixels for a middle of 224."""
    return SquareInput(side, round(side * 256 / 224), IMAGENET_MEAN, IMAGENET_STD)
