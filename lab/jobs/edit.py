"""`dev.py demo edit`: edits one demo picture on a real ComfyUI and leaves the alpha × ratio grid in demo_output/."""

from __future__ import annotations

import pathlib
import time
from typing import Any

from .. import ROOT
from ..hosting.client import Client, Prompt
from ..hosting.environment import Host
from ..hosting.installation import say
from ..workflow_files import workflow
from . import jobs

WORKFLOW = ROOT / "workflows" / "api" / "edit_a_photo.json"
SETTINGS = ROOT / "lab" / "jobs" / "edit.json"


def overrides(path: pathlib.Path = SETTINGS) -> jobs.Overrides:
    """What the demo changes in the shipped workflow, by node title.

    Raises: DevError when the file does not say it.
    """
    with jobs.settings_of(path) as found:
        return found


def run(host: Host, output: pathlib.Path = jobs.OUTPUT) -> int:
    """Runs the whole demo. Returns the exit code.

    Raises: DevError, HostError, with the server's log kept in `output`.
    """
    prompt = workflow.with_overrides(workflow.load(WORKFLOW), overrides())
    output.mkdir(exist_ok=True)
    began = time.monotonic()
    with jobs.finished(host, prompt, output) as (entry, client, base):
        files = collect(prompt, entry, client, base, output)
    say(f"done in {time.monotonic() - began:.0f} s: see {', '.join(str(output / name) for name in files)}")
    return 0


def collect(
    prompt: Prompt, entry: dict[str, Any], client: Client, base: pathlib.Path, output: pathlib.Path
) -> list[str]:
    """Copies the pictures, the report and the inversion file to `output`. Returns their names.

    Raises: DevError when something that the workflow should have made is missing.
    """
    names = []
    for node_id, images in jobs.pictures(prompt, entry):
        names.append(f"{prompt[node_id]['inputs']['filename_prefix']}.png")
        (output / names[-1]).write_bytes(client.view(images[0]))
    (report,) = workflow.nodes_of(prompt, "PreviewAny")
    (output / "edit_report.txt").write_text("\n".join(entry["outputs"][report]["text"]) + "\n", encoding="utf-8")
    return [*names, "edit_report.txt", jobs.take_saved(base, "inversions", "inversion", output)]
