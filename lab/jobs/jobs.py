"""What all demo jobs do: read their settings, run a shipped workflow on a real ComfyUI, take what it made."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from .. import ROOT, DevError
from ..hosting.client import Client, Prompt
from ..hosting.environment import Host
from ..hosting.installation import say
from ..hosting.server import as_users_do, serving, temporary_base
from ..workflow_files import workflow
from .progress import Progress

OUTPUT = ROOT / "demo_output"
TIME_LIMIT = 3600  # seconds; a demo takes minutes, a very busy machine longer
Overrides = dict[str, dict[str, Any]]


@contextlib.contextmanager
def settings_of(path: pathlib.Path) -> Iterator[Overrides]:
    """What a demo changes in its shipped workflow, by node title. What goes wrong while it is read is said of the file.

    Raises: DevError when the file does not say all it must.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["overrides"]
        yield {str(title): dict(values) for title, values in found.items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DevError(f"{path} cannot be used as the demo's settings: {error!r}") from error


@contextlib.contextmanager
def finished(host: Host, prompt: Prompt, output: pathlib.Path) -> Iterator[tuple[dict[str, Any], Client, pathlib.Path]]:
    """Runs a workflow on a server of its own; yields its history entry, the client and the base directory while the
    server lives.

    Raises: DevError, HostError, with the server's log kept in `output`.
    """
    say("starting ComfyUI …")
    with temporary_base() as base:
        try:
            with serving(host, base, start=as_users_do(host)) as client:
                say(f"ComfyUI runs at {client.url}")
                client.on_event = Progress(prompt)
                yield client.run(prompt, TIME_LIMIT), client, base
        finally:
            for log in base.glob("server-*.log"):
                shutil.copyfile(log, output / "server.log")


def pictures(
    prompt: Prompt, entry: dict[str, Any], kind: str = "SaveImage"
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The id of each node of a class that shows pictures, with its pictures' entries, for `Client.view`.

    Raises: DevError for a node without any.
    """
    for node_id in workflow.nodes_of(prompt, kind):
        images = entry["outputs"].get(node_id, {}).get("images", [])
        if not images:
            raise DevError(f"the workflow ended without pictures from node {workflow.title(prompt[node_id])!r}")
        yield node_id, images


def take_saved(base: pathlib.Path, folder: str, thing: str, output: pathlib.Path) -> str:
    """Copies the one file that the workflow has saved in models/single_image_studio/FOLDER. Returns its name.

    Raises: DevError when there is not exactly one.
    """
    files = sorted((base / "models" / "single_image_studio" / folder).glob("*.safetensors"))
    if len(files) != 1:
        raise DevError(f"the workflow should have saved one {thing} and saved {len(files)}")
    shutil.copyfile(files[0], output / files[0].name)
    return files[0].name
