"""The error that an artist reads, under the name this room uses. There is one class for the whole pack."""
from ..support.errors import InputError

__all__ = ["InputError"]
