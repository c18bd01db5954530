"""Names of concepts and inversions. A name is a file name and a word in prompts, so it must be safe as both."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator

from .errors import InputError, brief

EXTENSION = ".safetensors"
LONGEST_NAME = 64
LONGEST_NAME_BYTES = 200  # file systems allow 255 bytes, of which temporary names and "_2" need some
RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)


def check_name(name: str, called: str = "`name`") -> str:
    """Returns the name as it is used: without spaces around it and without a trailing ".safetensors".

    Letters and digits of every script, "_", "-" and "." inside are fine. Composed and decomposed accents become one
    spelling (NFC), since file systems differ in which they keep and prompts must find the file.
    Raises: InputError for a name that could leave its folder, that some system cannot store, or that a prompt would cut
    short or read as syntax. called: what the error calls it.
    """
    if not isinstance(name, str):
        raise InputError(f"{called} is {brief(name)}; expected text: change it.")
    bare = _drop_extension(unicodedata.normalize("NFC", name).strip())
    problem = _problem(bare)
    if problem:
        raise InputError(f"{called} is {brief(name)}, which {problem}: use letters, digits, _ and -, as in my_concept.")
    return bare


def numbered(name: str) -> Iterator[str]:
    """NAME, NAME_2, NAME_3 …, none longer than a name may be."""
    yield name
    for number in itertools.count(2):
        ending = f"_{number}"
        yield name[: LONGEST_NAME - len(ending)] + ending


def _drop_extension(name: str) -> str:
    while name.lower().endswith(EXTENSION):
        name = name[: -len(EXTENSION)].rstrip()
    return name


def _problem(name: str) -> str | None:
    """What is wrong with a name, to follow "which", or None."""
    if not name:
        return "is empty"
    if "/" in name or "\\" in name:
        return f"has a {'/' if '/' in name else chr(92)} and so points into another folder"
    if name.startswith("."):
        return "starts with a dot, so it would be hidden"
    if RESERVED.fullmatch(unicodedata.normalize("NFKC", name)):  # Windows also reserves COM¹
        return "is reserved by Windows"
    if len(name) > LONGEST_NAME or len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME_BYTES:
        return f"is too long ({len(name)} characters; {LONGEST_NAME} fit)"
    return _bad_character(name)


def _bad_character(name: str) -> str | None:
    for character in name:
        if character.isspace():
            return "has a space, where a prompt would cut it short"
        if not allowed(character):
            return f"has {character!r}, which prompts or file systems read in their own way"
    if not (name[0].isalnum() or name[0] == "_"):
        return f"starts with {name[0]!r}"
    if name.endswith("."):
        return "ends with a dot, which Windows drops"
    return None


def allowed(character: str) -> bool:
    """Whether a name may have this character inside."""
    return character.isalnum() or character in "_-." or is_mark(character)


def composed(text: str) -> str:
    """Each accent with its letter, as keyboards write them; files of some systems and archives have them apart."""
    return unicodedata.normalize("NFC", text)


SPELLINGS: tuple[Callable[[str], str], ...] = (str, composed)
"""In which names are compared, one after the other: as they are written, which tells more names apart, comes first."""


def is_mark(character: str) -> bool:
    """Accents by themselves, and the vowel signs of many scripts, without which their words cannot be written."""
    return unicodedata.category(character).startswith("M")
