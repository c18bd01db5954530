"""Which finds a person took."""

from __future__ import annotations

import pytest

from single_image_studio.masking.interfaces import Detection
from single_image_studio.masking.picks import parse_picks, pick
from single_image_studio.support.errors import InputError

FOUND = [Detection((0, 0, i, i), 0.5, "heart", "heart") for i in (3.0, 2.0, 1.0)]


@pytest.mark.parametrize(
    "text, picks",
    [
        ("", [None, None, None]),
        (" 2 ", [(2,), None, None]),
        ("1, 3", [(1, 3), None, None]),
        ("1,3/ /0", [(1, 3), None, (0,)]),
        (" / 2", [None, (2,), None]),
    ],
)
def test_texts(text: str, picks: list[tuple[int, ...] | None]) -> None:
    assert parse_picks(text, 3) == picks


def test_finds_by_their_numbers() -> None:
    assert pick(FOUND, (3, 1), 1) == [FOUND[0], FOUND[2]] and pick(FOUND, (0,), 1) == []
    with pytest.raises(InputError, match="`picked` names find 4 of picture 2, where 3 were found"):
        pick(FOUND, (1, 4), 2)


@pytest.mark.parametrize(
    "text, words",
    [
        ("left", "`picked` is 'left'; it must be"),
        ("9" * 5000, "`picked` is '9{40,200}…; it must be"),
        ("1 / 2", "is for 2 pictures and"),
    ],
)
def test_bad_texts(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_picks(text, 1)
