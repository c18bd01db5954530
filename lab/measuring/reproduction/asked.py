"""What a concept's pictures are asked for: SingleInsert's editing goals (arXiv:2310.08094, appendix A.2), in the demo
world's own words, so that `lab.world.oracle` gives the points of the editing success rate without anybody's judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...world import oracle, world
from ..concepts import BACKGROUNDS, free_background


@dataclass(frozen=True)
class Asked:
    """A prompt of the world's, `{0}` for the phrase, and its goals: facts as `world.Scene.told` has them."""

    template: str
    goals: dict[str, Any]

    def points(self, picture: np.ndarray, cls: str) -> float:
        """The share of the goals that a picture shows. cls: the concept's class."""
        neighbour = self.goals.get("neighbour")
        classes, colors = ((cls, neighbour[1]), (None, neighbour[0])) if neighbour else ((cls,), (None,))
        verdict = oracle.judge(picture, {"classes": classes, "colors": colors, **self.goals})
        shown = {
            "background": verdict.background,
            "place": verdict.place,
            "size": verdict.size,
            "tilted": verdict.tilted,
            "neighbour": verdict.count and verdict.classes[-1] and verdict.colors[-1],
        }
        return float(np.mean([bool(shown[goal]) for goal in self.goals]))


def prompts(scene: world.Scene) -> tuple[Asked, ...]:
    """Ten prompts of a concept: its phrase alone, and nine with one or two goals. Their colours are named ones that the
    concept's own cannot be taken for."""
    first, second = (free_background([scene], name) for name in BACKGROUNDS[:2])
    other = next(cls for cls in ("star", "square") if cls != scene.objects[0].cls)
    return (
        Asked("{0}", {}),
        Asked(f"{{0}} on a {first} background", {"background": first}),
        Asked("a tilted {0}", {"tilted": True}),
        Asked("a small {0}", {"size": "small"}),
        Asked(f"a large {{0}} on a {second} background", {"size": "large", "background": second}),
        Asked(f"{{0}} at the left on a {first} background", {"place": "left", "background": first}),
        Asked(
            f"{{0}} and a {second} {other} on a {first} background", {"neighbour": (second, other), "background": first}
        ),
        Asked("{0} at the right", {"place": "right"}),
        Asked(f"a tilted {{0}} on a {second} background", {"tilted": True, "background": second}),
        Asked(f"a small {{0}} on a {first} background", {"size": "small", "background": first}),
    )
