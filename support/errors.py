"""The one kind of error that an artist is meant to read."""


class InputError(ValueError):
    """Something that the user chose cannot work. Its message is one sentence that names the input to change."""
