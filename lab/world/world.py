"""The demo world: captioned 128-px pictures of one or two shapes whose every fact is known.

A caption tells only part of its picture (the colours of an object are often left out), so a class word such as
"heart" is a prior over many appearances, as "face" is for Stable Diffusion. What words cannot tell, an object's own
two colours and pattern, is what a concept is made of.

`painting` draws the pictures; `random_scenes` and `named_scenes` make scenes by chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

SIZE = 128

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (33, 92, 214),
    "yellow": (245, 205, 40),
    "purple": (130, 50, 180),
    "orange": (240, 130, 30),
    "pink": (245, 130, 180),
    "cyan": (50, 200, 220),
    "white": (245, 245, 245),
    "black": (25, 25, 25),
}
CLASSES = ("circle", "square", "triangle", "star", "heart", "cross")
PATTERNS = ("plain", "split", "striped", "spotted")
PLACES = ("left", "right", "top", "bottom")
SIZES = ("small", "large")
PATTERN_ANGLES = (0.0, math.pi / 2)

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Object:
    """One shape. Centre and radius are in pixels of the 128-px picture, angles in radians."""

    cls: str
    x: float
    y: float
    radius: float
    rotation: float
    pattern: str
    color: RGB
    second: RGB
    pattern_angle: float


@dataclass(frozen=True)
class Scene:
    """A picture's whole truth, and the caption that tells part of it."""

    background: RGB
    objects: tuple[Object, ...]
    caption: str
    told: dict[str, object] = field(default_factory=dict, compare=False)


def distance(a: RGB | np.ndarray, b: RGB | np.ndarray) -> np.ndarray:
    """Distance of two sRGB colours (0…255), by the eye's rough weights (the "redmean" metric, 0…765)."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    red = (a[..., 0] + b[..., 0]) / 2
    d = (a - b) ** 2
    return np.sqrt((2 + red / 256) * d[..., 0] + 4 * d[..., 1] + (2 + (255 - red) / 256) * d[..., 2])


def repaint(scene: Scene, **changes: object) -> Scene:
    """The same scene with its first object changed: the ground truth of an edit."""
    return replace(scene, objects=(replace(scene.objects[0], **changes), *scene.objects[1:]))  # type: ignore[arg-type]
