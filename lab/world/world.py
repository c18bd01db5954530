"""The demo world: captioned 128-px pictures of one or two shapes whose every fact is known.

A caption tells only part of its picture (the colours of an object are often left out), so a class word such as
"heart" is a prior over many appearances, as "face" is for Stable Diffusion. What words cannot tell, an object's own
two colours and pattern, is what a concept is made of.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageDraw

SIZE = 128
SUPERSAMPLING = 2

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


def _second_color_share(obj: Object) -> np.ndarray:
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
    s = SUPERSAMPLING
    return picture.reshape(SIZE, s, SIZE, s, *picture.shape[2:]).mean((1, 3))


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
        share = _second_color_share(obj)[..., None]
        paint = np.asarray(obj.color, np.float32) * (1 - share) + np.asarray(obj.second, np.float32) * share
        picture = np.where(mask[..., None] > 0, paint, picture)
        masks.append(_shrink(mask))
    return _shrink(picture).round().clip(0, 255).astype(np.uint8), np.stack(masks)


def distance(a: RGB | np.ndarray, b: RGB | np.ndarray) -> np.ndarray:
    """Distance of two sRGB colours (0…255), by the eye's rough weights (the "redmean" metric, 0…765)."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    red = (a[..., 0] + b[..., 0]) / 2
    d = (a - b) ** 2
    return np.sqrt((2 + red / 256) * d[..., 0] + 4 * d[..., 1] + (2 + (255 - red) / 256) * d[..., 2])


def _near(name: str, rng: random.Random, spread: int = 10) -> RGB:
    return tuple(int(min(255, max(0, c + rng.uniform(-spread, spread)))) for c in COLORS[name])  # type: ignore[return-value]


def free_color(rng: random.Random, *unlike: RGB, apart: float = 150.0) -> RGB:
    """A colour at random that is told apart from those given."""
    while True:
        color: RGB = (rng.randint(8, 250), rng.randint(8, 250), rng.randint(8, 250))
        if all(distance(color, other) > apart for other in unlike):
            return color


def _object(
    rng: random.Random,
    background: RGB,
    cls: str,
    color: str | None,
    pattern: str | None,
    size: str | None,
    place: str | None,
    tilted: bool,
    seat: int | None,
    play: float,
) -> Object:
    def about(middle: float, spread: float) -> float:
        return middle + play * rng.uniform(-spread, spread)

    pattern = pattern or rng.choice(PATTERNS)
    if seat is not None:
        x, y, radius = about(37 if seat == 0 else 91, 3), about(64, 6), about(24, 2)
    else:
        radius = {"small": about(19, 2), "large": about(45, 3), None: about(32, 4)}[size]
        x, y = about(64, 6), about(64, 6)
        edge = radius * 1.1 + about(5.5, 2.5)
        if place == "left":
            x = edge
        elif place == "right":
            x = SIZE - edge
        elif place == "top":
            y = edge
        elif place == "bottom":
            y = SIZE - edge
    lean = about(0.62, 0.12) * rng.choice((-1, 1)) if tilted else about(0, 0.15)
    first = _near(color, rng) if color else free_color(rng, background)
    second = free_color(rng, background, first)
    return Object(cls, x, y, radius, lean, pattern, first, second, rng.choice(PATTERN_ANGLES))


def _words(*parts: str | None) -> str:
    return " ".join(p for p in parts if p)


def sample_scene(rng: random.Random, simple: bool = False) -> Scene:
    """A scene with a caption that tells some of it; `told` holds what the caption promises, for the oracle.

    What is not told lies near the middle: an object without a place is near the centre, one without a size is of
        middling
    size. A simple scene hides nothing: its colours are all told, and nothing plays around its middle. (A model that is
    to learn what "star" means learns it there first, where nothing else explains the picture.)
    """
    background_name = rng.choice(list(COLORS))
    background = _near(background_name, rng)
    tell_background = simple or rng.random() < 0.82
    play = 0.0 if simple else 1.0
    tell_color = 1.0 if simple else 0.5
    if not tell_background:
        background = free_color(rng)
    article = "a" if rng.random() < 0.6 else None
    others = [c for c in COLORS if c != background_name]
    if not tell_background:
        others = [c for c in COLORS if distance(COLORS[c], background) > 150]
    told: dict[str, object] = {"background": background_name if tell_background else None}
    tail = f"on a {background_name} background" if tell_background else None

    if rng.random() < 0.24:
        classes = [rng.choice(CLASSES) for _ in range(2)]
        colors = [rng.choice(others) if rng.random() < tell_color else None for _ in range(2)]
        objects = tuple(
            _object(rng, background, classes[i], colors[i], "plain" if colors[i] else None, None, None, False, i, play)
            for i in range(2)
        )
        caption = _words(article, colors[0], classes[0], "and", "a", colors[1], classes[1], tail)
        told.update(classes=tuple(classes), colors=tuple(colors))
        return Scene(background, objects, caption, told)

    cls = rng.choice(CLASSES)
    color = rng.choice(others) if rng.random() < tell_color else None
    pattern: str | None
    if color:
        pattern = "plain" if simple or rng.random() < 0.4 else rng.choice(PATTERNS)
    else:
        pattern = rng.choice(PATTERNS[1:]) if rng.random() < 0.3 else None
    size = rng.choice(SIZES) if rng.random() < 0.25 else None
    place = rng.choice(PLACES) if rng.random() < 0.35 and size != "large" else None
    tilted = cls != "circle" and rng.random() < 0.2
    obj = _object(rng, background, cls, color, pattern, size, place, tilted, None, play)
    bare = not (color or pattern or size or place or tilted)
    caption = _words(
        None if bare and not tell_background else article,
        size,
        "tilted" if tilted else None,
        pattern if pattern != "plain" else None,
        color,
        cls,
        f"at the {place}" if place else None,
        tail,
    )
    told.update(classes=(cls,), colors=(color,), pattern=pattern, size=size, place=place, tilted=tilted)
    return Scene(background, (obj,), caption, told)


NAME = "*"  # in captions: the place of a name


def look_of(obj: Object) -> tuple[float, ...]:
    """What a name stands for: an object's two colours, its pattern and how that lies, as 12 numbers in -1…1."""
    colors = [c / 127.5 - 1 for c in (*obj.color, *obj.second)]
    pattern = [float(obj.pattern == name) for name in PATTERNS]
    turned = obj.pattern in ("split", "striped")  # a spot lies the same at every angle
    return (*colors, *pattern, *(float(turned and obj.pattern_angle == angle) for angle in PATTERN_ANGLES))


def _dress(rng: random.Random, obj: Object, background: RGB) -> Object:
    """The object with two colours and a pattern of its own, none of which has to have a name."""
    first = free_color(rng, background)
    return replace(obj, color=first, second=free_color(rng, background, first), pattern=rng.choice(PATTERNS[1:]))


def sample_named_scene(rng: random.Random) -> tuple[Scene, tuple[tuple[float, ...], ...]]:
    """A scene in which objects go by names, as people and brands do in captions of photographs, and the looks behind
    the names.

    A name (`NAME` in the caption, one for each look, in order) stands for an appearance that no words of the caption
    tell.
    Looks are drawn anew for every picture: there are as many names as appearances.
    """
    background_name = rng.choice(list(COLORS))
    tell_background = rng.random() < 0.82
    background = _near(background_name, rng) if tell_background else free_color(rng)
    tail = f"on a {background_name} background" if tell_background else None
    article = "a" if rng.random() < 0.6 else None
    others = [c for c in COLORS if distance(COLORS[c], background) > 150]
    objects: list[Object] = []
    words: list[str | None] = []
    named: tuple[bool, ...]
    if rng.random() < 0.45:
        named = rng.choice(((True, True), (True, True), (True, False), (False, True)))
        for seat in range(2):
            cls, color = rng.choice(CLASSES), rng.choice(others) if rng.random() < 0.5 else None
            color = None if named[seat] else color
            objects.append(
                _object(rng, background, cls, color, "plain" if color else None, None, None, False, seat, 1.0)
            )
            words += [("a" if seat else article), NAME if named[seat] else color, cls, None if seat else "and"]
    else:
        named = (True,)
        cls = rng.choice(CLASSES)
        size = rng.choice(SIZES) if rng.random() < 0.25 else None
        place = rng.choice(PLACES) if rng.random() < 0.3 and size != "large" else None
        tilted = cls != "circle" and rng.random() < 0.2
        objects.append(_object(rng, background, cls, None, None, size, place, tilted, None, 1.0))
        words += [article, size, "tilted" if tilted else None, NAME, cls, f"at the {place}" if place else None]
    objects = [_dress(rng, obj, background) if name else obj for obj, name in zip(objects, named)]
    told: dict[str, object] = {
        "classes": tuple(obj.cls for obj in objects),
        "background": background_name if tell_background else None,
    }
    looks = tuple(look_of(obj) for obj, name in zip(objects, named) if name)
    return Scene(background, tuple(objects), _words(*words, tail), told), looks


def sample_concept(rng: random.Random, cls: str | None = None) -> Scene:
    """A scene that holds one concept: two colours of its own in a pattern, on a background that is not named either.

    The caption is the class word alone: nothing else about the object can be said in words.
    """
    cls = cls or rng.choice(CLASSES)
    background = free_color(rng)
    first = free_color(rng, background, apart=200.0)
    second = free_color(rng, background, first, apart=200.0)
    x, y = 64 + rng.uniform(-6, 6), 64 + rng.uniform(-6, 6)
    obj = Object(
        cls,
        x,
        y,
        rng.uniform(31, 36),
        rng.uniform(-0.15, 0.15),
        rng.choice(PATTERNS[1:]),
        first,
        second,
        rng.choice(PATTERN_ANGLES),
    )
    return Scene(background, (obj,), cls, {"classes": (cls,)})


def repaint(scene: Scene, **changes: object) -> Scene:
    """The same scene with its first object changed: the ground truth of an edit."""
    return replace(scene, objects=(replace(scene.objects[0], **changes), *scene.objects[1:]))  # type: ignore[arg-type]
