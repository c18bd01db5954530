"""Waiting for what a host tells, without guessing how long it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.hosting.client import Client, describe_failure

from .graphs import Graph

ENDS = ("execution_success", "execution_error", "execution_interrupted")


def wait_until(server: Client, condition: Callable[[], object], reason: str, timeout: float = 120) -> None:
    """Waits until `condition()` is true, which is looked at again after each of the host's events.

    reason: what did not happen, as in "training did not start".
    Raises: AssertionError with the reason after `timeout` seconds.
    """
    arrived = threading.Event()
    before, server.on_event = server.on_event, lambda _: arrived.set()
    end = time.monotonic() + timeout
    try:
        while not condition():
            assert arrived.wait(max(0.0, end - time.monotonic())), reason
            arrived.clear()
    finally:
        server.on_event = before


def steps_of(server: Client, prompt_id: str, node_id: str) -> list[int]:
    """The steps of one node of a run that the host has told so far; it leaves some out."""
    told = [event["data"] for event in server.events_of(prompt_id, "progress")]
    return [int(progress["value"]) for progress in told if str(progress["node"]) == node_id]


def wait_to_the_last_event(server: Client, prompt_id: str, timeout: float = 120) -> dict[str, Any]:
    """Waits until a run has ended and all that the host tells of it has arrived: its events come in order, and the last
    may arrive a moment after the history has the run. Returns the history entry.
    """
    entry = server.wait(prompt_id, timeout)
    wait_until(server, lambda: any(server.events_of(prompt_id, end) for end in ENDS), "the run's end was not told")
    return entry


@dataclass(frozen=True)
class Cancelled:
    """A run that was cancelled while a node worked: its id, and the node's last steps told before and after that."""

    prompt_id: str
    before: int
    after: int


def cancel_at(server: Client, graph: Graph, node_id: str, step: int = 1) -> Cancelled:
    """Posts a workflow, cancels it once a node has told that step, and waits for the run's end.

    Raises: AssertionError when the step isn't told, or the run did not end within 30 seconds of the cancel.
    """
    prompt_id = server.post(graph)

    def last() -> int:
        return max(steps_of(server, prompt_id, node_id), default=0)

    wait_until(server, lambda: last() >= step, f"{node_id} did not begin")
    before = last()
    server.interrupt()
    entry = wait_to_the_last_event(server, prompt_id, timeout=30)
    assert "interrupted" in (describe_failure(entry) or "it went on to its end")
    return Cancelled(prompt_id, before, last())
