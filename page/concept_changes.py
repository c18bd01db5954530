"""The picker's two changes of saved concepts: another name, and deletion. The only routes of the pack that write.

Both are POST with a JSON body, which no form of another site can send, and are refused when the browser says that
another site asks. A name counts only if the host's list has it and its file lies in the pack's own folder of concepts:
what extra model paths add is never changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from ..host import folders
from ..host.server import running_server
from ..support.errors import InputError, brief
from ..support.names import EXTENSION, check_name
from ..support.reading import reason

RENAME = "/single_image_studio/concepts/rename"
DELETE = "/single_image_studio/concepts/delete"
FORBIDDEN, REFUSED = 403, 400


def rename_concept(name: str, new_name: str) -> str:
    """Gives a concept's file another name in the same folder. Returns the concept's new name.

    Raises: InputError when there is no such concept of ours, or the new name cannot be used or is taken.
    """
    path = _own_file(name)
    target = path.with_name(check_name(new_name, "The new name") + EXTENSION)
    if target.exists() or target.is_symlink():
        raise InputError(f"There is a concept called {brief(target.stem)} already: use another name.")
    path.rename(target)
    folder = name.replace("\\", "/").rpartition("/")[0]
    return f"{folder}/{target.stem}" if folder else target.stem


def delete_concept(name: str) -> None:
    """Removes a concept's file; nothing else that was exported from it.

    Raises: InputError when there is no such concept of ours.
    """
    _own_file(name).unlink()


def is_from_this_site(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from the page that this server gave. A browser says where one comes from; what says
    nothing is no page, and could do as much without us."""
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    origin = headers.get("Origin")
    return origin is None or origin.partition("://")[2] == headers.get("Host", "")


def _own_file(name: str) -> pathlib.Path:
    own = folders.CONCEPTS.folders()[0]
    if isinstance(name, str) and name in folders.CONCEPTS.names():
        path = folders.CONCEPTS.file(name)
        with contextlib.suppress(OSError):
            if path.parent.resolve().is_relative_to(own.resolve()):
                return path
    raise InputError(
        f"There is no concept {brief(name)} in the pack's own folder: only those that are there can be changed."
    )


def register() -> None:
    """Adds the two POST routes to the host's server, where there is one."""
    from aiohttp import web

    server = running_server()
    if server is None:
        return

    async def answer(request: web.Request, change: Callable[[dict[str, Any]], Any]) -> web.Response:
        if not is_from_this_site(request.headers) or request.content_type != "application/json":
            return web.Response(status=FORBIDDEN, text="Only ComfyUI's own page may change concepts.")
        try:
            return web.json_response({"name": await asyncio.to_thread(change, await request.json())})
        except InputError as error:
            return web.Response(status=REFUSED, text=str(error))
        except OSError as error:
            return web.Response(status=REFUSED, text=f"The file could not be changed ({reason(error)}).")
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            return web.Response(
                status=REFUSED, text=f"The request says nothing that can be done ({type(error).__name__})."
            )

    @server.routes.post(RENAME)
    async def rename(request: web.Request) -> web.Response:
        return await answer(request, lambda body: rename_concept(body["name"], body["new_name"]))

    @server.routes.post(DELETE)
    async def delete(request: web.Request) -> web.Response:
        return await answer(request, lambda body: delete_concept(body["name"]))
