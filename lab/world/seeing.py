"""Sees what is in a picture of the demo world by colour and geometry alone: nothing learned, nothing random.

`lab.world.oracle` compares what is seen here with what was asked for.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from . import painting, world

FOREIGN = 70.0  # an object's pixels are this far from the background (`world.distance`); the world keeps them 150 apart
SAME = 45.0  # pixels of one painted colour are nearer to each other than this, a small VAE's noise included
BORDER = 3  # pixels
GRID = 40  # templates are GRID x GRID samples of a window WINDOW·√area wide
WINDOW = 1.95
ROTATION_STEP = math.radians(6)
ASPECTS = (1.0, 0.85, 1 / 0.85)
# equal looks in a full turn; 0: all
SYMMETRY = {"circle": 0, "square": 4, "triangle": 3, "star": 5, "heart": 1, "cross": 4}


@dataclass(frozen=True)
class Seen:
    """One object as seen. Centre and radius as in `world.Object`, pixels; `score` is the IoU with its class's
    outline."""

    cls: str
    score: float
    x: float
    y: float
    radius: float
    rotation: float
    mask: np.ndarray  # (128, 128) bool
    colors: tuple[tuple[world.RGB, float], ...]  # one or two main colours with their shares, largest first


def _mode(pixels: np.ndarray) -> np.ndarray:
    """The most common colour of (N, 3) pixels: the median of the fullest neighbourhood."""
    sample = pixels[:: max(1, len(pixels) // 250)].astype(np.float32)
    near = world.distance(sample[:, None], sample[None]) < SAME
    return np.median(sample[near[near.sum(1).argmax()]], axis=0)


def background_color(picture: np.ndarray) -> tuple[world.RGB, float]:
    """The background's colour and the share of the picture's border that shows it.

    picture: (128, 128, 3) uint8.
    """
    ring = np.ones(picture.shape[:2], bool)
    ring[BORDER:-BORDER, BORDER:-BORDER] = False
    pixels = picture[ring]
    color = _mode(pixels)
    return _rgb(color), float((world.distance(pixels, color) < FOREIGN).mean())


def _rgb(color: np.ndarray) -> world.RGB:
    return tuple(int(round(float(c))) for c in color)  # type: ignore[return-value]


def name_of(color: world.RGB) -> str:
    """The named colour of the world that is nearest."""
    names = list(world.COLORS)
    return names[int(world.distance(np.array(list(world.COLORS.values())), np.array(color)).argmin())]


def foreground(picture: np.ndarray, background: world.RGB) -> np.ndarray:
    """(128, 128) bool: pixels unlike the background, without specks and hair cracks.

    Between two colours of one object a soft edge can pass through the background's colour; closing heals that.
    """
    unlike = world.distance(picture, np.asarray(background)) > FOREIGN
    healed = ndimage.binary_closing(np.pad(unlike, 4), iterations=1)[4:-4, 4:-4] | unlike
    return ndimage.binary_opening(healed, iterations=1)


def _components(mask: np.ndarray, smallest: float = 0.2) -> list[np.ndarray]:
    """Connected parts, largest first. Crumbs next to the largest part join it, the others are dropped."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    order = [int(i) for i in np.argsort(-areas, kind="stable") if areas[i] >= 40]
    if not order:
        return []
    main = labels == order[0] + 1
    reach = ndimage.binary_dilation(main, iterations=5)
    parts = []
    for i in order[1:]:
        part = labels == i + 1
        if areas[i] >= smallest * areas[order[0]]:
            parts.append(part)
        elif (part & reach).any():
            main |= part
    return [main, *parts]


@functools.cache
def _templates() -> tuple[np.ndarray, np.ndarray, tuple[tuple[str, float, float, float, float], ...]]:
    """Every class's outline over rotations and aspects, with the area and the centroid normalised.

    Returns (T, GRID·GRID) float32 in {0, 1}, their areas (T,), and for each (class, rotation, radius/√area, and the
    way from the centroid to the centre, x and y, in radii).
    """
    rows, facts = [], []
    for cls, symmetry in SYMMETRY.items():
        turn = 2 * math.pi / symmetry if symmetry else 0.0
        for rotation in np.arange(-turn / 2, turn / 2, ROTATION_STEP) if symmetry else (0.0,):
            mask = painting.shape_mask(cls, 64, 64, 40, float(rotation), scale=1)
            y, x = ndimage.center_of_mass(mask)
            reach = 40 / math.sqrt(mask.sum())
            for aspect in ASPECTS:
                rows.append(_normalised(mask, aspect).ravel())
                facts.append((cls, float(rotation), reach, (64 - x) / 40, (64 - y) / 40))
    matrix = np.stack(rows).astype(np.float32)
    return matrix, matrix.sum(1), tuple(facts)


def _normalised(mask: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """(GRID, GRID) float32 in {0, 1}: the mask around its centroid, scaled to a fixed area."""
    cy, cx = ndimage.center_of_mass(mask)
    steps = ((np.arange(GRID) + 0.5) / GRID - 0.5) * WINDOW * math.sqrt(mask.sum())
    y, x = np.meshgrid(cy + steps * math.sqrt(aspect), cx + steps / math.sqrt(aspect), indexing="ij")
    return (ndimage.map_coordinates(mask.astype(np.float32), (y, x), order=1) > 0.5).astype(np.float32)


def fit_shape(mask: np.ndarray) -> tuple[str, float, float, float, float, float]:
    """The class whose outline agrees best with a mask.

    mask: (H, W) bool, not empty. Returns class, IoU, centre x and y, radius (pixels), rotation (radians).
    """
    matrix, areas, facts = _templates()
    seen = _normalised(mask).ravel()
    both = matrix @ seen
    iou = both / (areas + seen.sum() - both)
    best = int(iou.argmax())
    cls, rotation, reach, dx, dy = facts[best]
    cy, cx = ndimage.center_of_mass(mask)
    radius = reach * math.sqrt(mask.sum())
    return cls, float(iou[best]), cx + dx * radius, cy + dy * radius, radius, rotation


def inner(mask: np.ndarray, depth: int = 2) -> np.ndarray:
    """The mask without its soft edge, as far as enough of it remains."""
    for iterations in range(depth, 0, -1):
        core = ndimage.binary_erosion(mask, iterations=iterations)
        if core.sum() >= max(30, 0.25 * mask.sum()):
            return core
    return mask


def main_colors(picture: np.ndarray, mask: np.ndarray) -> tuple[tuple[world.RGB, float], ...]:
    """The one or two colours an object is painted in, with their shares of its inside, largest first."""
    core = inner(mask)
    span = ndimage.maximum_filter(picture, (3, 3, 1)).astype(int) - ndimage.minimum_filter(picture, (3, 3, 1))
    flat = core & (span.max(-1) < SAME)  # soft edges between two colours hold neither
    pixels = picture[flat] if flat.sum() >= 30 else picture[core]
    first = _mode(pixels)
    rest = pixels[world.distance(pixels, first) > FOREIGN]
    if len(rest) < 0.06 * len(pixels) or len(rest) < 8:
        return ((_rgb(first), 1.0),)
    second = _mode(rest)
    inside = picture[core]
    share = float((world.distance(inside, first) <= world.distance(inside, second)).mean())
    pair = ((_rgb(first), share), (_rgb(second), 1 - share))
    return pair if share >= 0.5 else pair[::-1]


def _seen(picture: np.ndarray, mask: np.ndarray) -> Seen:
    return Seen(*fit_shape(mask), mask=mask, colors=main_colors(picture, mask))


def _halves(mask: np.ndarray) -> list[np.ndarray]:
    """A mask of two objects that touch, cut at its thinnest column near the middle."""
    columns = mask.sum(0)
    middle = int(round(ndimage.center_of_mass(mask)[1]))
    low, high = max(1, middle - 14), min(len(columns) - 1, middle + 14)
    pull = 0.1 * np.abs(np.arange(low, high) - middle)
    cut = low + int((columns[low:high] + pull).argmin())
    left, right = mask.copy(), mask.copy()
    left[:, cut:] = False
    right[:, :cut] = False
    return [part for part in (left, right) if part.sum() >= 40]


def objects(picture: np.ndarray, expected: int = 1) -> list[Seen]:
    """What stands before the background, largest first.

    picture: (128, 128, 3) uint8. When several objects are expected and fewer are seen, the largest is cut in two if
    the halves are better shapes than the whole.
    """
    seen = [_seen(picture, part) for part in _components(foreground(picture, background_color(picture)[0]))]
    while seen and len(seen) < expected:
        halves = [_seen(picture, part) for part in _halves(seen[0].mask)]
        if len(halves) != 2 or sum(half.score for half in halves) / 2 <= seen[0].score:
            break
        seen = sorted([*halves, *seen[1:]], key=lambda one: -int(one.mask.sum()))
    return seen
