"""Pictures as OWLv2 and OWL-ViT read them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..pictures.eight_bits import from_pil, to_pil

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class SquarePictures:
    """How a picture becomes the network's square.

    side: of the square, in pixels. padded: it is filled up with black at the right and the bottom, as OWLv2 has it;
        otherwise it is stretched, as OWL-ViT has it.
    """

    side: int
    padded: bool
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD

    def __call__(self, picture: Tensor) -> Tensor:
        """picture: (H, W, C) in [0, 1]. Returns (1, 3, side, side), normalised, float32, on the CPU."""
        image = to_pil(picture)
        if self.padded:
            channels = [_in_square(channel, self.side) for channel in from_pil(image).unbind(-1)]
            pixels = torch.stack(channels, -1)
        else:
            pixels = from_pil(image.resize((self.side, self.side), Image.Resampling.BICUBIC))
        return ((pixels - torch.tensor(self.mean)) / torch.tensor(self.std)).permute(2, 0, 1)[None]

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that relative boxes are parts of, for a picture of this size."""
        return (max(height, width),) * 2 if self.padded else (height, width)


def _in_square(channel: Tensor, side: int) -> Tensor:
    """(H, W), filled up to a square, to (side, side). One channel at a time: pictures of 8k need 0.2 GB each.

    Source: transformers 4.57's Owlv2ImageProcessorFast. Its black is transformers 5's; before, it was grey, which the
    original program never had and which costs accuracy (huggingface/transformers, pull request 41938).
    """
    height, width = channel.shape
    whole = max(height, width)
    square = F.pad(channel, (0, whole - width, 0, whole - height))
    return resized_rows(resized_rows(square, side).T, side).T


def resized_rows(rows: Tensor, length: int) -> Tensor:
    """(N, L) to (N, length) by linear interpolation; where it becomes shorter, after a Gaussian of sigma
    (L / length - 1) / 2 that is cut off at 3 sigma."""
    signal, factor = rows[:, None], rows.shape[1] / length
    if factor > 1:
        sigma = (factor - 1) / 2
        radius = math.ceil(3 * sigma)
        kernel = (-((torch.arange(-radius, radius + 1) / sigma) ** 2) / 2).softmax(0)
        signal = F.conv1d(F.pad(signal, (radius, radius), mode="reflect"), kernel[None, None])
    return F.interpolate(signal, length, mode="linear", align_corners=False)[:, 0]
