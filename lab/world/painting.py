"""Paints scenes of the world, and knows where their objects and their second colours lie."""

from __future__ import annotations

import functools
import math

import numpy as np
from PIL import Image, ImageDraw

from .world import CLASSES, SIZE, Object, Scene

SUPERSAMPLING = 2


def _regular(points: int, radius: float, rotation: float, inner: float | None = None) -> list[tuple[float, float]]:
    count = points * 2 if inner else points
    corners = []
    for i in range(count):
        r = radius * (inner if inner and i % 2 else 1.0)
        angle = rotation + 2 * math.pi * i / count - math.pi / 2
        corners.append((r * math.cos(angle), r * math.sin(angle)))
    return corners


def outline(cls: str, radius: float, rotation: float) -> list[list[tuple[float, float]]]:
    """The polygons that make up a class's shape around the origin; y grows downwards."""
    cos, sin = math.cos(rotation), math.sin(rotation)

    def turned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * cos - y * sin, x * sin + y * cos) for x, y in points]

    if cls == "circle":
        return [_regular(64, radius, 0.0)]
    if cls == "square":
        return [_regular(4, radius * 1.2, rotation + math.pi / 4)]
    if cls == "triangle":
        return [_regular(3, radius * 1.2, rotation)]
    if cls == "star":
        return [_regular(5, radius * 1.25, rotation, 0.42)]
    if cls == "cross":
        w = radius * 0.36
        bars = [
            [(-w, -radius), (w, -radius), (w, radius), (-w, radius)],
            [(-radius, -w), (radius, -w), (radius, w), (-radius, w)],
        ]
        return [turned(bar) for bar in bars]
    if cls == "heart":
        curve = []
        for i in range(72):
            t = 2 * math.pi * i / 72
            across = math.sin(t) ** 3
            up = (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16
            curve.append((1.05 * radius * across, -1.05 * radius * up))
        return [turned(curve)]
    raise ValueError(f"unknown class {cls!r}; expected one of {', '.join(CLASSES)}")


def shape_mask(
    cls: str, x: float, y: float, radius: float, rotation: float, size: int = SIZE, scale: int = SUPERSAMPLING
) -> np.ndarray:
    """The shape's coverage at `scale` times the picture's resolution: (size·scale, size·scale) float32 in {0, 1}."""
    canvas = Image.new("L", (size * scale, size * scale), 0)
    draw = ImageDraw.Draw(canvas)
    for polygon in outline(cls, radius, rotation):
        draw.polygon([((x + dx) * scale, (y + dy) * scale) for dx, dy in polygon], fill=1)
    return np.asarray(canvas, np.float32)


def second_color_share(obj: Object) -> np.ndarray:
    """Where the object's pattern shows its second colour, over the whole supersampled picture."""
    axis = (np.arange(SIZE * SUPERSAMPLING, dtype=np.float32) + 0.5) / SUPERSAMPLING
    dx, dy = axis[None, :] - obj.x, axis[:, None] - obj.y
    along = dx * math.cos(obj.pattern_angle) + dy * math.sin(obj.pattern_angle)
    if obj.pattern == "split":
        return (along > 0).astype(np.float32)
    if obj.pattern == "striped":
        width = max(11.0, obj.radius * 0.5)
        return (np.floor(along / width + 0.5) % 2).astype(np.float32)
    if obj.pattern == "spotted":
        return (dx * dx + dy * dy < (obj.radius * 0.5) ** 2).astype(np.float32)
    return np.zeros((SIZE * SUPERSAMPLING,) * 2, np.float32)


def _shrink(picture: np.ndarray) -> np.ndarray:
    quarters = (picture[y::SUPERSAMPLING, x::SUPERSAMPLING] for y in range(SUPERSAMPLING) for x in range(SUPERSAMPLING))
    return functools.reduce(np.add, quarters) / SUPERSAMPLING**2


def _bounds(mask: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that hold all of a mask; empty for one that lies outside the picture."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return slice(0), slice(0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def render(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Paints a scene.

    Returns the picture, (128, 128, 3) uint8, and the objects' masks, (objects, 128, 128) float32 in [0, 1].
    """
    side = SIZE * SUPERSAMPLING
    picture = np.empty((side, side, 3), np.float32)
    picture[:] = scene.background
    masks = []
    for obj in scene.objects:
        mask = shape_mask(obj.cls, obj.x, obj.y, obj.radius, obj.rotation)
        where = _bounds(mask)
        inside, second = mask[where] > 0, second_color_share(obj)[where] > 0
        picture[where][inside & ~second] = obj.color
        picture[where][inside & second] = obj.second
        masks.append(_shrink(mask))
    return _shrink(picture).round().clip(0, 255).astype(np.uint8), np.stack(masks)
