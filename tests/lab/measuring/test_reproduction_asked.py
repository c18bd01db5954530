"""The exact editing success rate's points, on scenes whose truth is known."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from lab.measuring.reproduction import asked as asking
from lab.world import painting, random_scenes, world

SCENE = random_scenes.sample_concept(random.Random(3), "heart")


def painted(background: str, **changes: object) -> np.ndarray:
    scene = dataclasses.replace(world.repaint(SCENE, **changes), background=world.COLORS[background])
    return painting.render(scene)[0]


def test_a_picture_earns_the_share_of_its_goals() -> None:
    asked = asking.Asked("a large {0} on a white background", {"size": "large", "background": "white"})
    assert asked.points(painted("white", radius=52.0, x=64.0, y=64.0), "heart") == 1
    assert asked.points(painted("white"), "heart") == 0.5
    assert asked.points(painted("green", radius=52.0, x=64.0, y=64.0), "heart") == 0.5
    assert asked.points(painted("green"), "heart") == 0


@pytest.mark.parametrize(
    ("goal", "changes"),
    [
        ({"tilted": True}, {"rotation": 0.8}),
        ({"size": "small"}, {"radius": 18.0}),
        ({"place": "left"}, {"x": 26.0, "radius": 22.0}),
    ],
)
def test_each_goal_is_seen_and_missed(goal: dict, changes: dict) -> None:
    asked = asking.Asked("{0}", goal)
    assert asked.points(painted("white", **changes), "heart") == 1
    assert asked.points(painted("white"), "heart") == 0


def test_a_neighbour_must_have_its_colour_and_its_class() -> None:
    star = world.Object("star", 96.0, 64.0, 24.0, 0.0, "plain", world.COLORS["blue"], world.COLORS["blue"], 0.0)
    heart = dataclasses.replace(SCENE.objects[0], x=32.0, radius=24.0)
    scene = dataclasses.replace(SCENE, background=world.COLORS["white"], objects=(heart, star))
    picture = painting.render(scene)[0]
    assert asking.Asked("", {"neighbour": ("blue", "star")}).points(picture, "heart") == 1
    assert asking.Asked("", {"neighbour": ("red", "star")}).points(picture, "heart") == 0
    assert asking.Asked("", {"neighbour": ("blue", "circle")}).points(picture, "heart") == 0
    assert asking.Asked("", {"neighbour": ("blue", "star")}).points(painted("white"), "heart") == 0
