"""A rough estimate of the Editing Success Rate by CLIP, for when nobody has the time to judge.

The paper's ESR (arXiv:2310.08094, appendix A.2) is judged by people. CLIP's cosines with a goal's words only mean
something beside one another: here a picture shows a goal when it is nearer to the goal's words than pictures are of
which nobody asked for it, by one standard deviation. Those are the reference and the pictures of all prompts without
that goal. On the average it finds the goal in about one in six pictures that do not show it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from .scores import mean, spread


@dataclass(frozen=True)
class Asked:
    """The pictures of one prompt, as CLIP's vectors, and the prompt's goals."""

    pictures: Sequence[Tensor]
    goals: tuple[str, ...]


def estimate(sets: Sequence[Asked], references: Sequence[Tensor], of_text: Callable[[str], Tensor]) -> list[float]:
    """The points of each picture in [0, 1], prompt after prompt; a prompt without goals gives none.

    references: the source pictures' vectors. of_text: CLIP's vector of a text.
    """
    points: list[float] = []
    for asked in sets:
        shown = [_shown(asked, goal, sets, references, of_text(goal)) for goal in asked.goals]
        points += [mean([float(goal[i]) for goal in shown]) for i in range(len(asked.pictures)) if shown]
    return points


def _shown(asked: Asked, goal: str, sets: Sequence[Asked], references: Sequence[Tensor], words: Tensor) -> list[bool]:
    """Whether each picture of a prompt shows a goal."""
    unasked = [*references, *(picture for other in sets if goal not in other.goals for picture in other.pictures)]
    cosines = [float(picture @ words) for picture in unasked]
    threshold = mean(cosines) + spread(cosines)
    return [float(picture @ words) > threshold for picture in asked.pictures]
