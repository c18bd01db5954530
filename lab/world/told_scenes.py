"""Scenes whose captions tell more: an object's two colours and its pattern, alone or beside others, and names beside
words.

They stand beside `random_scenes` and `named_scenes`, whose draws stay what they were.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, replace
from typing import TypeVar

from .named_scenes import NAME, Look, dress, look_of
from .random_scenes import Backdrop, Wishes, free_color, near_color, sample_object, sample_scene, words
from .world import CLASSES, COLORS, PATTERNS, PLACES, SIZES, Object, Scene, distance

T = TypeVar("T")
FULL, NAMED, COLORED, PATTERNED, BARE = "full", "named", "colored", "patterned", "bare"  # how an object is called
RESERVED_SEED = 77_000_000_007  # the captions that measurements draw from it are kept out of training
RESERVED_PAIR_SEED, RESERVED_SINGLE_SEED = 78_000_000_013, 79_000_000_021
RESERVED = 2000  # captions of each of the three


@dataclass(frozen=True)
class Called:
    """An object and its words. told: pattern, colour and second colour, None for what the words leave open."""

    obj: Object
    words: str
    told: tuple[str | None, str | None, str | None]
    look: Look | None = None


@dataclass(frozen=True)
class Kinds:
    """How objects are called, with weights: alone, and two or three in one picture."""

    alone: dict[str, float]
    groups: dict[tuple[str, ...], float]
    alone_share: float


# what training draws from: told in full, and names
TOLD = Kinds(
    {FULL: 0.4, PATTERNED: 0.35, COLORED: 0.15, BARE: 0.1},
    {(FULL, FULL): 0.7, (FULL, COLORED): 0.12, (FULL, BARE): 0.06, (FULL, PATTERNED): 0.12},
    0.5,
)
NAMES = Kinds({NAMED: 1.0}, {(NAMED, NAMED): 0.45, (NAMED, COLORED): 0.25, (NAMED, FULL): 0.2, (NAMED, BARE): 0.1}, 0.5)
TRIPLES = Kinds(
    {BARE: 1.0},
    {
        (NAMED, NAMED, NAMED): 0.35,
        (NAMED, NAMED, COLORED): 0.1,
        (NAMED, COLORED, BARE): 0.1,
        (FULL, FULL, FULL): 0.15,
        (FULL, COLORED, BARE): 0.1,
        (COLORED, COLORED, COLORED): 0.1,
        (BARE, BARE, BARE): 0.1,
    },
    0.0,
)
# what measurements ask for
FULL_PAIRS = Kinds({FULL: 1.0}, {(FULL, FULL): 1.0}, 0.0)
FULL_SINGLES = Kinds({FULL: 1.0}, {(FULL, FULL): 1.0}, 1.0)


def sample_told_scene(rng: random.Random, kinds: Kinds) -> tuple[Scene, tuple[Look, ...]]:
    """A scene whose objects are called as `kinds` has it, and the looks behind its names, in order.

    "a striped red and blue heart and a spotted green and yellow star on a pink background": the first colour is the
    object's own, the second its stripes', its spot's or its other half's.
    """
    backdrop = _sample_backdrop(rng)
    article = "a" if rng.random() < 0.6 else None
    if rng.random() < kinds.alone_share:
        return _scene_of_one(rng, backdrop, article, _choose(rng, kinds.alone))
    chosen = _choose(rng, kinds.groups)
    group = list(chosen)
    rng.shuffle(group)
    called = [_call(rng, backdrop, kind, Wishes(seat=seat)) for seat, kind in enumerate(group)]
    if len(called) == 3:
        called = [replace(one, obj=_third(rng, one.obj, seat)) for seat, one in enumerate(called)]
        called = [replace(one, look=one.look and look_of(one.obj)) for one in called]
    phrases = " and a ".join(one.words for one in called)
    return _scene(backdrop, called, words(article, phrases, backdrop.words()), {})


def _third(rng: random.Random, obj: Object, seat: int) -> Object:
    """The object as one of three in a row: smaller, in a third of the picture."""
    return replace(
        obj, x=(22, 64, 106)[seat] + rng.uniform(-2, 2), y=64 + rng.uniform(-6, 6), radius=15.5 + rng.uniform(-1.2, 1.2)
    )


def _choose(rng: random.Random, weights: dict[T, float]) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]


def _sample_backdrop(rng: random.Random) -> Backdrop:
    name = rng.choice(list(COLORS))
    told = rng.random() < 0.85
    color = near_color(name, rng) if told else free_color(rng)
    others = tuple(other for other in COLORS if distance(COLORS[other], color) > 150 and other != name)
    return Backdrop(color, name if told else None, others)


def _scene_of_one(
    rng: random.Random, backdrop: Backdrop, article: str | None, kind: str
) -> tuple[Scene, tuple[Look, ...]]:
    size = rng.choice(SIZES) if rng.random() < 0.25 else None
    place = rng.choice(PLACES) if rng.random() < 0.3 and size != "large" else None
    tilted = rng.random() < 0.3
    called = _call(rng, backdrop, kind, Wishes(size=size, place=place, tilted=tilted))
    if called.obj.cls == "circle":  # a circle has no upright: what it is told of leaning is nothing
        tilted = False
    caption = words(
        article,
        size,
        "tilted" if tilted else None,
        called.words,
        f"at the {place}" if place else None,
        backdrop.words(),
    )
    return _scene(backdrop, [called], caption, {"size": size, "place": place, "tilted": tilted})


def _call(rng: random.Random, backdrop: Backdrop, kind: str, wishes: Wishes) -> Called:
    cls = rng.choice(CLASSES)
    color = rng.choice(backdrop.others) if kind in (FULL, COLORED) or kind == PATTERNED and rng.random() < 0.6 else None
    pattern = "plain" if kind == COLORED else rng.choice(PATTERNS[1:]) if kind in (FULL, PATTERNED) else None
    obj = sample_object(rng, backdrop.color, cls, replace(wishes, color=color, pattern=pattern))
    if kind == NAMED:
        obj = dress(rng, obj, backdrop.color)
        return Called(obj, f"{NAME} {cls}", (None, None, None), look_of(obj))
    second = None
    if kind == FULL:
        second = rng.choice([name for name in backdrop.others if name != color])
        obj = replace(obj, second=near_color(second, rng))
    colors = f"{color} and {second}" if second else color
    return Called(obj, words(pattern if pattern != "plain" else None, colors, cls), (pattern, color, second))


def _scene(
    backdrop: Backdrop, called: list[Called], caption: str, details: dict[str, object]
) -> tuple[Scene, tuple[Look, ...]]:
    patterns, colors, seconds = (tuple(part) for part in zip(*(one.told for one in called)))
    told: dict[str, object] = {"background": backdrop.told, "classes": tuple(one.obj.cls for one in called)}
    told |= {"colors": colors, "seconds": seconds, "patterns": patterns, **details}
    looks = tuple(one.look for one in called if one.look is not None)
    return Scene(backdrop.color, tuple(one.obj for one in called), caption, told), looks


@functools.cache
def reserved_captions() -> frozenset[str]:
    """What measurements may ask for: training leaves these captions out."""
    rng = random.Random(RESERVED_SEED)
    kept = {sample_scene(rng).caption for _ in range(RESERVED)}
    for seed, kinds in ((RESERVED_PAIR_SEED, FULL_PAIRS), (RESERVED_SINGLE_SEED, FULL_SINGLES)):
        rng = random.Random(seed)
        kept |= {sample_told_scene(rng, kinds)[0].caption for _ in range(RESERVED)}
    return frozenset(kept)
