"""Stamps: small files that say from which inputs something was made, so that it is not made again."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterable


def digest(parts: Iterable[str | pathlib.Path]) -> str:
    """One hash of texts and of files' contents, in order; a missing file counts as such."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            content = part.read_bytes() if part.is_file() else b"\0missing"
        else:
            content = part.encode()
        whole.update(len(content).to_bytes(8, "big") + content)
    return whole.hexdigest()


def is_current(stamp: pathlib.Path, wanted: str) -> bool:
    """Whether the stamp file holds the wanted digest."""
    return stamp.is_file() and stamp.read_text(encoding="ascii", errors="replace").strip() == wanted


def write(stamp: pathlib.Path, value: str) -> None:
    """Writes a stamp so that it is either whole or not there."""
    draft = stamp.with_name(f"{stamp.name}.{os.getpid()}")
    draft.write_text(value + "\n", encoding="ascii")
    draft.replace(stamp)
