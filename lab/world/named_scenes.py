"""Scenes whose objects go by names, as people and brands do in captions of photographs."""

from __future__ import annotations

import random
from dataclasses import replace

from .random_scenes import Backdrop, Wishes, free_color, near_color, sample_object, words
from .world import CLASSES, COLORS, PATTERN_ANGLES, PATTERNS, PLACES, RGB, SIZES, Object, Scene, distance

NAME = "*"  # in captions: the place of a name
Look = tuple[float, ...]  # twelve numbers


def look_of(obj: Object) -> Look:
    """What a name stands for: an object's two colours, its pattern and how that lies, as 12 numbers in -1…1."""
    colors = [c / 127.5 - 1 for c in (*obj.color, *obj.second)]
    pattern = [float(obj.pattern == name) for name in PATTERNS]
    turned = obj.pattern in ("split", "striped")  # a spot lies the same at every angle
    return (*colors, *pattern, *(float(turned and obj.pattern_angle == angle) for angle in PATTERN_ANGLES))


def dress(rng: random.Random, obj: Object, background: RGB) -> Object:
    """The object with two colours and a pattern of its own, none of which has to have a name."""
    first = free_color(rng, background)
    return replace(obj, color=first, second=free_color(rng, background, first), pattern=rng.choice(PATTERNS[1:]))


def sample_named_scene(rng: random.Random) -> tuple[Scene, tuple[Look, ...]]:
    """A scene in which objects go by names, and the looks behind the names.

    A name (`NAME` in the caption, one for each look, in order) stands for an appearance that no words of the caption
    tell. Looks are drawn anew for every picture: there are as many names as appearances.
    """
    backdrop = _sample_backdrop(rng)
    article = "a" if rng.random() < 0.6 else None
    if rng.random() < 0.45:
        objects, named, caption = _sample_pair(rng, backdrop, article)
    else:
        objects, named, caption = _sample_single(rng, backdrop, article)
    objects = [dress(rng, obj, backdrop.color) if name else obj for obj, name in zip(objects, named)]
    told: dict[str, object] = {"classes": tuple(obj.cls for obj in objects), "background": backdrop.told}
    looks = tuple(look_of(obj) for obj, name in zip(objects, named) if name)
    return Scene(backdrop.color, tuple(objects), words(*caption, backdrop.words()), told), looks


def _sample_backdrop(rng: random.Random) -> Backdrop:
    name = rng.choice(list(COLORS))
    told = rng.random() < 0.82
    color = near_color(name, rng) if told else free_color(rng)
    others = tuple(other for other in COLORS if distance(COLORS[other], color) > 150)
    return Backdrop(color, name if told else None, others)


Part = tuple[list[Object], tuple[bool, ...], list[str | None]]  # objects, which of them have names, and the words


def _sample_pair(rng: random.Random, backdrop: Backdrop, article: str | None) -> Part:
    named = rng.choice(((True, True), (True, True), (True, False), (False, True)))
    objects: list[Object] = []
    caption: list[str | None] = []
    for seat in range(2):
        cls, color = rng.choice(CLASSES), rng.choice(backdrop.others) if rng.random() < 0.5 else None
        color = None if named[seat] else color
        wishes = Wishes(color=color, pattern="plain" if color else None, seat=seat)
        objects.append(sample_object(rng, backdrop.color, cls, wishes))
        caption += ["a" if seat else article, NAME if named[seat] else color, cls, None if seat else "and"]
    return objects, named, caption


def _sample_single(rng: random.Random, backdrop: Backdrop, article: str | None) -> Part:
    cls = rng.choice(CLASSES)
    size = rng.choice(SIZES) if rng.random() < 0.25 else None
    place = rng.choice(PLACES) if rng.random() < 0.3 and size != "large" else None
    tilted = cls != "circle" and rng.random() < 0.2
    obj = sample_object(rng, backdrop.color, cls, Wishes(size=size, place=place, tilted=tilted))
    caption = [article, size, "tilted" if tilted else None, NAME, cls, f"at the {place}" if place else None]
    return [obj], (True,), caption
