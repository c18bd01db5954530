"""The sheet on which a person judges the Editing Success Rate: one HTML file with everything in it, for any browser."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

TEMPLATE = pathlib.Path(__file__).with_suffix(".html")
_PLACE = "{{DATA}}"


@dataclass(frozen=True)
class Judged:
    """One picture to judge. src: the picture as a data address. goals: what to tick, at least one."""

    prompt: str
    goals: tuple[str, ...]
    src: str


def scoring_sheet(name: str, pictures: Sequence[Judged], reference: str = "") -> str:
    """The HTML of a sheet. name: of the CSV file that it saves. reference: the source picture's data address.

    What was ticked is kept by the browser under a number made of the pictures, prompts and goals, so that another sheet
    starts empty.
    """
    shown = [asdict(picture) for picture in pictures]
    number = hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]
    data = {"id": number, "name": name, "reference": reference, "pictures": shown}
    # the text of a prompt must not end the script that holds it
    return TEMPLATE.read_text(encoding="utf-8").replace(_PLACE, json.dumps(data).replace("<", "\\u003c"))
