"""Takes one folder out of a wheel, safely and all or nothing."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import tempfile
import zipfile

from .. import DevError


def members_below(wheel: zipfile.ZipFile, prefix: str) -> list[tuple[zipfile.ZipInfo, pathlib.PurePosixPath]]:
    """The wheel's files below `prefix` (a folder with a slash at its end) and their paths inside it.

    Raises: DevError for a path that would leave the folder, and for symbolic links.
    """
    found = []
    for info in wheel.infolist():
        if info.is_dir() or not info.filename.startswith(prefix):
            continue
        inside = pathlib.PurePosixPath(info.filename[len(prefix) :])
        unsafe = inside.is_absolute() or ".." in inside.parts or "\\" in info.filename or ":" in info.filename
        if unsafe or not inside.parts or stat.S_ISLNK(info.external_attr >> 16):
            raise DevError(f"the wheel holds the unsafe path {info.filename!r}, so nothing of it was unpacked")
        found.append((info, inside))
    return found


def unpack_folder(wheel: pathlib.Path, prefix: str, destination: pathlib.Path, drop: tuple[str, ...] = ()) -> None:
    """Unpacks the folder `prefix` of a wheel to `destination`, replacing it, without the files named in `drop`.

    A half-done copy never stands at `destination`: it grows beside it and is renamed at the end.
    Raises: DevError when the wheel is damaged, unsafe or without that folder.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix=f"{destination.name}-", dir=destination.parent))
    try:
        new = work / "new"
        try:
            with zipfile.ZipFile(wheel) as archive:
                _extract(archive, prefix, new, drop)
        except zipfile.BadZipFile as error:
            raise DevError(f"{wheel.name} is damaged ({error}): run the command again to download it anew") from error
        if destination.exists():
            os.replace(destination, work / "old")
        os.replace(new, destination)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _extract(archive: zipfile.ZipFile, prefix: str, new: pathlib.Path, drop: tuple[str, ...]) -> None:
    members = members_below(archive, prefix)
    if not members:
        raise DevError(f"the wheel {archive.filename} has no folder {prefix}")
    for info, inside in members:
        if str(inside) in drop:
            continue
        target = new.joinpath(*inside.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
