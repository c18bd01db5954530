"""The one kind of error that an artist is meant to read."""

from __future__ import annotations

LONGEST_SHOWN = 80  # characters of a wrong value in an error


class InputError(ValueError):
    """Something that the user chose cannot work. Its message is one sentence that names the input to change."""

    # The page's dialog has the class's full name for its heading. For a pack that is the path of its folder and more;
    # of a built-in class the host gives the name alone.
    __module__ = "builtins"

    def __init_subclass__(cls) -> None:
        cls.__module__ = InputError.__module__


def brief(value: object) -> str:
    """A value as an error shows it: on one line, and short, however long it is."""
    try:
        text = repr(value if not isinstance(value, (str, bytes)) else value[:LONGEST_SHOWN])
    except Exception:  # a whole number of thousands of digits, or an object of another pack's
        text = f"a {type(value).__name__} that cannot be shown"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
