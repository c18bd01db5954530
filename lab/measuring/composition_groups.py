"""What `lab.measuring.composition` asks for: groups of concepts, prompts with seats, and how pictures are judged."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..world import oracle, random_scenes, seeing, world

# in order of preference
COLORS = ("white", "green", "yellow", "blue", "pink", "black", "cyan", "red", "orange", "purple")
APART = 150.0  # `world.distance` at which the world tells two colours from one another
GROWN = 4  # pixels by which an object's outline is grown to be a region


@dataclass(frozen=True)
class Prompt:
    """A prompt in which {0}, {1} … are concepts' phrases, and where each concept shall stand.

    seats: of each concept, its place from the left. places: how many objects stand side by side.
    """

    text: str
    seats: tuple[int, ...]
    places: int


@dataclass(frozen=True)
class Group:
    """Concepts that are drawn together. numbers: of the concepts; scenes: their sources; background: asked for."""

    numbers: tuple[int, ...]
    scenes: tuple[world.Scene, ...]
    background: str

    @property
    def classes(self) -> list[str]:
        return [scene.objects[0].cls for scene in self.scenes]

    @property
    def together(self) -> Prompt:
        """All concepts in one prompt, from left to right."""
        count = len(self.numbers)
        phrases = " and a ".join(f"{{{i}}}" for i in range(count))
        return Prompt(f"{phrases} on a {self.background} background", tuple(range(count)), count)


@dataclass(frozen=True)
class Neighbour:
    """A concept beside an object in plain words. seat: the concept's, 0 when it is written first."""

    number: int
    scene: world.Scene
    cls: str
    color: str
    background: str
    seat: int

    @property
    def prompt(self) -> Prompt:
        plain = f"{self.color} {self.cls}"
        both = f"{{0}} and a {plain}" if self.seat == 0 else f"{plain} and a {{0}}"
        return Prompt(f"{both} on a {self.background} background", (self.seat,), 2)


def concept_scene(seed: int, number: int) -> world.Scene:
    """The concept of this number; classes take turns."""
    rng = random.Random(seed * 1_000 + number)
    return random_scenes.sample_concept(rng, world.CLASSES[number % len(world.CLASSES)])


def far_color(taken: Sequence[world.RGB]) -> str:
    """The first named colour that is told from all those taken, else the farthest."""

    def nearest(name: str) -> float:
        return min(float(world.distance(world.COLORS[name], color)) for color in taken)

    return next((name for name in COLORS if nearest(name) > APART), max(COLORS, key=nearest))


def group(seed: int, numbers: Sequence[int]) -> Group:
    scenes = tuple(concept_scene(seed, number) for number in numbers)
    return Group(tuple(numbers), scenes, far_color(_shown(scenes)))


def groups(seed: int, pairs: int, triples: int, alone: int = 0) -> list[Group]:
    """Pairs 0-1, 2-3 …, then triples 0-1-2, 3-4-5 …, then 0, 1 … each alone."""
    counts = ((2, pairs), (3, triples), (1, alone))
    numbers = [range(i * size, (i + 1) * size) for size, count in counts for i in range(count)]
    return [group(seed, some) for some in numbers]


def _shown(scenes: Sequence[world.Scene]) -> list[world.RGB]:
    colors = [(scene.background, scene.objects[0].color, scene.objects[0].second) for scene in scenes]
    return [color for some in colors for color in some]


def neighbours(pair: Group) -> list[Neighbour]:
    """The first concept written first, and the second written last, each beside a plain object of another class."""
    found = []
    for seat, (number, scene) in enumerate(zip(pair.numbers, pair.scenes)):
        shown = _shown([scene])
        background = far_color(shown)
        color = far_color([*shown, world.COLORS[background]])
        cls = world.CLASSES[(world.CLASSES.index(scene.objects[0].cls) + 2) % len(world.CLASSES)]
        found.append(Neighbour(number, scene, cls, color, background, seat))
    return found


def bands(prompt: Prompt) -> list[Tensor]:
    """Each concept's share of the picture, side by side: (1, 128, 128) in {0, 1}."""
    edges = [round(i * world.SIZE / prompt.places) for i in range(prompt.places + 1)]
    regions = []
    for seat in prompt.seats:
        region = torch.zeros(1, world.SIZE, world.SIZE)
        region[..., edges[seat] : edges[seat + 1]] = 1
        regions.append(region)
    return regions


def outlines(pictures: np.ndarray, prompt: Prompt) -> list[Tensor]:
    """Each concept's object in pictures drawn with class words, grown a little: (N, 128, 128) in {0, 1}.

    Objects are taken from left to right. Where fewer are seen than asked for, the share of the picture stands in.
    """
    regions = [band.repeat(len(pictures), 1, 1) for band in bands(prompt)]
    for i, picture in enumerate(pictures):
        seen = sorted(seeing.objects(picture, prompt.places)[: prompt.places], key=lambda one: one.x)
        if len(seen) == prompt.places:
            for region, seat in zip(regions, prompt.seats):
                region[i] = torch.from_numpy(ndimage.binary_dilation(seen[seat].mask, iterations=GROWN)).float()
    return regions


def judge_group(pictures: np.ndarray, asked: Group) -> dict[str, float]:
    """Rates over pictures of a group: of its concepts, of pictures that hold them all, and of backgrounds."""
    scores = [oracle.group_match(picture, asked.scenes) for picture in pictures]
    facts = {"mean_color": "mean_color", "colors": "both_colors", "found": "found"}
    rates = {name: np.mean([[getattr(s, fact) for s in some] for some in scores]) for name, fact in facts.items()}
    rates |= {f"all_{name}": np.mean([all(getattr(s, fact) for s in some) for some in scores])
              for name, fact in facts.items()}  # fmt: skip
    rates["background"] = np.mean([oracle.background_is(picture, asked.background) for picture in pictures])
    return {name: float(rate) for name, rate in rates.items()}


def judge_neighbour(pictures: np.ndarray, asked: Neighbour) -> float:
    """Of pictures, how many show the plain neighbour as told: its class, its colour, and nothing on it."""
    told = {
        "classes": (asked.scene.objects[0].cls, asked.cls),
        "colors": (None, asked.color),
        "patterns": (None, "plain"),
    }
    verdicts = [oracle.judge(picture, told) for picture in pictures]
    return float(np.mean([v.classes[1] and v.colors[1] and v.patterns[1] for v in verdicts]))
