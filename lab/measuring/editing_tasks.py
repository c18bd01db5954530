"""The editing bench's tasks: pictures with what they show and should become, and the judge of what came out."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np

from ..world import oracle, random_scenes, seeing, world

SEED = 91_000
EDITS = ("move", "resize", "turn", "class")


@dataclass(frozen=True)
class Task:
    """A picture, what it shows in words, what it should become, and what tells that it did."""

    scene: world.Scene
    kind: str
    source: str
    target: str
    told: dict[str, object]


def make_task(seed: int, index: int) -> Task:
    """Kinds and classes take turns. Words name the object's first colour and its pattern; its second colour they
    cannot."""
    rng = random.Random(seed * 1_000 + index)
    kind, cls = EDITS[index % len(EDITS)], rng.choice(world.CLASSES[1:])  # a circle cannot be turned
    scene = random_scenes.sample_concept(rng, cls)
    background = rng.choice(
        [name for name in world.COLORS if world.distance(world.COLORS[name], scene.objects[0].second) > 200]
    )
    apart = (world.COLORS[background], scene.objects[0].second)
    color = rng.choice(
        [name for name in world.COLORS if all(world.distance(world.COLORS[name], other) > 200 for other in apart)]
    )
    scene = world.Scene(world.COLORS[background], (replace(scene.objects[0], color=world.COLORS[color]),), "")
    pattern, tail = scene.objects[0].pattern, f"on a {background} background"
    source = f"a {pattern} {color} {cls} {tail}"
    told: dict[str, object] = {"classes": (cls,)}
    if kind == "move":
        told["place"] = rng.choice(world.PLACES)
        target = f"a {pattern} {color} {cls} at the {told['place']} {tail}"
    elif kind == "resize":
        told["size"] = rng.choice(world.SIZES)
        target = f"a {told['size']} {pattern} {color} {cls} {tail}"
    elif kind == "turn":
        told["tilted"] = True
        target = f"a tilted {pattern} {color} {cls} {tail}"
    else:
        told["classes"] = (rng.choice([other for other in world.CLASSES if other != cls]),)
        target = f"a {pattern} {color} {told['classes'][0]} {tail}"  # type: ignore[index]
    return Task(scene, kind, source, target, told)


def verdict(picture: np.ndarray, task: Task) -> dict[str, float]:
    """edit: it happened. colors, pattern, background: what stayed; kept: their mean. both: the edit happened and
    colours and background stayed."""
    seen = oracle.judge(picture, task.told)
    edit = {"move": seen.place, "resize": seen.size, "turn": seen.tilted, "class": seen.classes[0]}[task.kind]
    match = oracle.concept_match(picture, task.scene)
    stayed = [
        bool(match.both_colors),
        bool(match.pattern),
        bool(oracle.background_near(picture, task.scene.background)),
    ]
    alone = len(seeing.objects(picture)) == 1
    return {
        "edit": float(bool(edit)),
        "colors": stayed[0],
        "pattern": stayed[1],
        "background": stayed[2],
        "kept": sum(stayed) / 3,
        "both": float(bool(edit) and stayed[0] and stayed[2] and alone),
    }
