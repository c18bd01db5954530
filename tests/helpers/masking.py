"""What tests of masks share: a pickle that runs code, random pictures, settings and a find."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from single_image_studio.masking.interfaces import Detection

HEART = Detection((8.0, 8.0, 40.0, 40.0), 0.9, "heart", "heart")


class Trap:
    """A pickle of it makes a file when it is opened by a reader that runs code."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return pathlib.Path.touch, (self.path,)


def settings(**changes: Any) -> Any:
    """MaskSettings for the small random-weight models."""
    from single_image_studio.pipelines.mask_from_prompt import MaskSettings

    models = {"detector": "small_dino", "segmenter": "small_sam"}
    return MaskSettings(**{"prompt": "heart", "box_threshold": 0.0, "text_threshold": 0.0} | models | changes)


def pictures(count: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 48, 64, 3, generator=torch.Generator().manual_seed(seed))
