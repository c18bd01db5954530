"""What the page's live view shows of a node while it runs: curves, time, previews. Kept, so that a page opened later
has them again.

Each run is told in three ways: events (what is new, a few times a second), a route (everything, for a page that was
reloaded), and the log and the node's `ui` (for those without the page). Nothing here touches tensors or random numbers.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

import comfy.model_management

from ..host.server import running_server
from ..losses.terms import LOSS_TERMS
from .data_url import data_url

log = logging.getLogger("single_image_studio")

EVENT = "single_image_studio.live"
ROUTE = "/single_image_studio/live"
SEND_EVERY = 0.2  # seconds: five times a second is smooth, and cheap for the page
LOG_EVERY = 10.0
MOST_POINTS = 1000  # of a whole history; a chart is narrower than that
MOST_PREVIEWS = 6
MOST_RUNS = 64
PREVIEW_SIDE = 128
SUBJECT_SIDE = 256

TITLES = {"stage1": "Stage I", "stage2": "Stage II", "text": "Imagic Text Optimize", "inversion": "Null-Text Invert"}


@dataclass(frozen=True)
class NodeAddress:
    """Where a node runs: its id in the graph (`2:1` inside a subgraph), the id of the page's workflow, the prompt's id.
    None where unknown."""

    node: str | None = None
    workflow: str | None = None
    prompt: str | None = None


@dataclass(frozen=True)
class Moment:
    """One step in words: step `step` of `steps` in a phase (learning, inverting, optimising, measuring, reconstructing)
    of one picture."""

    phase: str
    step: int
    steps: int
    picture: int = 1
    pictures: int = 1

    @property
    def x(self) -> int:
        """Where it is on the curves' axis: the pictures of a batch follow one another."""
        return (self.picture - 1) * self.steps + self.step


class LiveRun:
    """One run of one node, as a context: leaving it tells how it ended.

    kind: a key of TITLES; the page chooses its words by it.
    """

    def __init__(self, kind: str, address: NodeAddress) -> None:
        self.kind, self.address = kind, address
        self.state = "running"
        self.began, self._clock = time.time(), time.monotonic()
        self.ended: float | None = None
        self.total = self.done = self.before = 0
        self.moment: Moment | None = None
        self.x: list[int] = []
        self.series: dict[str, list[float | None]] = {}
        self.previews: list[dict[str, Any]] = []
        self.subject: str | None = None
        self._first: tuple[int, float] | None = None
        self._sent = self._sent_previews = 0
        self._subject_sent = False
        self._last_sent = self._last_logged = self._clock
        self._lock = threading.Lock()  # the route reads in the server's thread

    def __enter__(self) -> LiveRun:
        _remember(self)
        self._send()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cancelled = isinstance(error, comfy.model_management.InterruptProcessingException)
        self.state = "done" if error is None else "cancelled" if cancelled else "failed"
        self.ended = time.monotonic()
        self._send()

    def begin(self, total: int) -> None:
        """total: what `done` counts to, for the remaining time."""
        self.total = total

    def show_subject(self, picture: Any) -> None:
        """Shows, before the first step and from then on, what is learned: a PIL picture, such as the given one with its
        mask."""
        with self._lock:
            self.subject, self._subject_sent = _data_url(picture, SUBJECT_SIDE), False
        self._send()

    def past(self, done: int, moment: Moment, values: Mapping[str, float]) -> None:
        """Takes a step of an earlier run that is gone on from: it is on the curves, and took no time of this one."""
        with self._lock:
            self.done = self.before = done
            self.moment = moment
            self._append(moment.x, values)

    def step(self, done: int, moment: Moment, values: Mapping[str, float], preview: Any = None) -> None:
        """Takes a finished step. values: by name in LOSS_TERMS; numbers that are not finite leave a gap. preview: a PIL
        picture."""
        now = time.monotonic()
        with self._lock:
            self.done, self.moment = done, moment
            self._first = self._first or (done, now)
            if values:
                self._append(moment.x, values)
            if preview is not None:
                self._keep_preview(
                    {"done": done, "phase": moment.phase, "step": moment.step, "src": _data_url(preview, PREVIEW_SIDE)}
                )
        if now - self._last_sent >= SEND_EVERY or done >= self.total:
            self._send()
        if now - self._last_logged >= LOG_EVERY:
            self._last_logged = now
            log.info("%s", self.sentence())

    def _append(self, x: int, values: Mapping[str, float]) -> None:
        for name in values:
            self.series.setdefault(name, [None] * len(self.x))
        self.x.append(x)
        for name, numbers in self.series.items():
            numbers.append(_rounded(values.get(name)))

    def _keep_preview(self, preview: dict[str, Any]) -> None:
        self.previews.append(preview)
        if len(self.previews) > MOST_PREVIEWS:
            del self.previews[0]
            self._sent_previews = max(0, self._sent_previews - 1)

    @property
    def elapsed(self) -> float:
        """Seconds since the node began."""
        return (self.ended or time.monotonic()) - self._clock

    @property
    def remaining(self) -> float | None:
        """Seconds that are left at the pace so far, not counting what came before the first step; None before anything
        is known."""
        if self.state != "running" or self._first is None or not self.total:
            return None
        first, then = self._first
        pace = (
            (time.monotonic() - then) / (self.done - first)
            if self.done > first
            else self.elapsed / max(1, self.done - self.before)
        )
        return pace * max(0, self.total - self.done)

    def sentence(self) -> str:
        """The newest facts, for the log."""
        parts = [
            f"{LOSS_TERMS[name].words['en']} {numbers[-1]:.4g}"
            for name, numbers in self.series.items()
            if numbers and numbers[-1] is not None
        ]
        where = "" if self.moment is None else f"{self.moment.phase}, step {self.moment.step} of {self.moment.steps}"
        if self.moment is not None and self.moment.pictures > 1:
            where += f" of picture {self.moment.picture} of {self.moment.pictures}"
        left = "" if self.remaining is None else f", about {self.remaining:.0f} s left"
        numbers = ", ".join(parts) or "no numbers yet"
        return f"{TITLES[self.kind]}: {where}: {numbers}; {self.elapsed:.0f} s so far{left}."

    def history(self, previews: bool = True) -> dict[str, Any]:
        """Everything so far, as the page takes it; long curves thinned to MOST_POINTS."""
        with self._lock:
            kept = _evenly(len(self.x), MOST_POINTS)
            return {
                **self._facts(),
                "x": [self.x[i] for i in kept],
                "series": {name: [numbers[i] for i in kept] for name, numbers in self.series.items()},
                "previews": list(self.previews) if previews else [],
                "subject": self.subject if previews else None,
            }

    def ui(self) -> dict[str, list[dict[str, Any]]]:
        """For NodeOutput's `ui`: the whole history again, so that it is in the host's own history too and comes back
        with a cached result."""
        return {"sis_live": [self.history(previews=False)]}

    def _facts(self) -> dict[str, Any]:
        return {
            "node": self.address.node,
            "workflow": self.address.workflow,
            "prompt_id": self.address.prompt,
            "kind": self.kind,
            "began": self.began,
            "state": self.state,
            "moment": None if self.moment is None else asdict(self.moment),
            "done": self.done,
            "total": self.total,
            "elapsed": round(self.elapsed, 2),
            "remaining": _rounded(self.remaining),
            "terms": {name: _shown(name) for name in LOSS_TERMS if name in self.series},
        }

    def _send(self) -> None:
        """Sends what is new since the last event."""
        self._last_sent = time.monotonic()
        with self._lock:
            since, new = self._sent, self._sent_previews
            message = {
                **self._facts(),
                "x": self.x[since:],
                "series": {name: numbers[since:] for name, numbers in self.series.items()},
                "previews": self.previews[new:],
                "subject": None if self._subject_sent else self.subject,
            }
            self._subject_sent = True
            self._sent, self._sent_previews = len(self.x), len(self.previews)
        if self.address.node is not None:
            _send_event(message)


def _shown(name: str) -> dict[str, Any]:
    """How the page draws and names a curve."""
    term = LOSS_TERMS[name]
    return {"colour": term.colour, "dash": term.dash, "words": term.words}


def _rounded(value: float | None) -> float | None:
    """Four digits; None for what is not finite: one NaN makes the page drop the whole message."""
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None


def _evenly(count: int, most: int) -> list[int]:
    """At most `most` of the indices below `count`, evenly spread, first and last among them."""
    return list(range(count)) if count <= most else sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _data_url(picture: Any, side: int) -> str:
    small = picture.convert("RGB")
    small.thumbnail((side, side))
    return data_url(small, "JPEG", quality=80)


def _send_event(message: dict[str, Any]) -> None:
    server = running_server()
    if server is not None:
        server.send_sync(EVENT, message, server.client_id)


# The newest run of each node, oldest first.
_runs: OrderedDict[tuple[str | None, str], LiveRun] = OrderedDict()
_runs_lock = threading.Lock()


def _remember(run: LiveRun) -> None:
    if run.address.node is None:
        return
    with _runs_lock:
        key = run.address.workflow, run.address.node
        _runs.pop(key, None)
        _runs[key] = run
        while len(_runs) > MOST_RUNS:
            _runs.popitem(last=False)


def histories(workflow: str | None) -> list[dict[str, Any]]:
    """The newest run of each node of one workflow, as the page takes them."""
    with _runs_lock:
        found = [run for (name, _), run in _runs.items() if name == workflow]
    return [run.history() for run in found]


def register() -> None:
    """Adds the route to the server of this process, if there is one."""
    from aiohttp import web

    server = running_server()
    if server is None:
        return

    async def answer(request: Any) -> Any:
        return web.json_response({"runs": histories(request.rel_url.query.get("workflow"))})

    server.routes.get(ROUTE)(answer)
