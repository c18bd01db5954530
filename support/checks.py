"""Checks of values that a person set, each with its sentence. Settings classes call these when they are made."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

from .errors import InputError, brief

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CHECKPOINTING = ("auto", "on", "off")
LARGEST_SEED = 2**64 - 1
LARGEST = 1_000_000  # of steps too: a seed wired into them would run for ever
LONGEST_BASE_MODEL = 128
MOST_NAMED = 12  # choices in a sentence


def whole(name: str, value: object, low: int, high: int | None = None) -> int:
    """The value, if it is a whole number from `low` to `high` (None: without end).

    Raises: InputError otherwise; so do all functions here.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= low and (high is None or value <= high):
        return value
    limits = f"at least {low}" if high is None else f"from {low} to {high}"
    raise InputError(f"`{name}` is {brief(value)}; it must be a whole number, {limits}: change `{name}`.")


def is_number(value: object) -> bool:
    """Whether it is a finite number that a float can hold, and no truth value."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max


def number(name: str, value: Any, *, above_zero: bool = False) -> float:
    """The value as a float, if it is finite, 0 or more, and up to LARGEST; `above_zero`: more than 0."""
    if not is_number(value) or value < 0 or (value == 0 and above_zero):
        limit = "above 0" if above_zero else "of at least 0"
        raise InputError(f"`{name}` is {brief(value)}; it must be a number {limit}: change `{name}`.")
    if value > LARGEST:  # float32 would soon overflow, and something else be blamed
        raise InputError(f"`{name}` is {brief(value)}; it must be a number up to {LARGEST:,}: change `{name}`.")
    return float(value)


def share(name: str, value: Any) -> float:
    """The value, if it is a share: from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise InputError(f"`{name}` is {brief(value)}; it is a share, from 0 to 1: change `{name}`.")
    return value  # type: ignore[no-any-return]


def within(name: str, value: Any, size: float) -> float:
    """The value, if it is a number from -size to size."""
    if not is_number(value) or not -size <= value <= size:
        raise InputError(
            f"`{name}` is {brief(value)}; it must be a number from {-size:g} to {size:g}: change `{name}`."
        )
    return value  # type: ignore[no-any-return]


def choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Passes one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(choices[:MOST_NAMED]) + (", …" if len(choices) > MOST_NAMED else "")
        raise InputError(f"`{name}` is {brief(value)}; expected one of {known}: choose one of these.")


def text(name: str, value: object) -> str:
    """The value, if it is a text that a file and a tokenizer can take: JSON can bring halves of characters."""
    if not isinstance(value, str):
        raise InputError(f"`{name}` is {brief(value)}; it must be a text: change `{name}`.")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(f"`{name}` holds half of a character (a lone surrogate): type it again.")
    return value


def can_be_written(text: str) -> bool:
    """Whether files and prompts can hold it: control characters and halves of characters they cannot."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)


def is_base_model(value: object) -> bool:
    """Whether it can be a checkpoint's fingerprint, or "" for an unknown one's."""
    return isinstance(value, str) and len(value) <= LONGEST_BASE_MODEL and can_be_written(value)


def kind(name: str, value: object, wanted: type, maker: str) -> None:
    """Passes what a wire of the pack's own carries. maker: the node that makes one."""
    if not isinstance(value, wanted):
        raise InputError(f"`{name}` is {brief(value)}, and no {wanted.__name__.lower()}: connect one from {maker}.")


def flag(name: str, value: object) -> None:
    """Passes true and false."""
    if not isinstance(value, bool):
        raise InputError(f"`{name}` is {brief(value)}; it must be true or false: switch it on or off.")
