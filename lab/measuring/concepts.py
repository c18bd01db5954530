"""The concepts that measurements learn, the backgrounds that prompts ask for, and what is looked for in pictures."""

from __future__ import annotations

import random

import numpy as np

from ..world import oracle, random_scenes, world

# in order of preference
BACKGROUNDS = ("green", "white", "yellow", "blue", "pink", "black", "cyan", "red", "orange", "purple")
APART = 150.0  # `world.distance` between a background and what should be told from it, as the world keeps it


def concept_scene(seed: int, index: int) -> world.Scene:
    """The concept of this number; classes take turns."""
    return random_scenes.sample_concept(random.Random(seed * 1_000 + index), world.CLASSES[index % len(world.CLASSES)])


def free_background(scenes: list[world.Scene], first: str) -> str:
    """A named background for prompts, `first` if possible: unlike the concepts' own backgrounds, and their colours
    stand out from it."""
    used = [color for scene in scenes for color in (scene.background, scene.objects[0].color, scene.objects[0].second)]
    for name in (first, *BACKGROUNDS):
        if all(world.distance(world.COLORS[name], color) > APART for color in used):
            return name
    # four or more colours can come near every name: the concepts' own backgrounds matter most
    return max(BACKGROUNDS, key=lambda name: min(float(world.distance(world.COLORS[name], color)) for color in used))


def measure(pictures: np.ndarray, scene: world.Scene, asked: str | None) -> dict[str, float]:
    """Rates over pictures that should show a concept, on a background that was asked for if one was.

    pictures: (N, 128, 128, 3) uint8. `success` wants everything at once: colours, pattern, and the background as asked.
    """
    scores = [oracle.concept_match(picture, scene) for picture in pictures]
    found = np.array([score.found for score in scores])
    rates = {
        "colors": np.mean([score.both_colors for score in scores]),
        "pattern": np.mean([score.pattern for score in scores]),
        "mean_color": np.mean([score.mean_color for score in scores]),
        "score": np.mean([score.score for score in scores]),
        "class": np.mean(
            [oracle.judge(picture, {"classes": (scene.objects[0].cls,)}).classes[0] for picture in pictures]
        ),
        "source_background": np.mean([oracle.background_near(picture, scene.background) for picture in pictures]),
    }
    if asked:
        right = np.array([oracle.background_is(picture, asked) for picture in pictures])
        rates |= {"asked_background": right.mean(), "success": (right & found).mean()}
    return {name: float(rate) for name, rate in rates.items()}
