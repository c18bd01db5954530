"""The rows of `lab.measuring.composition`: how concepts are learned, and how they are kept apart when used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EVERYWHERE, NOWHERE, GIVEN, FOUND, DRAWN = "everywhere", "nowhere", "given", "found", "drawn"


@dataclass(frozen=True)
class Setting:
    """A row.

    keep_apart: concepts' words act on their own phrases alone, and LoRAs on their own tokens and in `regions`:
    EVERYWHERE (as stock LoRAs do), NOWHERE, the GIVEN shares of the picture, FOUND in the first steps, or the outlines
    in a picture DRAWN with class words. learned: a key of LEARNED. hooks: by the host's own LoRA hooks.
    concepts: False for class words alone.
    """

    label: str
    keep_apart: bool = False
    regions: str = EVERYWHERE
    learned: str = "paper"
    hooks: bool = False
    concepts: bool = True


@dataclass(frozen=True)
class Learned:
    """What differs from the paper's learning: fields of the two stages' settings."""

    stage1: Mapping[str, Any] = field(default_factory=dict)
    stage2: Mapping[str, Any] = field(default_factory=dict)


# places and neighbours in the words, so that a concept's word learns to leave them alone
OTHER_WORDS = "\n".join(
    (
        "*",
        "* on a red background",
        "* on a blue background",
        "* on a white background",
        "* and a star",
        "a circle and a *",
    )
)
LEARNED = {
    "paper": Learned(),
    "orthogonal": Learned(stage2={"lora_basis": "orthogonal"}),
    "other words": Learned({"training_prompts": OTHER_WORDS}, {"training_prompts": OTHER_WORDS}),
    "text left alone": Learned(stage2={"train_text_encoder": False}),
}

SETTINGS: dict[str, Setting] = {
    "words": Setting("class words, no concepts", concepts=False),
    "today": Setting("today: stock LoRAs, one text"),
    "text": Setting("kept apart in the text, everywhere in the picture", keep_apart=True),
    "tokens": Setting("kept apart, LoRAs on their own tokens alone", keep_apart=True, regions=NOWHERE),
    "given": Setting("kept apart, in given regions", keep_apart=True, regions=GIVEN),
    "found": Setting("kept apart, in regions found by itself", keep_apart=True, regions=FOUND),
    "drawn": Setting("kept apart, in outlines of a first picture", keep_apart=True, regions=DRAWN),
    "hooks": Setting("the host's LoRA hooks with masks", regions=GIVEN, hooks=True),
    "orthogonal": Setting("by itself, orthogonal LoRAs", True, FOUND, "orthogonal"),
    "other words": Setting("by itself, learned among other words", True, FOUND, "other words"),
    "text left alone": Setting("by itself, no LoRA in the text encoder", True, FOUND, "text left alone"),
}
