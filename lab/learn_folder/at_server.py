"""A worker that is a ComfyUI at an address: everything goes over HTTP, so that it may be on any machine."""

from __future__ import annotations

import time
import urllib.parse
from typing import Any

from ..hosting.client import Client, HostError, Prompt, PromptRejected, describe_failure, remembered_nodes
from ..hosting.installation import say
from ..jobs.jobs import pictures
from ..workflow_files import workflow
from .tasks import Learned, Task, TaskFailed, WorkerLost

CONCEPTS = "/single_image_studio/concepts"
NAMES = "/models/single_image_studio_concepts"
MOST_REMEMBERED = 10  # runs of one workflow that a server may know the results of
LOOK_EVERY = 0.5  # seconds between two looks
PATIENCE = 30.0  # seconds that a server may be away, for a restart


class ServerWorker:
    """client: of the server. time_limit: seconds that one picture may take. patience: PATIENCE."""

    def __init__(self, client: Client, time_limit: float, patience: float = PATIENCE) -> None:
        self.name, self._client, self._time_limit, self._patience = client.url, client, time_limit, patience
        self._posted: str | None = None

    def learn(self, task: Task, picture: bytes) -> Learned:
        """As Worker. The server keeps the picture in its input folder and the drawn ones in its output folder; the
        concept moves here."""
        began = time.monotonic()
        try:
            uploaded = self._client.upload_bytes(picture, task.upload_as, overwrite=True)
            prompt = workflow.with_overrides(task.prompt, {"Picture": {"image": uploaded}})
            entry, concept = self._saved(prompt, task.name)
            return Learned(concept, *self._drawn(prompt, entry), seconds=round(time.monotonic() - began, 1))
        except PromptRejected as error:
            raise WorkerLost(f"it refuses the workflow: {error}", for_good=True) from error
        except (HostError, TimeoutError, ValueError, KeyError, IndexError) as error:
            raise WorkerLost(str(error) if isinstance(error, HostError | TimeoutError) else repr(error)) from error

    def come_back(self) -> bool:
        """Waits as long as a restart may take."""
        end = time.monotonic() + self._patience
        while time.monotonic() < end:
            try:
                self._client.request("/system_stats", timeout=5)
                return True
            except HostError:
                time.sleep(min(LOOK_EVERY, self._patience))
        return False

    def _saved(self, prompt: Prompt, name: str) -> tuple[dict[str, Any], bytes]:
        """Runs a workflow. Returns its history entry, and the concept's file, which is no longer on the server then;
        unless the very same one was there before, which Save Concept does not save again.

        A server with an earlier pack that remembers a run of the same workflow does not save again what was fetched
        then, and what has that name by now may be another's: spaces around the name make it save, and mean nothing
        else. Later packs save again by themselves what is gone.
        """
        before = self._client.get(NAMES)
        for spaces in range(MOST_REMEMBERED):
            entry = self._run(workflow.with_overrides(prompt, {"Save Concept": {"name": name + " " * spaces}}))
            (node,) = workflow.nodes_of(prompt, "SIS_SaveConcept")
            if node in remembered_nodes(entry):
                continue
            saved = entry["outputs"][node]["saved_concept"][0]
            try:
                content = self._client.request(f"{CONCEPTS}/file?{urllib.parse.urlencode({'name': saved})}")
            except HostError as error:
                if "no such concept" not in str(error):
                    raise WorkerLost(
                        f"its Single Image Studio does not give concepts away: update it ({error})"
                    ) from None
                raise TaskFailed(
                    f"the concept {saved} was saved, and is not in the server's list of concepts"
                ) from None
            if f"{saved}.safetensors" not in before:
                self._remove(saved)
            return entry, content
        raise TaskFailed("the server remembers having saved this concept, and does not save it again: restart it")

    def _remove(self, name: str) -> None:
        """What stays there after all is only in the way of a tidy list."""
        try:
            self._client.request(f"{CONCEPTS}/delete", {"name": name})
        except HostError as error:
            say(f"{self.name} keeps a copy of the concept {name}: {error}")

    def _drawn(self, prompt: Prompt, entry: dict[str, Any]) -> tuple[bytes, tuple[bytes, ...]]:
        """What was found in the picture, and what was drawn."""
        ((_, (overlay, *_)),) = pictures(prompt, entry, "SIS_MaskFromPrompt")
        drawn = [image for _, images in pictures(prompt, entry) for image in images]
        return self._client.view(overlay), tuple(self._client.view(image) for image in drawn)

    def _run(self, prompt: Prompt) -> dict[str, Any]:
        self._posted = self._client.post(prompt)
        try:
            entry = self._ended(self._posted)
        except BaseException:
            self.close()
            raise
        self._posted = None
        if failure := describe_failure(entry):
            unreadable = "the picture cannot be read: " if failure.startswith("LoadImage") else ""
            raise TaskFailed(unreadable + failure)
        return entry

    def _ended(self, prompt_id: str) -> dict[str, Any]:
        """Waits for the end of a workflow; a server that was started again meanwhile knows nothing of it."""
        end = time.monotonic() + self._time_limit
        while time.monotonic() < end:
            known = self._known(prompt_id)
            history = self._client.get(f"/history/{prompt_id}")
            if prompt_id in history:
                return dict(history[prompt_id])
            if not known:
                raise HostError(
                    f"ComfyUI at {self.name} no longer knows the workflow: it was started again, or emptied"
                )
            time.sleep(LOOK_EVERY)
        raise TimeoutError(f"{self.name} needed more than {self._time_limit:.0f} s")

    def _known(self, prompt_id: str) -> bool:
        """Whether a workflow waits or runs. To be asked before the history, which it may have reached meanwhile."""
        state = self._client.get("/queue")
        return any(prompt_id in item[:2] for item in state["queue_running"] + state["queue_pending"])

    def close(self) -> None:
        """Takes a workflow that nobody waits for any more out of the queue, or stops it."""
        prompt_id, self._posted = self._posted, None
        if prompt_id is None:
            return
        try:
            self._client.request("/queue", {"delete": [prompt_id]}, timeout=5)
            if self._known(prompt_id):
                self._client.request("/interrupt", {"prompt_id": prompt_id}, timeout=5)
        except (HostError, ValueError, KeyError):
            pass  # it is gone with its server
