"""The host's web server in this process, and what runs there now."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple


class Running(NamedTuple):
    """prompt: the id of the run. node: the node that works in it, by its id in the graph (`2:1` inside a subgraph)."""

    prompt: str
    node: str


def running_server() -> Any:
    """The host's PromptServer, or None. Looked up, not imported: without a server there is nobody to tell."""
    return getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)


def running_node() -> Running | None:
    """The node that this code runs in, of whatever pack; None outside a graph."""
    look_up = getattr(sys.modules.get("comfy_execution.utils"), "get_executing_context", None)
    context = look_up() if look_up else None
    if context is None:
        return None
    # a node that another one put into the graph while it ran ("5.0.0.2") is shown as that one
    return Running(str(context.prompt_id), str(context.node_id).split(".")[0])


def running_prompt() -> str | None:
    """The id of the run that goes on now."""
    return next((str(item[1]) for item in _current_items()), None)


def queued_graph(prompt_id: str) -> dict[str, dict[str, Any]]:
    """The nodes of a run that goes on, by their ids, as they were queued; none where there is no such run."""
    return next((item[2] for item in _current_items() if item[1] == prompt_id), {})


def workflow_of(prompt_id: str) -> str | None:
    """The id of the page's workflow that a run is of, while it goes on and as long as the host remembers it."""
    item = next((item for item in _current_items() if item[1] == prompt_id), None)
    if item is None:
        item = getattr(_queue(), "history", {}).get(prompt_id, {}).get("prompt")
    extra = item[3] if item is not None and len(item) > 3 else {}
    workflow = (extra.get("extra_pnginfo") or {}).get("workflow")
    return workflow.get("id") if isinstance(workflow, dict) else None


def _queue() -> Any:
    return getattr(running_server(), "prompt_queue", None)


def _current_items() -> list[Any]:
    """What the host's queue keeps of the runs that go on: number, prompt's id, prompt, extra data, and more."""
    return list(getattr(_queue(), "currently_running", {}).values())
