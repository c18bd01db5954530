"""Writes a file completely or not at all; a new one never over another."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from .errors import InputError

DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
MEGABYTE = 2**20
LEFT_BEHIND = re.compile(r"\..{1,40}\.[0-9a-f]{12}\.tmp", re.DOTALL)
LEFT_AFTER = 15 * 60  # seconds
DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16",
          torch.int64: "I64", torch.uint8: "U8"}  # fmt: skip


class FileTaken(InputError):
    """A file of that name is there already. Nothing was written."""


def write_new(tensors: Mapping[str, Tensor], metadata: Mapping[str, str], path: Path) -> Path:
    """Writes a safetensors file as `write_new_bytes` does.

    Returns path. Raises: as `write_new_bytes`.
    """
    # Serialised in memory, a few megabytes, so that every failure of the disk comes as an OSError with its number.
    payload = save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, dict(metadata)
    )
    return write_new_bytes(payload, path)


def write_new_bytes(payload: bytes, path: Path) -> Path:
    """Writes a file at a path where nothing is yet, and makes its folder if need be.

    Everything goes into a temporary file beside it first, down to the disk, and is then given its name in one step. So
    another program never sees half a file, and a failure at any moment leaves the folder as it was.
    Returns path.
    Raises: FileTaken when the path exists; InputError when the disk is full or the folder cannot be written.
    """
    try:
        with _temporary_beside(path) as temporary:
            _write_through(temporary, [payload])
            _publish(temporary, path, payload)
    except OSError as error:
        raise _readable(error, path, len(payload)) from error
    _sync_folder(path.parent)
    return path


def write_over(tensors: Mapping[str, Tensor], metadata: Mapping[str, str], path: Path) -> None:
    """Writes a safetensors file, in the place of an older one of its name if there is one.

    Tensor by tensor: a gigabyte on a GPU takes no second gigabyte of memory.
    tensors: of the dtypes in DTYPES, on any device.
    Raises: OSError when the disk is full or the folder cannot be written; the older file is left as it was then.
    """
    with _temporary_beside(path) as temporary:
        _write_through(temporary, _safetensors(tensors, metadata))
        os.replace(temporary, path)
    _sync_folder(path.parent)


def _safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    """A safetensors file in pieces: the header's length (8 bytes, little endian), the header, and each tensor."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for tensor in tensors.values():
        yield tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


@contextlib.contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    """Where to write before the file gets its name; gone afterwards. Makes the folder, and sweeps it."""
    temporary = path.parent / f".{path.stem[:40]}.{secrets.token_hex(6)}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes what a program that was killed while it wrote has left in a folder.

    Only names that `write_new_bytes` gives, and only what is older than any writing takes: another program may be at
    it.
    """
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if LEFT_BEHIND.fullmatch(entry.name) and entry.is_file(follow_symlinks=False) and age > LEFT_AFTER:
                    os.unlink(entry.path)


def _write_through(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Makes a new file and waits until its bytes are on the disk; a file that could not be finished is removed."""
    with path.open("xb") as file:
        try:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()  # may fail again on a full disk; Windows removes only closed files
            with contextlib.suppress(OSError):
                path.unlink()
            raise


def _publish(temporary: Path, path: Path, payload: bytes) -> None:
    """Gives the finished file its name. os.replace would be simpler, but overwrites without asking."""
    if os.name == "nt":
        os.rename(temporary, path)  # on Windows, and only there, this refuses to overwrite
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        _write_through(path, [payload])  # exFAT and some network drives have no links


def _sync_folder(folder: Path) -> None:
    """Makes the new name survive a power cut; not every system lets a folder be opened, and none needs it to be."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _readable(error: OSError, path: Path, size: int) -> InputError:
    if isinstance(error, FileExistsError) and os.path.lexists(path):
        return FileTaken(f"{path.name} already exists in {path.parent} and was not overwritten: change `name`.")
    if error.errno in DISK_FULL:
        return InputError(
            f"the disk that holds {path.parent} is full, so {path.name} was not saved and nothing was overwritten; "
            f"it is still on the wire: free {_megabytes_short(path.parent, size)} MB and queue again."
        )
    return InputError(
        f"{path.name} could not be written to {path.parent} ({error.strerror or error}) and nothing was overwritten; "
        "it is still on the wire: make that folder writable, or change `name`, and queue again."
    )


def _megabytes_short(folder: Path, size: int) -> int:
    """How much to free, rounded up; all of it where free space is not told (or is a quota's)."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        free = 0
    missing = size - free if free < size else size
    return math.ceil(missing / MEGABYTE)
