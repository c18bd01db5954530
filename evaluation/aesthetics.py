"""LAION's aesthetic score: how much people are likely to like a picture, from about 1 to 10.

Source: Schuhmann 2022, improved-aesthetic-predictor: linear layers, with nothing but dropout between them, on the
vector of length 1 that CLIP ViT-L/14 has for a picture. Its first version is a single linear layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .networks import InFloat32


class Aesthetics(InFloat32):
    """width: of the CLIP vectors that it reads."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.net = nn.Sequential(*(_linear(weights, name) for name in _layers(weights))).eval()
        self.width = int(self.net[0].in_features)  # type: ignore[arg-type]

    @torch.no_grad()
    def score(self, clip_vector: Tensor) -> float:
        """clip_vector: (width,), of length 1."""
        return float(self.net(clip_vector.float().to(self.device())[None]))


def width_of(weights: Mapping[str, Tensor]) -> int | None:
    """Of the vectors that such weights read; None where they are no chain of layers that ends in one number."""
    names = _layers(weights)
    sizes = [tuple(weights[name].shape) for name in names]
    fit = all(len(size) == 2 for size in sizes) and all(a[0] == b[1] for a, b in zip(sizes, sizes[1:]))
    return sizes[0][1] if names and fit and sizes[-1][0] == 1 else None


def _layers(weights: Mapping[str, Tensor]) -> list[str]:
    """The names of the layers' weights, in order."""
    if "weight" in weights:
        return ["weight"]
    names = [name for name in weights if re.fullmatch(r"layers\.\d+\.weight", name)]
    return sorted(names, key=lambda name: int(name.split(".")[1]))


def _linear(weights: Mapping[str, Tensor], name: str) -> nn.Linear:
    weight, bias = weights[name], weights[name.removesuffix("weight") + "bias"]
    # "meta": no first weights are drawn, which would move everybody's random numbers
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight = nn.Parameter(weight.clone().float(), requires_grad=False)
    layer.bias = nn.Parameter(bias.clone().float(), requires_grad=False)
    return layer
