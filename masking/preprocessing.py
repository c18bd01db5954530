"""Pictures as the networks read them. Resizing is Pillow's, on 8-bit levels, as the original programs do it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..pictures.eight_bits import from_pil, to_pil
from ..support.errors import InputError
from .weights import read_json

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# A side is never reduced to less than 1/4 of the usual one: a detector would have fewer feature positions than queries.
NARROWEST = 4


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a network's input: what a Hugging Face folder's preprocessor_config.json says.

    short, long: the shorter side is brought to `short`, unless the longer one would pass `long`. short None: the longer
        side becomes `long`. square: both sides become `long`, whatever the picture's are.
    """

    short: int | None
    long: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    square: bool = False

    def __post_init__(self) -> None:
        three_channels = len(self.mean) == len(self.std) == 3 and min(self.std) > 0
        if not three_channels or self.long < 1 or (self.short is not None and not 1 <= self.short <= self.long):
            raise ValueError("impossible numbers")

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that a picture is resized to."""
        if self.square:
            return self.long, self.long
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


def folder_preprocessing(folder: pathlib.Path | None, default: Preprocessing) -> Preprocessing:
    """What a folder's preprocessor_config.json says; the default where there is none.

    Raises: InputError when it cannot be understood.
    """
    if folder is None or not (folder / "preprocessor_config.json").is_file():
        return default
    return parse_preprocessing(read_json(folder / "preprocessor_config.json"), default, folder.name)


def parse_preprocessing(config: Mapping[str, Any], default: Preprocessing, name: str) -> Preprocessing:
    """config: a preprocessor_config.json's content. name: of its folder, for messages.

    Raises: InputError when it cannot be understood.
    """
    try:
        mean, std = (
            tuple(float(value) for value in config.get(key, usual))
            for key, usual in (("image_mean", default.mean), ("image_std", default.std))
        )
        preprocessing = Preprocessing(*_sides(config, default), mean, std, default.square)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{name}: preprocessor_config.json cannot be understood ({error}): download it again."
        ) from error
    if config.get("do_normalize", True):
        return preprocessing
    return replace(preprocessing, mean=(0.0,) * 3, std=(1.0,) * 3)


def _sides(config: Mapping[str, Any], default: Preprocessing) -> tuple[int | None, int]:
    """(short, long). `size` is an int, {"shortest_edge", "longest_edge"}, {"longest_edge"} or {"height", "width"}."""
    size = config.get("size")
    longest = config.get("max_size", default.long)
    if isinstance(size, int):
        return (size, int(longest)) if default.short else (None, size)
    if not size:
        return default.short, default.long
    if "shortest_edge" in size:
        return int(size["shortest_edge"]), int(size.get("longest_edge") or longest)
    if "longest_edge" in size:
        return None, int(size["longest_edge"])
    sides = int(size["height"]), int(size["width"])
    return min(sides), max(sides)
