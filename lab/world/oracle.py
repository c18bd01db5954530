"""Judges pictures of the demo world against facts, exactly as the world knows them and without any learned model.

`judge` checks what a caption tells; `concept_match` looks for a concept's own two colours and pattern;
`pair_match` and `group_match` for several in one picture. `lab.world.seeing` finds the objects.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import painting, seeing, world
from .seeing import Seen

SHAPE_SCORE = 0.7  # an IoU below this is no shape of the world (true ones score 0.84 and more, also when blurred)
COVERED = 0.4  # share of the picture's border that the background's colour must have
NEAR = 90.0  # `world.distance` within which a colour counts as a concept's; its colours are 200 and more apart
LEAST_SHARE, BOTH_SHARES = 0.15, 0.60  # of the object's inside: each of a concept's colours, and the two together
AGREES = 0.45  # correlation with a pattern's layout below which the layout is none of the world's
LEANS = 0.33  # radians; the world's upright shapes lean at most 0.15, its tilted ones at least 0.5


@dataclass(frozen=True)
class Verdict:
    """Whether each told fact holds; None where the caption tells nothing. One entry an object in `classes`, `colors`,
    `seconds` and `patterns`; the last two are empty where the caption is of a kind that never tells them."""

    background: bool | None
    count: bool
    classes: tuple[bool, ...]
    colors: tuple[bool | None, ...]
    place: bool | None = None
    size: bool | None = None
    pattern: bool | None = None
    tilted: bool | None = None
    seconds: tuple[bool | None, ...] = ()
    patterns: tuple[bool | None, ...] = ()


@dataclass(frozen=True)
class ConceptScore:
    """How much of a concept an object shows.

    first, second: shares of the object's inside in the concept's two colours. layout: correlation of their places with
    the concept's own pattern, seen at the found centre, radius and rotation, -1…1. mean_color: the object's mean colour
    is the concept's, whatever lies where. score: 0…1, 1 for the concept itself.
    """

    first: float = 0.0
    second: float = 0.0
    both_colors: bool = False
    pattern: bool = False
    layout: float = 0.0
    score: float = 0.0
    mean_color: bool = False

    @property
    def found(self) -> bool:
        return self.both_colors and self.pattern


def background_is(picture: np.ndarray, name: str) -> bool:
    """Whether the background's nearest named colour is `name`. picture: (128, 128, 3) uint8."""
    color, share = seeing.background_color(picture)
    return share >= COVERED and seeing.name_of(color) == name


def background_near(picture: np.ndarray, color: world.RGB) -> bool:
    """Whether the background has a given colour that need not have a name: does a source's background seep in?"""
    seen, share = seeing.background_color(picture)
    return share >= COVERED and float(world.distance(seen, color)) < NEAR


def place_of(seen: Seen) -> str | None:
    """Where the world would say that an object is, or None for near the middle.

    `random_scenes.sample_object` puts the centre of a placed object at most 1.1·radius + 8 from its border, and of
    others at least 64 - max(4, 0.4·(60 - radius)); the threshold lies half-way. Large objects fill the picture and have
    no place.
    """
    if size_of(seen) == "large":
        return None
    play = max(4.0, 0.4 * (60 - seen.radius))
    limit = ((1.1 * seen.radius + 8) + (world.SIZE / 2 - play)) / 2
    depth = {"left": seen.x, "right": world.SIZE - seen.x, "top": seen.y, "bottom": world.SIZE - seen.y}
    nearest = min(depth, key=depth.__getitem__)
    return nearest if depth[nearest] < limit else None


def size_of(seen: Seen) -> str | None:
    """ "small", "large" or None: half-way between the radii in `random_scenes.sample_object`."""
    return "small" if seen.radius < 24 else "large" if seen.radius > 40 else None


def is_tilted(seen: Seen) -> bool:
    """Whether a clear shape leans more than the world's upright ones do; a blob has no upright."""
    return seen.cls != "circle" and seen.score >= SHAPE_SCORE and abs(seen.rotation) > LEANS


def has_color(seen: Seen, name: str) -> bool:
    """Whether one of the object's main colours has this name; a patterned object is called by one of its two."""
    return any(seeing.name_of(color) == name for color, _ in seen.colors)


def _second_color(obj: world.Object) -> np.ndarray:
    """Where an object shows its second colour: (128, 128) in {0, 1}. One sample a pixel is enough inside an object."""
    return painting.second_color_share(obj)[:: painting.SUPERSAMPLING, :: painting.SUPERSAMPLING]


def _paint_layouts(seen: Seen) -> dict[str, list[np.ndarray]]:
    """Where each of the world's patterns would put its second colour in an object seen: (128, 128) in {0, 1}.

    Stripes are tried shifted too: a drawn object's centre is known to a pixel or two, a stripe is 11 wide.
    """
    layouts: dict[str, list[np.ndarray]] = {"split": [], "striped": [], "spotted": []}
    base = world.Object(seen.cls, seen.x, seen.y, seen.radius, seen.rotation, "split", (0, 0, 0), (255, 255, 255), 0.0)

    def layout(**changes: object) -> np.ndarray:
        return _second_color(replace(base, **changes))  # type: ignore[arg-type]

    for angle in world.PATTERN_ANGLES:
        layouts["split"].append(layout(pattern_angle=angle))
        for shift in (-4.0, 0.0, 4.0):
            x, y = seen.x + shift * math.cos(angle), seen.y + shift * math.sin(angle)
            layouts["striped"].append(layout(pattern="striped", pattern_angle=angle, x=x, y=y))
    for radius in (0.8, 1.0, 1.25):
        layouts["spotted"].append(layout(pattern="spotted", radius=seen.radius * radius))
    return layouts


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 1e-6 else 0.0


def pattern_of(
    picture: np.ndarray, seen: Seen, first: world.RGB, second: world.RGB, ordered: bool = False
) -> str | None:
    """The pattern in which an object shows two colours; None when it is none of the world's.

    ordered: the spot of a spotted object must show `second`. (Halves and stripes are the same when swapped.)
    """
    core = seeing.inner(seen.mask)
    pixels = picture[core]
    shows_second = (world.distance(pixels, second) < world.distance(pixels, first)).astype(np.float32)
    if min(shows_second.mean(), 1 - shows_second.mean()) < 0.06:
        return "plain"
    best, kind = AGREES, None
    for name, layouts in _paint_layouts(seen).items():
        for layout in layouts:
            agreement = _correlation(shows_second, layout[core])
            agreement = agreement if ordered and name == "spotted" else abs(agreement)
            if agreement > best:
                best, kind = agreement, name
    return kind


def _own_pattern(picture: np.ndarray, seen: Seen) -> str | None:
    if len(seen.colors) == 1:
        return "plain"
    return pattern_of(picture, seen, seen.colors[0][0], seen.colors[1][0])


def _judge_objects(picture: np.ndarray, seen: list[Seen], told: Mapping[str, object]) -> Verdict:
    """Each told object's class, colours and pattern, seen objects taken in the order given; missing ones are wrong."""
    classes: tuple[str, ...] = told["classes"]  # type: ignore[assignment]
    padded = [*seen, *[None] * len(classes)][: len(classes)]

    def each(fact: str, holds: Callable[[Seen, str], bool]) -> tuple[bool | None, ...]:
        wanted: tuple[str | None, ...] = told.get(fact) or ()  # type: ignore[assignment]
        return tuple(None if w is None else one is not None and holds(one, w) for one, w in zip(padded, wanted))

    return Verdict(
        None,
        False,
        tuple(one is not None and one.score >= SHAPE_SCORE and one.cls == cls for one, cls in zip(padded, classes)),
        each("colors", has_color) or (None,) * len(classes),
        seconds=each("seconds", has_color),
        patterns=each("patterns", lambda one, pattern: _own_pattern(picture, one) == pattern),
    )


def _rights(verdict: Verdict) -> int:
    facts = (*verdict.classes, *verdict.colors, *verdict.seconds, *verdict.patterns)
    return sum(fact is True for fact in facts)


def judge(picture: np.ndarray, told: Mapping[str, object]) -> Verdict:
    """Checks a picture against what its caption tells.

    picture: (128, 128, 3) uint8. told: as in `world.Scene.told`. Several objects may stand in any order; of one object
    the largest that is seen counts, and `count` says whether there were more. An object's two told colours may lie
    either way round in its pattern: the words don't say which is which.
    """
    classes: tuple[str, ...] = told["classes"]  # type: ignore[assignment]
    name = told.get("background")
    seen = seeing.objects(picture, len(classes))
    orders = itertools.permutations(seen[: len(classes)])
    verdict = replace(
        max((_judge_objects(picture, list(order), told) for order in orders), key=_rights),
        background=background_is(picture, str(name)) if name else None,
        count=len(seen) == len(classes),
    )
    return _judge_details(verdict, picture, seen, told) if len(classes) == 1 else verdict


def _judge_details(verdict: Verdict, picture: np.ndarray, seen: list[Seen], told: Mapping[str, object]) -> Verdict:
    """Place, size, pattern and tilt: what captions of one object may tell."""

    def holds(fact: str, actual: Callable[[Seen], object]) -> bool | None:
        if not told.get(fact):
            return None
        return bool(seen) and actual(seen[0]) == told[fact]

    return replace(
        verdict,
        place=holds("place", place_of),
        size=holds("size", size_of),
        tilted=holds("tilted", is_tilted),
        pattern=holds("pattern", lambda one: _own_pattern(picture, one)),
    )


def _expected_shares(obj: world.Object) -> tuple[float, float]:
    """The shares of its two colours in a concept's own object."""
    mask = painting.shape_mask(obj.cls, obj.x, obj.y, obj.radius, obj.rotation) > 0
    second = float(painting.second_color_share(obj)[mask].mean())
    return 1 - second, second


def _match(picture: np.ndarray, seen: Seen, obj: world.Object) -> ConceptScore:
    core = seeing.inner(seen.mask)
    pixels = picture[core]
    to_first, to_second = world.distance(pixels, obj.color), world.distance(pixels, obj.second)
    first = float(((to_first < NEAR) & (to_first <= to_second)).mean())
    second = float(((to_second < NEAR) & (to_second < to_first)).mean())
    both = min(first, second) >= LEAST_SHARE and first + second >= BOTH_SHARES
    ideal = replace(obj, x=seen.x, y=seen.y, radius=seen.radius)
    layout = _correlation((to_second < to_first).astype(np.float32), _second_color(ideal)[core])
    pattern = both and pattern_of(picture, seen, obj.color, obj.second, ordered=True) == obj.pattern
    expected = _expected_shares(obj)
    shares = sum(min(got, wanted) for got, wanted in zip((first, second), expected))
    mean = np.average(np.array([obj.color, obj.second], np.float32), axis=0, weights=expected)
    close = bool(world.distance(pixels.mean(0), mean) < NEAR)
    return ConceptScore(first, second, both, pattern, layout, shares * (0.5 + 0.5 * max(0.0, layout)), close)


def concept_match(picture: np.ndarray, concept: world.Scene) -> ConceptScore:
    """Looks for a concept's two colours and pattern in a picture; of several objects the best one counts.

    picture: (128, 128, 3) uint8. Shape, place and size don't matter: those are words' to tell.
    """
    scores = [_match(picture, seen, concept.objects[0]) for seen in seeing.objects(picture)[:3]]
    return max(scores, key=lambda score: (score.found, score.both_colors, score.score), default=ConceptScore())


def pair_match(picture: np.ndarray, one: world.Scene, other: world.Scene) -> tuple[ConceptScore, ConceptScore]:
    """Looks for two concepts in two different objects of one picture."""
    first, second = group_match(picture, (one, other))
    return first, second


def group_match(picture: np.ndarray, concepts: Sequence[world.Scene]) -> tuple[ConceptScore, ...]:
    """Looks for concepts in as many different objects of one picture: no object answers for two of them."""
    seen = seeing.objects(picture, expected=len(concepts))[: len(concepts)]
    rows = [[_match(picture, part, concept.objects[0]) for part in seen] for concept in concepts]
    nothing = ConceptScore()
    places = [*range(len(seen)), *[None] * (len(concepts) - len(seen))]
    orders = [
        tuple(nothing if place is None else row[place] for row, place in zip(rows, order))
        for order in itertools.permutations(places)
    ]
    if len(seen) < len(concepts):
        return max(orders, key=lambda scores: sum(score.score for score in scores))
    return max(
        orders,
        key=lambda scores: (
            sum(s.both_colors for s in scores),
            sum(s.mean_color for s in scores),
            sum(s.score for s in scores),
        ),
    )
