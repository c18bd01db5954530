"""Warnings on the page, at the node in which they arise: one of ours, or a stock one that calls into what we put on its
wires, as CLIP Text Encode does with a prompt that names a concept.

The nodes of the pack have theirs in their `ui` too (nodes/schema.py), for the host's history.
"""

from __future__ import annotations

from typing import Any

from ..host.server import running_node, running_prompt, running_server, workflow_of
from ..support import warnings
from ..support.warnings import Warned

EVENT = "single_image_studio.warning"
ROUTE = "/single_image_studio/run"


def send(warned: Warned) -> None:
    """Tells the page at once; without a server or outside a graph nobody is told but the log."""
    server, running = running_server(), running_node()
    if server is None or running is None:
        return
    address = {"node": running.node, "prompt_id": running.prompt, "workflow": workflow_of(running.prompt)}
    server.send_sync(EVENT, {**address, **warned.message()}, server.client_id)


def run_of(prompt_id: str | None) -> dict[str, str | None]:
    """A run and its workflow, so that the page knows whose nodes begin anew. None: the run that goes on now."""
    prompt_id = prompt_id or running_prompt()
    return {"prompt_id": prompt_id, "workflow": None if prompt_id is None else workflow_of(prompt_id)}


def register() -> None:
    """Sends every warning from now on, and adds the route to the server of this process, if there is one."""
    from aiohttp import web

    warnings.placed_by(running_node)
    warnings.listen(send)
    server = running_server()
    if server is None:
        return

    async def answer(request: Any) -> Any:
        return web.json_response(run_of(request.rel_url.query.get("prompt")))

    server.routes.get(ROUTE)(answer)
