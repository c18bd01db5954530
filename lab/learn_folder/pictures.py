"""What is in a folder of pictures: which concepts, of which class words, and what cannot be one.

A picture in a subfolder has that folder's name as its class word: `dog/rex.png` is a dog called rex. A picture that
lies in the folder itself has what stands after the last `_` of its name: `rex_dog.png` is a dog called rex_dog; or the
class word that is given for all of these. A `_` in a subfolder's name is a space: `teddy_bear/ted.png`.
"""

from __future__ import annotations

import pathlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .. import DevError
from ..hosting import in_process
from .results import is_drawn
from .tasks import Failure

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class Picture:
    """As in Task."""

    file: str
    path: pathlib.Path
    name: str
    class_word: str


def find(
    folder: pathlib.Path, class_word: str | None = None, output: pathlib.Path | None = None
) -> tuple[list[Picture], list[Failure]]:
    """All pictures in a folder and its subfolders, by their names, and those that cannot be learned.

    class_word: of the pictures that lie in the folder itself. output: where the results go, which may be in the folder:
    what was drawn there is nothing to learn from.
    Raises: DevError when the folder is not there, or has no picture.
    """
    if not folder.is_dir():
        raise DevError(f"there is no folder {folder}: give the folder that your pictures are in")
    there = (path for path in folder.rglob("*") if _is_picture(path.relative_to(folder)) and path.is_file())
    files = sorted(path for path in there if output is None or not is_drawn(path, output))
    if not files:
        raise DevError(f"{folder} has no pictures: it needs files that end in {', '.join(sorted(ENDINGS))}")
    read = [_read(folder, path, class_word) for path in files]
    alone, alike = _told_apart([item for item in read if isinstance(item, Picture)])
    return alone, [item for item in read if isinstance(item, Failure)] + alike


def _is_picture(path: pathlib.Path) -> bool:
    return path.suffix.lower() in ENDINGS and not any(part.startswith(".") for part in path.parts)


def _read(folder: pathlib.Path, path: pathlib.Path, class_word: str | None) -> Picture | Failure:
    """What a file's name says."""
    file = path.relative_to(folder).as_posix()
    if (told := file.encode(errors="backslashreplace").decode()) != file:  # bytes that are no text
        return Failure(told, "its name, or its folder's, is not in UTF-8: rename it")
    try:
        name = checked_name(path.stem)
    except ValueError as error:
        return Failure(file, f"its name cannot be a concept's: {error}")
    word = path.parent.name.replace("_", " ").strip() if path.parent != folder else class_word or _last_word(path.stem)
    if not any(character.isalpha() for character in word):
        return Failure(
            file,
            "its name says no class word: put it in a folder that is called like what it shows, such as"
            f" dog/{path.name}, call it {path.stem}_dog{path.suffix}, or give --class-word",
        )
    return Picture(file, path, name, word)


def _last_word(stem: str) -> str:
    return stem.rpartition("_")[2] if "_" in stem else ""


def checked_name(stem: str) -> str:
    """A file's name without its ending as a concept's name; spaces become `_`.

    Raises: ValueError, a sentence, for one that no concept can have.
    """
    in_process.import_pack()
    from single_image_studio.support.errors import InputError
    from single_image_studio.support.names import check_name

    try:
        return check_name("_".join(stem.split()), "The file's name")
    except InputError as error:
        raise ValueError(str(error)) from error


def _told_apart(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Failure]]:
    """Those whose names are theirs alone, also where small and capital letters are the same; and the others."""
    by_name = defaultdict(list)
    for picture in pictures:
        by_name[picture.name.casefold()].append(picture)
    alone = [same[0] for same in by_name.values() if len(same) == 1]
    alike = [
        Failure(picture.file, f"{_others(picture, same)} would have the same name, {picture.name}: rename one of them")
        for same in by_name.values()
        if len(same) > 1
        for picture in same
    ]
    return alone, alike


def _others(picture: Picture, same: Sequence[Picture]) -> str:
    return " and ".join(other.file for other in same if other is not picture)
