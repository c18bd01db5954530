"""A folder of files that may be lost: bounded in number, bytes and age, the oldest given up first."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .errors import InputError
from .names import EXTENSION
from .reading import LONGEST_HEADER, Header, read_header, read_tensors
from .writing import sweep, write_over

DAY = 24 * 60 * 60
OURS = re.compile(r"[0-9a-f]{32}" + re.escape(EXTENSION))  # nobody else's file is ever removed


@dataclass(frozen=True)
class BoundedFolder:
    """Safetensors files by a key of 32 hex digits, the file's name. A key that is kept anew replaces the older file.

    most_files, most_bytes: of all together. days: how long a file stays that is not kept anew.
    left_free: bytes of the disk that are left to others.
    """

    path: Path
    most_files: int
    most_bytes: int
    days: float
    left_free: int

    def keep(
        self, key: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], beside: Collection[str] = ()
    ) -> None:
        """beside: keys whose files are not given up for this one.

        Raises: OSError when it is too large, the disk too full, or the folder cannot be written.
        """
        size = sum(tensor.nbytes for tensor in tensors.values())
        path = self._file(key)
        self.path.mkdir(parents=True, exist_ok=True)
        stay = [file for file in self._newest_first() if file.path.stem in beside and file.path != path]
        if len(stay) + 1 > self.most_files or size + sum(file.size for file in stay) > self.most_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        # the older file of this key goes when the new one is whole
        self.sweep(room_for=size, but=(path, *(file.path for file in stay)))
        if size + self.left_free > shutil.disk_usage(self.path).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_over(tensors, metadata, path)

    def header(self, key: str) -> Header | None:
        """What a kept file says of itself; None where there is none.

        Raises: InputError when it is damaged, or larger than any that was kept.
        """
        path = self._file(key)
        if not path.is_file():
            return None
        header = read_header(path)
        if header.size > self.most_bytes + LONGEST_HEADER:
            raise InputError(f"{path.name} has {header.size:,} bytes, more than any that is kept.")
        return header

    def tensors(self, key: str) -> dict[str, Tensor]:
        """Raises: InputError when the file is damaged."""
        return read_tensors(self._file(key))

    def sweep(self, room_for: int = 0, but: Sequence[Path] = ()) -> None:
        """Removes what is too old, then the oldest until the rest and `room_for` bytes keep the bounds.

        but: these stay; the first is the file that the bytes are for.
        """
        sweep(self.path)
        found = self._newest_first()
        files, size = len(but), room_for + sum(file.size for file in found if file.path in but[1:])
        for file in found:
            if file.path in but:
                continue
            files, size = files + 1, size + file.size
            if files > self.most_files or size > self.most_bytes or file.age > self.days * DAY:
                with contextlib.suppress(OSError):
                    os.unlink(file.path)

    def _newest_first(self) -> list[_File]:
        found = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.path):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        found.append(_File(Path(entry.path), status.st_size, time.time() - status.st_mtime))
        return sorted(found, key=lambda file: file.age)

    def _file(self, key: str) -> Path:
        return self.path / (key + EXTENSION)


@dataclass(frozen=True)
class _File:
    path: Path
    size: int
    age: float
