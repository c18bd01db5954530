"""Which finds a person took, by their numbers: "2", or "1, 3"; for a batch "1 / / 0", one part a picture. A picture
whose part is empty is as if nobody had taken any; 0 alone takes none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..support.errors import InputError, brief
from .interfaces import Detection

LONGEST_NUMBER = 9  # digits
Picks = tuple[int, ...] | None  # of one picture, from 1 on; None: nobody took any


def parse_picks(text: str, count: int) -> list[Picks]:
    """The picks of each of `count` pictures. Raises: InputError when the text is none."""
    parts = text.split("/")
    if not re.fullmatch(r"[\d\s,/]*", text) or re.search(rf"\d{{{LONGEST_NUMBER + 1}}}", text):
        raise InputError(
            f"`picked` is {brief(text)}; it must be the numbers of finds, as in 1, 3, with / between pictures: click on"
            " the node's picture, or empty it."
        )
    if len(parts) > count:
        raise InputError(
            f"`picked` is for {len(parts)} pictures and `image` has {count}: click on the node's picture, or empty it."
        )
    picks: list[Picks] = [tuple(map(int, re.findall(r"\d+", part))) or None for part in parts]
    return [*picks, *[None] * (count - len(parts))]


def pick(found: Sequence[Detection], picks: tuple[int, ...], number: int) -> list[Detection]:
    """The finds of these numbers. number: the picture's. Raises: InputError when one is not there."""
    if max(picks) > len(found):
        raise InputError(
            f"`picked` names find {max(picks)} of picture {number}, where {len(found)} were found: click on the node's"
            " picture, or empty it."
        )
    return [detection for i, detection in enumerate(found, 1) if i in picks]
