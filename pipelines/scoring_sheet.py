"""Writes the sheet on which a person judges pictures by their prompts' goals."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from torch import Tensor

from ..evaluation.editing_prompts import WHOLE
from ..evaluation.scoring_sheet import Judged, scoring_sheet
from ..host.output_files import next_output
from ..page.data_url import data_url
from ..pictures.eight_bits import to_pil
from ..support import checks
from ..support.errors import InputError
from ..support.writing import write_new_bytes
from .metric_wires import PromptSet

SIDE, QUALITY = 768, 88
"""The longest side of a picture in a sheet, in pixels, and its JPEG quality."""
MOST_GOALS = 9  # one key each


def write_scoring_sheet(sets: Sequence[PromptSet], prefix: str, reference: Tensor | None = None) -> pathlib.Path:
    """The new file, in the host's output folder. Prompts without goals have one, all that they say.

    reference: (H, W, C), the picture that the concept was learned from.
    Raises: InputError when there is no prompt to judge by, when one has too many goals, or when the file cannot be
        written.
    """
    if not all(asked.prompt for asked in sets):
        raise InputError("`prompts` is empty: connect Editing Prompts' prompts, or write them, one a line.")
    for asked in sets:
        if len(asked.goals) > MOST_GOALS:
            raise InputError(f"`goals` has a line of {len(asked.goals)} goals: write at most {MOST_GOALS} a prompt.")
    path = next_output(checks.text("filename_prefix", prefix), ".html")
    pictures = [
        Judged(asked.prompt, asked.goals or (WHOLE,), _small(masked.picture))
        for asked in sets
        for masked in asked.pictures
    ]
    page = scoring_sheet(path.stem.rstrip("_"), pictures, "" if reference is None else _small(reference))
    return write_new_bytes(page.encode("utf-8"), path)


def _small(picture: Tensor) -> str:
    image = to_pil(picture)
    image.thumbnail((SIDE, SIDE))
    return data_url(image, "JPEG", quality=QUALITY)
