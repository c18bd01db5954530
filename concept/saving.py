"""Saves a concept under a name that is free everywhere, together with its files for other tools."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..support.names import EXTENSION
from ..support.writing import FileTaken
from .data import Concept
from .export import AS_LEARNED, ExportSettings, export_for_other_tools
from .file import free_name, same_concept, save_concept

TRIES = 20


@dataclass(frozen=True)
class Folders:
    """Where files go, and where a name must be free. Of each kind, the first folder is written to.

    The others are those that the host also searches: a file there would answer to the same name.
    """

    concepts: Sequence[Path]
    embeddings: Sequence[Path] = ()
    loras: Sequence[Path] = ()


@dataclass(frozen=True)
class Saved:
    """What was saved: the name that it got, the concept file, and the files for other tools (none without export)."""

    name: str
    path: Path
    exports: tuple[Path, ...]


def save_everywhere(
    concept: Concept,
    name: str,
    folders: Folders,
    export: ExportSettings | None = AS_LEARNED,
    include_picture: bool = True,
) -> Saved:
    """Saves a concept as NAME, or as NAME_2, NAME_3 … where another's file has that name. Nothing is overwritten.

    export: how the files for other tools are written; None: there are none.
    Saving the same concept again finds its files and writes only those that are missing.
    Raises: InputError when the name cannot be used, the disk is full or a folder cannot be written; then no file is
    left that was not there before.
    """
    searched = [*folders.concepts, *((*folders.embeddings, *folders.loras) if export else ())]
    precision = (export or AS_LEARNED).precision
    for _ in range(TRIES):
        found = free_name(searched, name, concept, include_picture, precision)
        try:
            return _save_as(concept, found, folders, export, include_picture)
        except FileTaken:
            continue  # someone took the name between the look and the writing: look again
    raise FileTaken(f"{name} and the names after it are being taken by another program: change `name`.")


def _save_as(
    concept: Concept, name: str, folders: Folders, export: ExportSettings | None, include_picture: bool
) -> Saved:
    path = _existing(concept, name, folders.concepts, include_picture)
    is_new = path is None
    path = path or save_concept(concept, folders.concepts[0] / (name + EXTENSION), include_picture)
    if export is None:
        return Saved(name, path, ())
    try:
        exports = export_for_other_tools(concept, folders.embeddings[0], folders.loras[0], name, export)
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return Saved(name, path, tuple(exports))


def _existing(concept: Concept, name: str, folders: Sequence[Path], include_picture: bool) -> Path | None:
    """The file of that name, which holds the same concept.

    Raises: FileTaken when another program has put another's there since `free_name` looked.
    """
    path = next((path for folder in folders if (path := folder / (name + EXTENSION)).exists()), None)
    if path is not None and not same_concept(concept, path, include_picture):
        raise FileTaken(f"{name} has just been taken by another program.")
    return path
