"""A set of scores as people read them: sentences first, then the numbers as JSON.

The sentences are a Markdown list, as which ComfyUI's Preview Any shows them; else they would run into one another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .scores import mean, spread


@dataclass(frozen=True)
class Scale:
    """What a score means. about: of what it is the mean. higher: what a higher one stands for.

    low, high: the range that a chart shows.
    """

    name: str
    about: str
    higher: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Score:
    """One score. values: of the single pictures, or pairs; none where it was not measured. note: why not, or what was
    left out."""

    scale: Scale
    values: tuple[float, ...] = ()
    note: str = ""

    @property
    def measured(self) -> bool:
        return bool(self.values)

    @property
    def value(self) -> float:
        """The mean."""
        return mean(self.values)

    def sentence(self) -> str:
        scale, note = self.scale, f" {self.note}" if self.note else ""
        if not self.measured:
            return f"{scale.name}: not measured.{note}"
        of = f" over {len(self.values)}, spread {spread(self.values):.3f}" if len(self.values) > 1 else ""
        return f"{scale.name}: {self.value:.3f}{of}. {scale.about}. Higher: {scale.higher}.{note}"

    def numbers(self) -> dict[str, Any]:
        return {
            "mean": round(self.value, 6) if self.measured else None,
            "values": [round(value, 6) for value in self.values],
            "note": self.note,
        }


def text(heading: str, scores: Sequence[Score], networks: dict[str, str]) -> str:
    """heading: what was compared. networks: which files measured."""
    lines = [heading, *(f"- {score.sentence()}" for score in scores)]
    numbers = {"networks": networks, "scores": {score.scale.name: score.numbers() for score in scores}}
    return "\n".join([*lines, "", json.dumps(numbers, indent=1, ensure_ascii=False)])


CLIP_I_F = Scale("CLIP-I-f", "CLIP's likeness of the subject to the reference's subject", "a better likeness")
CLIP_I_B = Scale(
    "CLIP-I-b", "CLIP's likeness of the background to the reference's", "the concept holds more of the background"
)
DINO_F = Scale("DINO-f", "DINO's likeness of the subject to the reference's subject", "a better likeness")
DINO_B = Scale(
    "DINO-b", "DINO's likeness of the background to the reference's", "the concept holds more of the background"
)
CLIP_T = Scale("CLIP-T", "CLIP's likeness of each picture to its prompt", "the prompt is followed better", 0.0, 0.5)
DIV = Scale("DIV", "LPIPS between the pictures of one prompt", "more variety")
ESR_ESTIMATE = Scale(
    "ESR (estimate by CLIP)",
    "The points that CLIP gives for the prompts' goals. The paper's ESR is judged by people: use Scoring Sheet",
    "more of what the prompts ask for",
)
LPIPS = Scale("LPIPS", "LPIPS between the edited picture and its source", "the edit changes more")
AESTHETICS = Scale("Aesthetic score", "LAION's guess of how much people like the picture", "liked more", 0.0, 10.0)
