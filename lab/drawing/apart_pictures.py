"""The help pictures of several concepts in one picture: what keeps them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..measuring.composing import Composer
from ..measuring.composition_groups import Prompt, bands, outlines
from ..measuring.composition_settings import SETTINGS
from ..world import world
from .rows import Row, blank, sheet
from .studio import CONCEPT, SAMPLE_SEED, SECOND, Studio

TOGETHER = Prompt("{0} and a {1} on a white background", (0, 1), 2)
FIRST = Prompt("{0} and a blue cross on a white background", (0,), 2)
LAST = Prompt("blue cross and a {0} on a white background", (1,), 2)
PROMPTS = (TOGETHER, FIRST, LAST)
CLASSES = [CONCEPT[0], SECOND[0]]
COLOURS = np.array([[70, 160, 255], [255, 150, 60]])  # of the first and the second region, as shown
GROUND = 40


def _written(prompt: Prompt) -> str:
    return prompt.text.format(*(f"<{name}> {cls}" for name, cls in zip("ab", CLASSES)))


def _row(studio: Studio, key: str, title: str, learned: str = "paper", prompts: Sequence[Prompt] = PROMPTS) -> Row:
    """One setting's picture of every prompt, from the same noise; the first caption tells the setting."""
    concepts = [studio.concept(2, which, learned=learned) for which in (CONCEPT, SECOND)]
    composer, row = Composer(studio.learner), list[tuple[np.ndarray, str]]()
    for prompt in prompts:
        count = len(prompt.seats)
        drawn = composer.draw(SETTINGS[key], concepts[:count], CLASSES[:count], prompt, [SAMPLE_SEED])
        row.append((drawn[0], f"{title}: {_written(prompt)}"))
    return row


def keep_apart(studio: Studio) -> Image.Image:
    """keep_apart of Load Concept and Apply Concept, off and on."""
    return sheet([_row(studio, "today", "off"), _row(studio, "found", "on")], lines=3)


def region(studio: Studio) -> Image.Image:
    """Each pair of masks over what it leads to: halves, the outlines of a first picture, and a half that is cut."""
    seeds = [SAMPLE_SEED]
    composer, concepts = Composer(studio.learner), [studio.concept(2, which) for which in (CONCEPT, SECOND)]
    first = composer.draw(SETTINGS["words"], [], CLASSES, TOGETHER, seeds)
    left, right = bands(TOGETHER)
    masks: dict[str, Sequence[Tensor]] = {
        "halves": (left, right),
        "outlines": outlines(first, TOGETHER),
        "<b> above alone": (left, right * left.transpose(1, 2)),
    }
    shown: Row = [(first[0], "first picture"), *((_shown(*pair), title) for title, pair in masks.items())]
    drawn = [composer.draw(SETTINGS["given"], concepts, CLASSES, TOGETHER, seeds, pair)[0] for pair in masks.values()]
    return sheet([shown, [(blank(first[0]), ""), *((picture, "") for picture in drawn)]], lines=1)


def _shown(first: Tensor, second: Tensor) -> np.ndarray:
    """Two regions in one picture: (128, 128, 3) uint8."""
    weights = torch.cat([first, second])[..., None].numpy()
    picture = np.full((world.SIZE, world.SIZE, 3), GROUND)
    for weight, colour in zip(weights, COLOURS):
        picture = np.where(weight > 0.5, colour, picture)
    return picture.astype(np.uint8)


def hooks(studio: Studio) -> Image.Image:
    """The same halves by `region`, and by the host's own hooks and masks."""
    rows = [_row(studio, "given", "region"), _row(studio, "hooks", "hooks and masks")]
    return sheet(rows, lines=3)


def training_prompts(studio: Studio) -> Image.Image:
    """training_prompts of both stages, empty and with other things in them; each without and with keep_apart."""
    ways = {"paper": "no prompts", "other words": "other things"}
    return _learned_and_used(studio, ways, (FIRST, LAST))


def basis(studio: Studio) -> Image.Image:
    """lora_basis of Stage II, each without and with keep_apart."""
    return _learned_and_used(studio, {"paper": "trained", "orthogonal": "orthogonal"}, (TOGETHER, FIRST))


def _learned_and_used(studio: Studio, ways: Mapping[str, str], prompts: Sequence[Prompt]) -> Image.Image:
    """A column for each way to learn with keep_apart off and on, a row for each prompt."""
    columns = [
        _row(studio, key, f"{title}, {apart}", learned, prompts)
        for learned, title in ways.items()
        for key, apart in (("today", "off"), ("found", "on"))
    ]
    return sheet([list(row) for row in zip(*columns)], lines=3)
