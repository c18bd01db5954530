"""`dev.py demo edit`: edits one demo picture on a real ComfyUI and leaves the alpha × ratio grid in demo_output/."""
from __future__ import annotations

import json
import pathlib
import shutil
import time
from typing import Any

from . import ROOT, DevError, workflow
from .client import Client, Prompt
from .environment import Host
from .installation import say
from .learn import OUTPUT, TIME_LIMIT
from .progress import Progress
from .server import serving, temporary_base

WORKFLOW = ROOT / "workflows" / "api" / "edit_a_photo.json"
SETTINGS = ROOT / "demo" / "edit.json"


def overrides(path: pathlib.Path = SETTINGS) -> dict[str, dict[str, Any]]:
    """What the demo changes in the shipped workflow, by node title.

    Raises: DevError when the file does not say it.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["overrides"]
        return {str(title): dict(values) for title, values in found.items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DevError(f"{path} cannot be used as the demo's settings: {error!r}") from error


def run(host: Host, output: pathlib.Path = OUTPUT) -> int:
    """Runs the whole demo. Returns the exit code.

    Raises: DevError, HostError, with the server's log kept in `output`.
    """
    prompt = workflow.with_overrides(workflow.load(WORKFLOW), overrides())
    output.mkdir(exist_ok=True)
    began = time.monotonic()
    say("starting ComfyUI …")
    with temporary_base() as base:
        try:
            with serving(host, base) as client:
                say(f"ComfyUI runs at {client.url}")
                client.on_event = Progress(prompt)
                files = collect(prompt, client.run(prompt, TIME_LIMIT), client, base, output)
        finally:
            for log in base.glob("server-*.log"):
                shutil.copyfile(log, output / "server.log")
    say(f"done in {time.monotonic() - began:.0f} s: see {', '.join(str(output / name) for name in files)}")
    return 0


def collect(prompt: Prompt, entry: dict[str, Any], client: Client, base: pathlib.Path, output: pathlib.Path) -> list[str]:
    """Copies the pictures, the report and the inversion file to `output`. Returns their names.

    Raises: DevError when something that the workflow should have made is missing.
    """
    names = []
    for node_id in workflow.nodes_of(prompt, "SaveImage"):
        images = entry["outputs"].get(node_id, {}).get("images", [])
        if not images:
            raise DevError(f"the workflow ended without pictures from node {workflow.title(prompt[node_id])!r}")
        names.append(f"{prompt[node_id]['inputs']['filename_prefix']}.png")
        (output / names[-1]).write_bytes(client.view(images[0]))
    (report,) = workflow.nodes_of(prompt, "PreviewAny")
    (output / "edit_report.txt").write_text("\n".join(entry["outputs"][report]["text"]) + "\n", encoding="utf-8")
    inversions = sorted((base / "models" / "single_image_studio" / "inversions").glob("*.safetensors"))
    if len(inversions) != 1:
        raise DevError(f"the workflow should have saved one inversion and saved {len(inversions)}")
    shutil.copyfile(inversions[0], output / inversions[0].name)
    return [*names, "edit_report.txt", inversions[0].name]
