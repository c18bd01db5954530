"""The one kind of error that an artist is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Something that the user chose cannot work. Its message is one sentence that names the input to change."""

    # The page's dialog has the class's full name for its heading. For a pack that is the path of its folder and more;
    # of a built-in class the host gives the name alone.
    __module__ = "builtins"

    def __init_subclass__(cls) -> None:
        cls.__module__ = InputError.__module__
