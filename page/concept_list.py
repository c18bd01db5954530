"""What the concept picker asks the host for: the list of saved concepts, and their thumbnails.

Files are read by their headers and one block of bytes; nothing is unpickled. A name reaches the disk only when the
host's own list of the registered folders has it.
"""

from __future__ import annotations

import asyncio
import io
import logging
import pathlib
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw

from ..concept.file import read_info, read_thumbnail
from ..concept.pixels import THUMBNAIL_SIZE
from ..host import folders
from ..host.server import running_server
from ..support.errors import InputError

log = logging.getLogger("single_image_studio")
LIST = "/single_image_studio/concepts"
THUMBNAIL = "/single_image_studio/concepts/thumbnail"
REMEMBERED = 512
SHOWN = ("class_word", "stage", "created", "fingerprint", "base_model", "words", "rank", "has_picture", "bytes")


def concept_entries() -> list[dict[str, Any]]:
    """What the picker shows of every saved concept, the newest first.

    Each has `name`, `phrase`, `version` (changes with the file) and SHOWN; one that cannot be read has `name`,
    `version` and a sentence in `error` instead, and comes last.
    """
    found = [_entry(name) for name in folders.CONCEPTS.names()]
    found.sort(key=lambda entry: entry["name"])
    found.sort(key=lambda entry: entry.get("created", ""), reverse=True)
    return found


def thumbnail_png(name: str) -> bytes | None:
    """A concept's thumbnail as a PNG file; a placeholder where the file has none or is damaged; None when there is no
    such concept."""
    if name not in folders.CONCEPTS.names():
        return None
    try:
        path = folders.CONCEPTS.file(name)
        return _thumbnail(path, folders.CONCEPTS.stamp(name))
    except (InputError, OSError):  # removed between the list and now
        return placeholder()


def _entry(name: str) -> dict[str, Any]:
    try:
        stamp = folders.CONCEPTS.stamp(name)
        info = _info(folders.CONCEPTS.file(name), stamp)
    except (InputError, OSError) as error:
        return {"name": name, "version": "", "error": str(error)}
    if "error" in info:
        return {"name": name, "version": stamp, "error": info["error"]}
    word = _last_part(name)
    return {
        "name": name,
        "version": stamp,
        "phrase": f"<{word}> {info['class_word']}",
        **{key: info[key] for key in SHOWN},
    }


def _last_part(name: str) -> str:
    """A concept in a subfolder is called by its file's name alone."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


@lru_cache(maxsize=REMEMBERED)
def _info(path: pathlib.Path, stamp: str) -> dict[str, Any]:
    """stamp: changes with the file, so that what is remembered is never old."""
    try:
        return read_info(path)
    except InputError as error:
        return {"error": str(error)}


@lru_cache(maxsize=REMEMBERED)
def _thumbnail(path: pathlib.Path, stamp: str) -> bytes:
    try:
        pixels = read_thumbnail(path)
    except InputError as error:
        log.info("The concept picker shows a placeholder: %s", error)
        return placeholder()
    return placeholder() if pixels is None else _png(Image.fromarray(pixels.numpy()))


@lru_cache(maxsize=1)
def placeholder() -> bytes:
    """A grey tile with a question mark's dot and bow, legible on light and dark pages."""
    side = THUMBNAIL_SIZE
    image = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(image)
    grey = (136, 136, 136, 255)
    draw.rounded_rectangle((8, 8, side - 9, side - 9), 10, outline=grey, width=3)
    draw.arc((34, 24, 62, 52), 180, 90, fill=grey, width=6)
    draw.line((48, 50, 48, 62), fill=grey, width=6)
    draw.ellipse((44, 67, 52, 75), fill=grey)
    return _png(image)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def register() -> None:
    """Adds the two GET routes to the host's server, where there is one."""
    from aiohttp import web

    server = running_server()
    if server is None:
        return

    @server.routes.get(LIST)
    async def concepts(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(concept_entries))

    @server.routes.get(THUMBNAIL)
    async def thumbnail(request: web.Request) -> web.Response:
        png = await asyncio.to_thread(thumbnail_png, request.query.get("name", ""))
        if png is None:
            return web.Response(status=404, text="There is no such concept.")
        # the page adds the version to the address
        return web.Response(body=png, content_type="image/png", headers={"Cache-Control": "max-age=86400"})
