"""What the host tells of saved concepts: to the picker their list and thumbnails, to other machines their files.

Files are read by their headers and one block of bytes; nothing is unpickled. A name reaches the disk only when the
host's own list of the registered folders has it.
"""

from __future__ import annotations

import asyncio
import io
import logging
import math
import pathlib
import threading
import time
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
FILE = "/single_image_studio/concepts/file"
REMEMBERED = 20_000  # concepts, of a kilobyte each
THUMBNAILS = 512
PATIENCE = 0.5  # seconds that an answer may take; the page asks again for what is pending
SHOWN = ("class_word", "stage", "created", "fingerprint", "base_model", "words", "rank", "has_picture", "bytes")

_known: dict[str, tuple[str, dict[str, Any]]] = {}  # by path: the file's stamp, and what it said
_lock = threading.Lock()  # each request has a thread of its own


def concept_entries(seconds: float = math.inf) -> list[dict[str, Any]]:
    """What the picker shows of every saved concept, the newest first.

    Each has `name`, `phrase`, `version` (changes with the file) and SHOWN; one that cannot be read has `name`,
    `version` and a sentence in `error` instead, and comes last. Where many are new, this takes a second for some
    hundreds of them: after `seconds`, those that are still unread come with `name`, `version` and `pending`.
    """
    files = folders.CONCEPTS.files()
    until = time.monotonic() + seconds  # from now on, so that each answer brings some more
    found = [_entry(name, path, version, until) for name, (path, version) in files.items()]
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


def concept_bytes(name: str) -> bytes | None:
    """A concept's whole file, for who learned it on this machine from another; None when there is no such concept, or
    the file is none: a folder of concepts may hold others, which are large, and nobody else's business."""
    if name not in folders.CONCEPTS.names():
        return None
    try:
        path = folders.CONCEPTS.file(name)
        read_info(path)
        return path.read_bytes()  # and not piece by piece: Windows does not remove a file that is being sent
    except (InputError, OSError):  # or removed between the list and now
        return None


def _entry(name: str, path: str, version: str, until: float) -> dict[str, Any]:
    try:
        info = _read(path, version, until)
    except Exception as error:  # whatever one file does, the others are shown
        log.info("The concept picker cannot read %s.", name, exc_info=error)
        info = {"error": f"{name} cannot be read ({type(error).__name__}): choose another in the list."}
    known = {"name": name, "version": version, **info}
    return known if "class_word" not in info else known | {"phrase": f"<{_last_part(name)}> {info['class_word']}"}


def _read(path: str, version: str, until: float) -> dict[str, Any]:
    """What is remembered of a file, or what is in it; `pending` when there is no time left to look."""
    with _lock:
        kept = _known.get(path)
    if kept is not None and kept[0] == version:
        return kept[1]
    if time.monotonic() > until:
        return {"pending": True}
    info = _info(pathlib.Path(path))
    with _lock:
        _known[path] = version, info
        while len(_known) > REMEMBERED:
            del _known[next(iter(_known))]
    return info


def _last_part(name: str) -> str:
    """A concept in a subfolder is called by its file's name alone."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _info(path: pathlib.Path) -> dict[str, Any]:
    try:
        info = read_info(path)
    except InputError as error:
        return {"error": str(error)}
    return {key: info[key] for key in SHOWN}


@lru_cache(maxsize=THUMBNAILS)
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
    """Adds the three GET routes to the host's server, where there is one."""
    from aiohttp import web

    server = running_server()
    if server is None:
        return

    @server.routes.get(LIST)
    async def concepts(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(concept_entries, PATIENCE))

    @server.routes.get(THUMBNAIL)
    async def thumbnail(request: web.Request) -> web.Response:
        png = await asyncio.to_thread(thumbnail_png, request.query.get("name", ""))
        if png is None:
            return web.Response(status=404, text="There is no such concept.")
        # the page adds the version to the address
        return web.Response(body=png, content_type="image/png", headers={"Cache-Control": "max-age=86400"})

    @server.routes.get(FILE)
    async def file(request: web.Request) -> web.Response:
        content = await asyncio.to_thread(concept_bytes, request.query.get("name", ""))
        if content is None:
            return web.Response(status=404, text="There is no such concept.")
        return web.Response(body=content, content_type="application/octet-stream")
