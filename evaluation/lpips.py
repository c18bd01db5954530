"""LPIPS: how different two pictures look, by the features of a network that has learned to classify.

Source: Zhang et al. 2018, arXiv:1801.03924, eq. 1; version 0.1 of its weights, with the learned weighing of channels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .networks import InFloat32

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of pictures in [-1, 1], as its authors wrote down ImageNet's mean and spread."""
TINY = 1e-10
SMALLEST = 64
"""Pixels of a side: the weights were learned on patches of this size, and both networks need about half of it."""


@dataclass(frozen=True)
class Backbone:
    """torchvision's layers of one network's `features`.

    layers: one letter each: C a convolution, R a ReLU, M a pooling. taps: the layers whose output is compared.
    strides, paddings: of the convolutions, in order; the last counts for all that follow. pool: side of a pooling.
    """

    name: str
    layers: str
    taps: tuple[int, ...]
    strides: tuple[int, ...]
    paddings: tuple[int, ...]
    pool: int

    def build(self, weights: Mapping[str, Tensor]) -> nn.ModuleList:
        """Raises: KeyError when a convolution's weights are not there."""
        layers, convolutions = nn.ModuleList(), 0
        for index, kind in enumerate(self.layers):
            if kind == "C":
                stride, padding = (
                    values[min(convolutions, len(values) - 1)] for values in (self.strides, self.paddings)
                )
                weight, bias = weights[f"features.{index}.weight"], weights[f"features.{index}.bias"]
                layers.append(_convolution(weight, bias, stride, padding))
                convolutions += 1
            else:
                layers.append(nn.ReLU() if kind == "R" else nn.MaxPool2d(self.pool, 2))
        return layers


VGG = Backbone("VGG16", "CRCRMCRCRMCRCRCRMCRCRCRMCRCRCR", (3, 8, 15, 22, 29), (1,), (1,), 2)
ALEX = Backbone("AlexNet", "CRMCRMCRCRCR", (1, 4, 7, 9, 11), (4, 1), (2, 2, 1), 3)
FILES = {VGG.name: "vgg", ALEX.name: "alex"}
"""The names by which the lpips package calls its weights."""


def backbone_of(weights: Mapping[str, Tensor]) -> Backbone | None:
    """Which network's weights they are, by torchvision's names; None for another."""
    first = weights.get("features.0.weight")
    if first is None or first.dim() != 4:
        return None
    if first.shape[-1] == 11 and "features.10.weight" in weights:
        return ALEX
    return VGG if first.shape[-1] == 3 and "features.28.weight" in weights else None


def renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a saved `lpips.LPIPS`, by torchvision's names; others stay as they are."""
    return {re.sub(r"^net\.slice\d\.", "features.", name): weight for name, weight in weights.items()}


def heads_of(weights: Mapping[str, Tensor]) -> list[Tensor]:
    """The weights of channels, a layer each, (1, channels, 1, 1); empty where there are none."""
    return [weights[f"lin{i}.model.1.weight"] for i in range(5) if f"lin{i}.model.1.weight" in weights]


class Lpips(InFloat32):
    """Distances between pictures, 0 for the same. name: of the network that compares."""

    def __init__(self, backbone: Backbone, weights: Mapping[str, Tensor], heads: list[Tensor]) -> None:
        """weights: of the backbone, by torchvision's names. heads: as `heads_of` gives them.

        Raises: KeyError when some weights are not there; ValueError when they do not fit one another.
        """
        self.name, self._taps = backbone.name, backbone.taps
        self._layers = backbone.build(weights)
        # a tap is the ReLU after a convolution
        widths = [len(weights[f"features.{tap - 1}.bias"]) for tap in backbone.taps]
        if [head.shape[1] for head in heads] != widths:
            raise ValueError(f"heads of {[head.shape[1] for head in heads]} channels for layers of {widths}")
        self._heads = nn.ParameterList(nn.Parameter(head.clone().float(), requires_grad=False) for head in heads)
        self.net = nn.ModuleDict({"layers": self._layers, "heads": self._heads}).eval()

    @torch.no_grad()
    def features(self, picture: Tensor) -> list[Tensor]:
        """picture: (H, W, 3) in [0, 1]. Returns a layer each (channels, h, w), every place of length 1, on the CPU."""
        x = picture[..., :3].float().clamp(0, 1).permute(2, 0, 1)[None].to(self.device()) * 2 - 1
        x = (x - x.new_tensor(SHIFT)[:, None, None]) / x.new_tensor(SCALE)[:, None, None]
        return [(tap / (tap.norm(dim=1, keepdim=True) + TINY))[0].cpu() for tap in self._tapped(x)]

    def distance(self, one: list[Tensor], other: list[Tensor]) -> float:
        """Of two pictures of one size by their features: the sum over layers of the mean over places of
        sum_c head_c · (one_c - other_c)²."""
        layers = zip(one, other, self._heads, strict=True)
        return float(sum((head.cpu()[0] * (a - b).square()).sum(0).mean() for a, b, head in layers))

    def _tapped(self, x: Tensor) -> Iterator[Tensor]:
        for index, layer in enumerate(self._layers):
            x = layer(x)
            if index in self._taps:
                yield x


def of_one_size(picture: Tensor, height: int, width: int) -> Tensor:
    """(H, W, C) float32, resized where its size is another."""
    if picture.shape[:2] == (height, width):
        return picture
    resized = F.interpolate(picture.movedim(-1, 0)[None], (height, width), mode="bicubic", antialias=True)
    return resized[0].movedim(0, -1).clamp(0, 1)


def _convolution(weight: Tensor, bias: Tensor, stride: int, padding: int) -> nn.Conv2d:
    # "meta": no first weights are drawn, which would move everybody's random numbers
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1], stride, padding, device="meta")
    layer.weight = nn.Parameter(weight.clone().float(), requires_grad=False)
    layer.bias = nn.Parameter(bias.clone().float(), requires_grad=False)
    return layer
