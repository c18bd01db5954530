"""JSON of numbers that may be infinite or NaN.

Python writes these as bare words that JSON does not have, and strict readers (browsers) refuse the whole text. Here
they are written as the same words in quotes, and read in either form.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def write_numbers(value: Any) -> str:
    """Valid JSON of tables, lists, texts and numbers, finite or not."""
    return json.dumps(_quoted(value), allow_nan=False)


def can_be_json(value: Any) -> bool:
    """Whether `write_numbers` takes it, and a file's text can hold it."""
    try:
        write_numbers(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def read_numbers(text: str) -> Any:
    """What `write_numbers` was given, also of a text with the bare words.

    Raises: ValueError, RecursionError for what is no JSON.
    """
    return _unquoted(json.loads(text))


def _quoted(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return {key: _quoted(kept) for key, kept in value.items()}
    return [_quoted(kept) for kept in value] if isinstance(value, (list, tuple)) else value


def _unquoted(value: Any) -> Any:
    if isinstance(value, str):
        return _NUMBERS.get(value, value)
    if isinstance(value, dict):
        return {key: _unquoted(kept) for key, kept in value.items()}
    return [_unquoted(kept) for kept in value] if isinstance(value, list) else value
