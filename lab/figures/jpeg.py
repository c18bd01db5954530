"""JPEGs that are as good as a limit on their size allows."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterable

from PIL import Image

CRISP_FROM = 81  # the quality from which `fine_colors` keeps colours at full resolution


def encode(picture: Image.Image, most: int, qualities: Iterable[int], fine_colors: bool = False) -> bytes:
    """The first of the qualities that needs at most `most` bytes; the last one when none does.

    fine_colors: at high qualities colours are not stored at half the resolution, which blurs print.
    """
    data = b""
    for quality in qualities:
        subsampling = {"subsampling": 0 if quality >= CRISP_FROM else 2} if fine_colors else {}
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality, **subsampling)
        data = stream.getvalue()
        if len(data) <= most:
            break
    return data


def write(path: pathlib.Path, data: bytes) -> int:
    """Writes a file, and its folder if need be; returns its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(data)
