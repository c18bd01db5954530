"""Weights from one program's names to another's, by a table of rules."""

from __future__ import annotations

import re
from collections.abc import Callable

from .weights import Weights

Replacement = str | Callable[[re.Match[str]], str]
Rules = tuple[tuple[re.Pattern[str], Replacement], ...]


def rules(*pairs: tuple[str, Replacement]) -> Rules:
    """pairs: a pattern for the beginning of a name, and what stands in its place, as in re.sub."""
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


def new_name(name: str, table: Rules) -> str | None:
    """The name by the first rule that fits; None where none does."""
    for pattern, replacement in table:
        if pattern.match(name):
            return pattern.sub(replacement, name, count=1)
    return None


def rename_all(weights: Weights, table: Rules) -> Weights:
    """The weights under their new names; those that no rule fits are left out."""
    names = {name: new_name(name, table) for name in weights}
    return {new: weights[old] for old, new in names.items() if new is not None}
