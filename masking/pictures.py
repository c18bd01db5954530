"""Pictures as the two kinds of networks read them. Resizing is Pillow's, on 8-bit levels, as the original programs do
it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..pictures.eight_bits import from_pil, to_pil
from ..support.errors import InputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# a side is never reduced to less than 1/4 of the wanted one: too few feature positions for the detector's queries
# otherwise
NARROWEST = 4


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes a network's input: what a Hugging Face folder's preprocessor_config.json says.

    short, long: its sides are brought to `short` unless the longer one would pass `long`. short None: the longer side
        becomes `long`.
    """

    short: int | None
    long: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that a picture is resized to."""
        if self.short is None:
            scale = self.long / max(height, width)
            return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))
        low, high = min(height, width), max(height, width)
        short = self.short if high / low * self.short <= self.long else round(self.long * low / high)
        long = int(short * high / low)
        if short < self.short // NARROWEST:  # stretched a little: boxes are relative to the sides
            short, long = max(1, self.short // NARROWEST), self.long
        return (short, long) if height <= width else (long, short)

    def __call__(self, picture: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """picture: (H, W, C) in [0, 1]. Returns (1, 3, h, w), normalised, float32, on the CPU."""
        height, width = size or self.size(*picture.shape[:2])
        image = to_pil(picture)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return ((from_pil(image) - torch.tensor(self.mean)) / torch.tensor(self.std)).permute(2, 0, 1)[None]


DETECTOR = Preparation(800, 1333)
SEGMENTER = Preparation(None, 1024)


def preparation_from(config: Mapping[str, Any], default: Preparation, name: str) -> Preparation:
    """Reads a preprocessor_config.json. `size` is an int, {"shortest_edge", "longest_edge"}, {"longest_edge"} or
    {"height", "width"}.

    Raises: InputError when it cannot be understood.
    """
    try:
        size = config.get("size", None)
        short, long = default.short, default.long
        if isinstance(size, int):
            short, long = (size, int(config.get("max_size", default.long))) if default.short else (None, size)
        elif size and "shortest_edge" in size:
            short, long = (
                int(size["shortest_edge"]),
                int(size.get("longest_edge") or config.get("max_size", default.long)),
            )
        elif size and "longest_edge" in size:
            short, long = None, int(size["longest_edge"])
        elif size:
            short, long = min(int(size["height"]), int(size["width"])), max(int(size["height"]), int(size["width"]))
        mean, std = (
            tuple(float(v) for v in config.get(key, value))
            for key, value in (("image_mean", default.mean), ("image_std", default.std))
        )
        if (
            len(mean) != 3
            or len(std) != 3
            or min(std) <= 0
            or long < 1
            or (short is not None and not 1 <= short <= long)
        ):
            raise ValueError("impossible numbers")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{name}: preprocessor_config.json cannot be understood ({error}): download it again."
        ) from error
    if not config.get("do_normalize", True):
        mean, std = (0.0,) * 3, (1.0,) * 3
    return Preparation(short, long, mean, std)
