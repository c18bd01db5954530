"""Checks of values that a person set, each with its sentence. Settings classes call these when they are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .errors import InputError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CHECKPOINTING = ("auto", "on", "off")
LARGEST_SEED = 2**64 - 1


def whole(name: str, value: object, low: int, high: int | None = None) -> int:
    """The value, if it is a whole number from `low` to `high` (None: without end).

    Raises: InputError otherwise; so do all functions here.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= low and (high is None or value <= high):
        return value
    limits = f"at least {low}" if high is None else f"from {low} to {high}"
    raise InputError(f"`{name}` is {value!r}; it must be a whole number, {limits}: change `{name}`.")


def number(name: str, value: Any, *, above_zero: bool = False) -> float:
    """The value as a float, if it is finite and 0 or more; `above_zero`: more."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and (value > 0 or (value == 0 and not above_zero)):
        return float(value)
    limit = "above 0" if above_zero else "of at least 0"
    raise InputError(f"`{name}` is {value!r}; it must be a number {limit}: change `{name}`.")


def share(name: str, value: float) -> float:
    """The value, if it is a share: from 0 to 1."""
    if not 0 <= value <= 1:
        raise InputError(f"`{name}` is {value}; it is a share of the steps, from 0 to 1: change `{name}`.")
    return value


def finite(name: str, value: float) -> float:
    """The value, if it is a number that is neither infinite nor NaN."""
    if not math.isfinite(value):
        raise InputError(f"`{name}` is {value}; it must be a number: change `{name}`.")
    return value


def choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Passes one of `choices`."""
    if value not in choices:
        raise InputError(f"`{name}` is {value!r}; expected one of {', '.join(choices)}: choose one of these.")


def text(name: str, value: object) -> str:
    """The value, if it is a text."""
    if not isinstance(value, str):
        raise InputError(f"`{name}` is {value!r}; it must be a text: change `{name}`.")
    return value


def flag(name: str, value: object) -> None:
    """Passes true and false."""
    if not isinstance(value, bool):
        raise InputError(f"`{name}` is {value!r}; it must be true or false: switch it on or off.")
