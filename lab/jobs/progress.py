"""Shows a running workflow in the terminal: one line a node, with a bar that moves where the output is a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TextIO

from ..hosting.client import Event, Prompt
from ..workflow_files.workflow import title

WIDTH = 24
QUIET_SECONDS = 15  # between two lines about the same node when the output is a file


def bar(value: float, maximum: float) -> str:
    """`[######..................] 15/60`."""
    done = min(WIDTH, int(WIDTH * value / maximum)) if maximum else 0
    return f"[{'#' * done}{'.' * (WIDTH - done)}] {value:g}/{maximum:g}"


class Progress:
    """Give it a client's events, one by one."""

    def __init__(self, workflow: Prompt, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.titles = {node_id: title(node) for node_id, node in workflow.items()}
        self.began = self.shown = time.monotonic()
        self.node = self.line = ""

    def __call__(self, event: Event) -> None:
        with contextlib.suppress(OSError, ValueError):  # its terminal is gone: the work goes on
            self._tell(event)

    def _tell(self, event: Event) -> None:
        data = event["data"]
        if event["type"] == "executing":
            self._finish_line()
            self.node = str(data.get("node") or "")
            self._show(self.titles.get(self.node, ""), final=False)
        elif event["type"] == "progress" and str(data.get("node")) == self.node:
            text = f"{self.titles.get(self.node, ''):<26} {bar(data['value'], data['max'])}"
            self._show(text, final=data["value"] >= data["max"])

    def _show(self, text: str, final: bool) -> None:
        if not text:
            return
        self.line = f"{time.monotonic() - self.began:5.0f} s  {text}"
        if self.out.isatty():
            self.out.write(f"\r\033[K{self.line}")
            self.out.flush()
        elif final or time.monotonic() - self.shown > QUIET_SECONDS:
            self.shown = time.monotonic()
            print(self.line, file=self.out, flush=True)

    def _finish_line(self) -> None:
        if self.line and self.out.isatty():
            self.out.write("\n")
        self.line = ""
