"""Reads safetensors files of unknown origin: the header alone, or all of it. Nothing here ever runs a file's
content."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from .errors import InputError, brief

# Bounds of what is read before anything else is known of a file. The largest concept has 530 tensors, and its header
# is mostly its losses; a large checkpoint, which is told by its names, has some thousands.
LONGEST_HEADER = 25_000_000
MOST_TENSORS = 10_000
BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
        "F8_E4M3": 8, "F8_E5M2": 8, "I8": 8, "U8": 8, "BOOL": 8}  # fmt: skip
CHOOSE = "choose a file that Save Concept or Save Inversion wrote"
FOREIGN = (
    (
        rb"PK\x03\x04",
        (
            "a zip archive, as torch.save writes it, renamed to .safetensors; such files can run code when opened, so"
            " it was not loaded"
        ),
    ),
    (
        rb"\x80[\x00-\x08]|c[\w.]+\n[\w.]+\n|\([lditc0-9]",
        "a Python pickle renamed to .safetensors; such files can run code when opened, so it was not loaded",
    ),
    (rb"version https://git-lfs", "a pointer that Git LFS left in place of the file; download the file itself"),
    (rb"\s*<", "a web page, not the file that was to be downloaded"),
)


@dataclass(frozen=True)
class Header:
    """What a safetensors file says about itself.

    metadata: its strings. tensors: name to {"dtype", "shape", "data_offsets"}. start: where the tensors' bytes begin.
    size: of the file, in bytes.
    """

    metadata: dict[str, str]
    tensors: dict[str, dict[str, Any]]
    start: int
    size: int


def read_header(path: Path) -> Header:
    """Reads the header alone, in a moment, however large the file is, and checks that the file is as long as it says.

    Raises: InputError when there is no file, when it is something else, cut short or damaged.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            start = file.read(256)
            length = _header_length(path, start, size)
            file.seek(8)
            text = file.read(length)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({reason(error)}): choose another in the list.") from error
    return _parse_header(path, text, size)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Reads all tensors, onto the CPU, free of the host's inference mode. `read_header` should have been called first.

    Raises: InputError when the file is damaged.
    """
    try:
        # Read as bytes, not mapped: Windows keeps a mapped file locked for as long as one of its tensors lives.
        with torch.inference_mode(False):
            return load(path.read_bytes())  # type: ignore[no-any-return]
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({reason(error)}): choose another in the list.") from error
    except (SafetensorError, ValueError, KeyError, RuntimeError, AssertionError, AttributeError, TypeError) as error:
        raise InputError(
            f"{path.name} is damaged ({brief(str(error))}): copy or download it again, or {CHOOSE}."
        ) from error


def reason(error: OSError) -> str:
    """Why a file could not be read or written, without its path, which is nobody's business on the page."""
    return error.strerror or type(error).__name__


def _header_length(path: Path, start: bytes, size: int) -> int:
    """The length of the JSON text, which the first eight bytes tell."""
    if size == 0:
        raise InputError(f"{path.name} is empty: copy or download it again, or {CHOOSE}.")
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{":
        raise InputError(f"{path.name} is {_what_it_is(start)}: {CHOOSE}.")
    if 8 + length > size:
        raise _cut_short(path, 8 + length, size)
    if length > LONGEST_HEADER:
        raise InputError(f"{path.name} has a header of {length:,} bytes, which no program writes: {CHOOSE}.")
    return length


def _what_it_is(start: bytes) -> str:
    for pattern, description in FOREIGN:
        if re.match(pattern, start):
            return description
    return "not a safetensors file"


def _parse_header(path: Path, text: bytes, size: int) -> Header:
    try:
        entries = json.loads(text)
        if not isinstance(entries, dict):
            raise TypeError("no table")
        metadata = {str(name): str(value) for name, value in (entries.pop("__metadata__", None) or {}).items()}
        if len(entries) > MOST_TENSORS:
            raise InputError(f"{path.name} has {len(entries):,} tensors, which no concept nor inversion has: {CHOOSE}.")
        end = 8 + len(text) + max((_last_byte(entry) for entry in entries.values()), default=0)
    except InputError:
        raise
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise InputError(f"the header of {path.name} is damaged: copy or download it again, or {CHOOSE}.") from error
    if end > size:
        raise _cut_short(path, end, size)
    return Header(metadata, entries, 8 + len(text), size)


def _last_byte(entry: dict[str, Any]) -> int:
    """Where a tensor ends, counted from the header's end. The rest of its entry is checked on the way.

    Raises: ValueError for what no writer of the format makes.
    """
    begin, end = entry["data_offsets"]
    numbers = [begin, end, *entry["shape"]]
    if not all(type(number) is int and number >= 0 for number in numbers) or begin > end:
        raise ValueError("impossible sizes")
    bits = BITS.get(entry["dtype"])
    if bits is not None and math.prod(entry["shape"]) * bits != (end - begin) * 8:
        raise ValueError("a shape that its bytes do not have")
    return end  # type: ignore[no-any-return]


def _cut_short(path: Path, expected: int, size: int) -> InputError:
    return InputError(
        f"{path.name} is cut short (at least {expected:,} bytes expected, {size:,} there): copy or download it again,"
        f" or {CHOOSE}."
    )
