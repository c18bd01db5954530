"""A client for a running ComfyUI: post workflows, wait for them, read what they did. Standard library only."""

from __future__ import annotations

import contextlib
import http.client
import json
import pathlib
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

from .websocket import WebSocket

Prompt = dict[str, Any]
Event = dict[str, Any]


class HostError(Exception):
    """The host stopped answering, or answered with an error."""


class PromptRejected(HostError):
    """The host's validation refused a workflow. `details` is its whole answer, with `error` and `node_errors`."""

    def __init__(self, details: dict[str, Any]) -> None:
        self.details = details
        super().__init__(describe_rejection(details))


class RunFailed(HostError):
    """A workflow began and did not end well. `entry` is its history entry."""

    def __init__(self, message: str, entry: dict[str, Any]) -> None:
        self.entry = entry
        super().__init__(message)


def describe_rejection(details: dict[str, Any]) -> str:
    """The host's validation errors, one a line."""
    lines = [str(details.get("error", {}).get("message", "the workflow was refused"))]
    for node_id, node in details.get("node_errors", {}).items():
        lines += [
            f"  node {node_id} ({node.get('class_type')}): {e.get('message')}: {e.get('details')}"
            for e in node.get("errors", [])
        ]
    return "\n".join(lines)


def describe_failure(entry: dict[str, Any]) -> str | None:
    """Why a finished run failed, from its history entry; None when it succeeded."""
    status = entry.get("status", {})
    if status.get("status_str") == "success":
        return None
    for kind, data in status.get("messages", []):
        if kind == "execution_error":
            return f"{data.get('node_type')}: {str(data.get('exception_message')).strip()}"
        if kind == "execution_interrupted":
            return f"interrupted in {data.get('node_type')}"
    return "the run failed without a reason"


def remembered_nodes(entry: dict[str, Any]) -> set[str]:
    """The nodes of a run that the host did not run, as it had their results from an earlier one."""
    told = [data for kind, data in entry.get("status", {}).get("messages", []) if kind == "execution_cached"]
    return {node_id for data in told for node_id in data.get("nodes", [])}


def _said_with(error: urllib.error.HTTPError) -> bytes:
    """What a host says of an error, or as much as comes of it: it may end meanwhile."""
    try:
        return error.read()
    except http.client.IncompleteRead as cut_off:
        return cut_off.partial
    except (OSError, http.client.HTTPException):
        return b""


class Client:
    """Talks to one ComfyUI.

    url: its address, without a slash at its end.
    base: its base directory when it is known (`base / "output"`, `base / "models"` …).
    events: everything the host has told over the WebSocket since `listen`, oldest first: dicts with `type` and `data`.
        Previews (binary messages) appear as `{"type": "preview", "data": bytes}`.
    """

    def __init__(self, url: str, base: pathlib.Path | None = None, log: pathlib.Path | None = None) -> None:
        self.url, self.base, self.log_path = url.rstrip("/"), base, log
        self.client_id = uuid.uuid4().hex
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] | None = None
        self._socket: WebSocket | None = None
        self._ended = threading.Event()

    # HTTP

    def request(self, path: str, body: Any = None, method: str | None = None, timeout: float = 60) -> bytes:
        """One request; `body` is sent as JSON.

        Raises: HostError with the host's answer or, when it does not answer, a hint.
        """
        data = None if body is None else json.dumps(body).encode()
        return self._send(path, data, "application/json", method, timeout)

    def _send(self, path: str, data: bytes | None, kind: str, method: str | None = None, timeout: float = 60) -> bytes:
        request = urllib.request.Request(self.url + path, data, {"Content-Type": kind}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            content = _said_with(error)
            if path == "/prompt" and content[:1] == b"{":
                with contextlib.suppress(ValueError):  # cut off
                    raise PromptRejected(json.loads(content)) from None
            raise HostError(f"{path}: {error.code} {content[:500].decode(errors='replace')}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            where = f"; its log is {self.log_path}" if self.log_path else ""
            raise HostError(f"ComfyUI at {self.url} does not answer ({error}){where}") from error

    def get(self, path: str) -> Any:
        """GET, as JSON."""
        return json.loads(self.request(path))

    def object_info(self, node: str | None = None) -> dict[str, Any]:
        """The host's description of all its nodes, or of one, by node id."""
        return dict(self.get("/object_info" + (f"/{node}" if node else "")))

    def upload(self, file: pathlib.Path, name: str | None = None) -> str:
        """Puts a picture into the host's input folder over HTTP. Returns its name there."""
        return self.upload_bytes(file.read_bytes(), name or file.name)

    def upload_bytes(self, content: bytes, name: str, overwrite: bool = False) -> str:
        """The same with what is in a file.

        overwrite: takes the place of another file of that name, where otherwise the host adds a number.
        """
        boundary = uuid.uuid4().hex
        fields = f'--{boundary}\r\nContent-Disposition: form-data; name="overwrite"\r\n\r\n{str(overwrite).lower()}\r\n'
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        data = (fields + head).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return str(json.loads(self._send("/upload/image", data, f"multipart/form-data; boundary={boundary}"))["name"])

    def view(self, image: dict[str, str]) -> bytes:
        """The file of one entry of a node's `images` output."""
        return self.request("/view?" + urllib.parse.urlencode({k: image[k] for k in ("filename", "subfolder", "type")}))

    # workflows

    def post(self, prompt: Prompt) -> str:
        """Queues an API workflow. Returns its prompt id.

        Raises: PromptRejected when the host's validation refuses it.
        """
        answer = json.loads(self.request("/prompt", {"prompt": prompt, "client_id": self.client_id}))
        # the host would run what is left of such a workflow; nobody here wants half of one
        if answer.get("node_errors"):
            self.request("/queue", {"delete": [answer["prompt_id"]]})
            raise PromptRejected(answer)
        return str(answer["prompt_id"])

    def wait(self, prompt_id: str, timeout: float = 600) -> dict[str, Any]:
        """Waits until a workflow has ended, well or not. Returns its history entry (`outputs`, `status`).

        Raises: TimeoutError after `timeout` seconds; HostError when the host dies meanwhile.
        """
        end = time.monotonic() + timeout
        pause = 0.05
        while time.monotonic() < end:
            self._ended.clear()
            history = self.get(f"/history/{prompt_id}")
            if prompt_id in history:
                return dict(history[prompt_id])
            self._ended.wait(pause)  # told over the WebSocket, once the history has the run
            pause = min(0.5, pause * 1.3)
        raise TimeoutError(f"workflow {prompt_id} has not ended within {timeout:.0f} s")

    def run(self, prompt: Prompt, timeout: float = 600) -> dict[str, Any]:
        """Posts, waits and returns the history entry of a workflow that succeeded.

        Raises: PromptRejected, RunFailed, TimeoutError.
        """
        entry = self.wait(self.post(prompt), timeout)
        if failure := describe_failure(entry):
            raise RunFailed(failure, entry)
        return entry

    def interrupt(self) -> None:
        """Cancels the workflow that is running."""
        self.request("/interrupt", {})

    def free(self) -> None:
        """Asks the host to unload its models and forget cached results before the next workflow."""
        self.request("/free", {"unload_models": True, "free_memory": True})

    def log(self) -> str:
        """The host's log so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path else ""

    # events

    def listen(self) -> None:
        """Begins to collect events, in a thread that ends with the host or with `close`."""
        where = urllib.parse.urlsplit(self.url)
        self._socket = WebSocket(where.hostname or "127.0.0.1", where.port or 80, f"/ws?clientId={self.client_id}")
        threading.Thread(target=self._collect, args=(self._socket,), daemon=True, name="comfyui-events").start()

    def _collect(self, socket: WebSocket) -> None:
        while (message := socket.receive()) is not None:
            event: Event = json.loads(message) if isinstance(message, str) else {"type": "preview", "data": message}
            self.events.append(event)
            if event["type"] == "executing" and event["data"].get("node") is None:
                self._ended.set()
            if tell := self.on_event:  # which may be taken away meanwhile
                tell(event)

    def events_of(self, prompt_id: str, kind: str | None = None) -> list[Event]:
        """The events of one workflow, oldest first, of one type if given."""
        return [
            e
            for e in list(self.events)
            if isinstance(e["data"], dict) and e["data"].get("prompt_id") == prompt_id and kind in (None, e["type"])
        ]

    def close(self) -> None:
        """Ends `listen`."""
        if self._socket:
            self._socket.close()
            self._socket = None
