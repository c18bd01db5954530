"""Scenes of the world by chance, with captions that tell part of them; and concepts, which no words tell."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .world import CLASSES, COLORS, PATTERN_ANGLES, PATTERNS, PLACES, RGB, SIZE, SIZES, Object, Scene, distance


@dataclass(frozen=True)
class Backdrop:
    """A background. told: its name where the caption tells it. others: named colours that an object may have on it."""

    color: RGB
    told: str | None
    others: tuple[str, ...]

    def words(self) -> str | None:
        return f"on a {self.told} background" if self.told else None


@dataclass(frozen=True)
class Wishes:
    """What an object shall be like. None: colour and pattern by chance, size and place near the middle.

    seat: 0 for the left of two objects, 1 for the right.
    """

    color: str | None = None
    pattern: str | None = None
    size: str | None = None
    place: str | None = None
    tilted: bool = False
    seat: int | None = None


def near_color(name: str, rng: random.Random, spread: int = 10) -> RGB:
    """A colour at random that a named one's name still fits."""
    red, green, blue = (int(min(255, max(0, c + rng.uniform(-spread, spread)))) for c in COLORS[name])
    return red, green, blue


def free_color(rng: random.Random, *unlike: RGB, apart: float = 150.0) -> RGB:
    """A colour at random that is told apart from those given."""
    while True:
        color: RGB = (rng.randint(8, 250), rng.randint(8, 250), rng.randint(8, 250))
        if all(distance(color, other) > apart for other in unlike):
            return color


def sample_object(rng: random.Random, background: RGB, cls: str, wishes: Wishes, play: float = 1.0) -> Object:
    """An object as wished. play: how far what is not wished strays from the middle, 0 to 1."""

    def about(middle: float, spread: float) -> float:
        return middle + play * rng.uniform(-spread, spread)

    pattern = wishes.pattern or rng.choice(PATTERNS)
    if wishes.seat is not None:
        x, y, radius = about(37 if wishes.seat == 0 else 91, 3), about(64, 6), about(24, 2)
    else:
        radius = {"small": about(19, 2), "large": about(45, 3), None: about(32, 4)}[wishes.size]
        x, y = about(64, 6), about(64, 6)
        edge = radius * 1.1 + about(5.5, 2.5)
        if wishes.place == "left":
            x = edge
        elif wishes.place == "right":
            x = SIZE - edge
        elif wishes.place == "top":
            y = edge
        elif wishes.place == "bottom":
            y = SIZE - edge
    lean = about(0.62, 0.12) * rng.choice((-1, 1)) if wishes.tilted else about(0, 0.15)
    first = near_color(wishes.color, rng) if wishes.color else free_color(rng, background)
    second = free_color(rng, background, first)
    return Object(cls, x, y, radius, lean, pattern, first, second, rng.choice(PATTERN_ANGLES))


def words(*parts: str | None) -> str:
    """A caption of those parts that there are."""
    return " ".join(part for part in parts if part)


def sample_scene(rng: random.Random, simple: bool = False) -> Scene:
    """A scene with a caption that tells some of it; `told` holds what the caption promises, for the oracle.

    What is not told lies near the middle: an object without a place is near the centre, one without a size is of
    middling size. A simple scene hides nothing: its colours are all told, and nothing plays around its middle. (A model
    that is to learn what "star" means learns it there first, where nothing else explains the picture.)
    """
    backdrop = _sample_backdrop(rng, simple)
    article = "a" if rng.random() < 0.6 else None
    if rng.random() < 0.24:
        return _sample_pair(rng, backdrop, article, simple)
    return _sample_single(rng, backdrop, article, simple)


def _sample_backdrop(rng: random.Random, simple: bool) -> Backdrop:
    name = rng.choice(list(COLORS))
    color = near_color(name, rng)
    if simple or rng.random() < 0.82:
        return Backdrop(color, name, tuple(other for other in COLORS if other != name))
    color = free_color(rng)
    return Backdrop(color, None, tuple(other for other in COLORS if distance(COLORS[other], color) > 150))


def _told_color(rng: random.Random, backdrop: Backdrop, simple: bool) -> str | None:
    return rng.choice(backdrop.others) if rng.random() < (1.0 if simple else 0.5) else None


def _sample_pair(rng: random.Random, backdrop: Backdrop, article: str | None, simple: bool) -> Scene:
    classes = tuple(rng.choice(CLASSES) for _ in range(2))
    colors = tuple(_told_color(rng, backdrop, simple) for _ in range(2))
    objects = []
    for seat, (cls, color) in enumerate(zip(classes, colors)):
        wishes = Wishes(color=color, pattern="plain" if color else None, seat=seat)
        objects.append(sample_object(rng, backdrop.color, cls, wishes, 0.0 if simple else 1.0))
    caption = words(article, colors[0], classes[0], "and", "a", colors[1], classes[1], backdrop.words())
    told: dict[str, object] = {"background": backdrop.told, "classes": classes, "colors": colors}
    return Scene(backdrop.color, tuple(objects), caption, told)


def _sample_single(rng: random.Random, backdrop: Backdrop, article: str | None, simple: bool) -> Scene:
    cls = rng.choice(CLASSES)
    color = _told_color(rng, backdrop, simple)
    pattern: str | None
    if color:
        pattern = "plain" if simple or rng.random() < 0.4 else rng.choice(PATTERNS)
    else:
        pattern = rng.choice(PATTERNS[1:]) if rng.random() < 0.3 else None
    size = rng.choice(SIZES) if rng.random() < 0.25 else None
    place = rng.choice(PLACES) if rng.random() < 0.35 and size != "large" else None
    tilted = cls != "circle" and rng.random() < 0.2
    wishes = Wishes(color, pattern, size, place, tilted)
    obj = sample_object(rng, backdrop.color, cls, wishes, 0.0 if simple else 1.0)
    bare = not (color or pattern or size or place or tilted)
    caption = words(
        None if bare and not backdrop.told else article,
        size,
        "tilted" if tilted else None,
        pattern if pattern != "plain" else None,
        color,
        cls,
        f"at the {place}" if place else None,
        backdrop.words(),
    )
    told: dict[str, object] = {"background": backdrop.told, "classes": (cls,), "colors": (color,)}
    told |= {"pattern": pattern, "size": size, "place": place, "tilted": tilted}
    return Scene(backdrop.color, (obj,), caption, told)


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
