"""A server that talks like a ComfyUI with the pack, and learns in no time."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Prompt = dict[str, Any]


class Gone(Exception):
    """Raised by `learn`: the server is gone from now on."""


class FakeComfyUI:
    """learn: called with each workflow; returns None, or the sentence that the run fails with, or raises Gone.

    prompts: what was posted. concepts: what is saved, by name. refusal: the answer to any workflow instead of taking
    it. errors: paths that answer 500. forgetful: workflows are taken, and known no more. old: without the route that
    gives concepts away.
    """

    def __init__(self, learn: Callable[[Prompt], str | None] = lambda _: None) -> None:
        self.learn = learn
        self.prompts: list[Prompt] = []
        self.concepts: dict[str, bytes] = {}
        self.refusal: dict[str, Any] | None = None
        self.errors: set[str] = set()
        self.forgetful = self.old = self.gone = False
        self._uploaded: dict[str, bytes] = {}
        self._history: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[FakeComfyUI]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and content."""
        if path in self.errors:
            return 500, b"Internal Server Error"
        with self._lock:
            if method == "POST":
                return self._post(path, body)
            if path.startswith("/history/"):
                return _json({k: v for k, v in self._history.items() if k == path.rpartition("/")[2]})
            if path == "/view":
                return 200, f"picture {query['filename']}".encode()
            if path == "/single_image_studio/concepts/file" and not self.old:
                content = self.concepts.get(query["name"])
                return (404, b"There is no such concept.") if content is None else (200, content)
            known = {
                "/queue": {"queue_running": [], "queue_pending": []},
                "/models/single_image_studio_concepts": [f"{name}.safetensors" for name in self.concepts],
                "/system_stats": {},
                "/object_info/SIS_SaveConcept": {"SIS_SaveConcept": {}},
            }
            return _json(known[path]) if path in known else (404, b"404: Not Found")

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/upload/image":
            head, _, rest = body.partition(b"octet-stream\r\n\r\n")
            name = head.rpartition(b'filename="')[2].partition(b'"')[0].decode()
            self._uploaded[name] = rest.rpartition(b"\r\n--")[0]
            return _json({"name": name})
        asked = json.loads(body)
        if path == "/single_image_studio/concepts/delete":
            del self.concepts[asked["name"]]
        if path != "/prompt":
            return _json({})
        return _json(self.refusal, 400) if self.refusal else self._take(asked["prompt"])

    def _take(self, prompt: Prompt) -> tuple[int, bytes]:
        """Runs it; the same workflow twice in a row is remembered and saves nothing, as on a ComfyUI."""
        remembered = bool(self.prompts) and self.prompts[-1] == prompt
        self.prompts.append(prompt)
        failure = self.learn(prompt)
        prompt_id = str(len(self.prompts))
        if remembered:
            ran = self._history[str(int(prompt_id) - 1)]
            messages = [["execution_cached", {"nodes": list(prompt)}]]
            self._history[prompt_id] = {**ran, "status": {**ran["status"], "messages": messages}}
        elif not self.forgetful:
            self._history[prompt_id] = _failed(failure) if failure else self._ended(prompt)
        return _json({"prompt_id": prompt_id, "node_errors": {}})

    def _ended(self, prompt: Prompt) -> dict[str, Any]:
        ids = {node["class_type"]: node_id for node_id, node in prompt.items()}
        values = {kind: prompt[node_id]["inputs"] for kind, node_id in ids.items()}
        name = values["SIS_SaveConcept"]["name"].strip()
        made = [self._uploaded[values["LoadImage"]["image"]].hex(), values["SIS_TrainStage1"]]
        concept = hashlib.sha256(json.dumps(made).encode()).digest()
        name = f"{name}_2" if self.concepts.get(name, concept) != concept else name  # the same one is not saved twice
        self.concepts[name] = concept
        outputs = {
            ids["SIS_SaveConcept"]: {"saved_concept": [name]},
            ids["SIS_MaskFromPrompt"]: {"images": [_image("overlay.png")]},
            ids["SaveImage"]: {"images": [_image("1.png"), _image("2.png")]},
        }
        return {"outputs": outputs, "status": {"status_str": "success"}}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                where = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    if fake.gone:
                        raise Gone
                    status, content = fake.answer(
                        self.command, where.path, dict(urllib.parse.parse_qsl(where.query)), body
                    )
                except Gone:
                    fake.gone = True
                    self.close_connection = True
                    return  # no answer at all
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _do

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _json(value: Any, status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps(value).encode()


def _image(name: str) -> dict[str, str]:
    return {"filename": name, "subfolder": "", "type": "output"}


def _failed(sentence: str) -> dict[str, Any]:
    node, _, message = sentence.partition(": ")
    error = ["execution_error", {"node_type": node, "exception_message": message}]
    return {"outputs": {}, "status": {"status_str": "error", "messages": [error]}}
