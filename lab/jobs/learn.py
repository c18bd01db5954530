"""`dev.py demo`: learns one concept from one picture on a real ComfyUI and leaves the results in demo_output/."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from .. import ROOT, DevError
from ..hosting.client import Client, Prompt
from ..hosting.environment import Host
from ..hosting.installation import say
from ..workflow_files import workflow
from . import jobs
from .concept_file import loss_curves

WORKFLOW = ROOT / "workflows" / "api" / "learn_a_concept.json"
SETTINGS = ROOT / "lab" / "jobs" / "learn.json"
# by the class of the node that shows it
FOUND = {"SIS_MaskFromPrompt": ("overlay.png", "what the prompt found"), "MaskPreview": ("mask.png", "its mask")}


@dataclass(frozen=True)
class Settings:
    """lab/jobs/learn.json: which demo concept, and what differs from the shipped workflow, by node title.

    mask: the world's own mask of the picture, for whoever wants one without finding it.
    """

    image: str
    mask: str
    class_word: str
    name: str
    overrides: jobs.Overrides


def settings(path: pathlib.Path = SETTINGS) -> Settings:
    """Raises: DevError when the file does not say all it must."""
    with jobs.settings_of(path) as overrides:
        picture = pathlib.Path(overrides["Picture"]["image"])
        return Settings(
            picture.name,
            f"{picture.stem}_mask{picture.suffix}",
            overrides["Stage I"]["class_word"],
            overrides["Save Concept"]["name"],
            overrides,
        )


def watched(prompt: Prompt) -> Prompt:
    """The workflow, and two nodes that tell a script what the page shows by itself: the mask, and the prompts."""
    by_title = {workflow.title(node): node_id for node_id, node in prompt.items()}
    mask = {"class_type": "MaskPreview", "inputs": {"mask": [by_title["Mask"], 0]}}
    texts = {"class_type": "PreviewAny", "inputs": {"source": [by_title["Prompts"], 0]}}
    return prompt | {"mask": mask, "prompts": texts}


def run(host: Host, output: pathlib.Path = jobs.OUTPUT) -> int:
    """Runs the whole demo. Returns the exit code.

    Raises: DevError, HostError, with the server's log kept in `output`.
    """
    chosen = settings()
    prompt = watched(workflow.with_overrides(workflow.load(WORKFLOW), chosen.overrides))
    began = time.monotonic()
    make_room(output)
    with jobs.finished(host, prompt, output) as (entry, client, base):
        report = collect(prompt, entry, client, base, output)
    report["seconds"] = round(time.monotonic() - began, 1)
    draw(host, report, base_pictures(chosen, output), output)
    (output / "learn.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    say(f"done in {report['seconds']:.0f} s: see {output / 'contact_sheet.png'}")
    return 0


def make_room(output: pathlib.Path) -> None:
    """Removes what the last run left, and only that."""
    output.mkdir(exist_ok=True)
    manifest = output / "learn.json"
    if manifest.exists():
        earlier = json.loads(manifest.read_text(encoding="utf-8"))
        for name in [
            earlier["concept"],
            *earlier.get("found", []),
            *(name for row in earlier["images"] for name in row["files"]),
        ]:
            (output / pathlib.Path(name).name).unlink(missing_ok=True)
        manifest.unlink()


def collect(
    prompt: Prompt, entry: dict[str, Any], client: Client, base: pathlib.Path, output: pathlib.Path
) -> dict[str, Any]:
    """Copies the pictures and the concept file to `output`. Returns what was found, as demo_output/learn.json holds it.

    prompt: as `watched` gives it.
    Raises: DevError when something that the workflow should have made is missing.
    """
    for kind, (name, _) in FOUND.items():
        for _, images in jobs.pictures(prompt, entry, kind):
            (output / name).write_bytes(client.view(images[0]))
    texts = entry["outputs"]["prompts"]["text"]
    ((_, images),) = jobs.pictures(prompt, entry)
    each = len(images) // len(texts)
    rows = []
    for number, text in enumerate(texts, 1):
        names = [f"prompt_{number}_{i}.png" for i in range(1, each + 1)]
        for name, image in zip(names, images[(number - 1) * each : number * each], strict=True):
            (output / name).write_bytes(client.view(image))
        rows.append({"prompt": text, "files": names})
    return {
        "concept": jobs.take_saved(base, "concepts", "concept", output),
        "found": [name for name, _ in FOUND.values()],
        "images": rows,
    }


def base_pictures(chosen: Settings, output: pathlib.Path) -> list[dict[str, str]]:
    """The picture that the concept was learned from and what was found in it, with captions."""
    found = [{"file": str(output / name), "caption": caption} for name, caption in FOUND.values()]
    return [{"file": str(ROOT / "lab" / "world" / "concepts" / chosen.image), "caption": "the one picture"}, *found]


def draw(host: Host, report: dict[str, Any], sources: list[dict[str, str]], output: pathlib.Path) -> None:
    """Draws the contact sheet and the loss curves, in the host's Python (which has Pillow).

    report: as demo_output/learn.json holds it; without `seconds` the sheet tells no time.
    """
    rows = [
        {"caption": row["prompt"], "files": [str(output / name) for name in row["files"]]} for row in report["images"]
    ]
    took = f" (the whole run took {report['seconds']:.0f} s)" if "seconds" in report else ""
    sheet = {
        "sources": sources,
        "rows": rows,
        "out": str(output / "contact_sheet.png"),
        "title": f"{pathlib.Path(report['concept']).stem}, learned from one picture{took}",
    }
    curves = {"panels": loss_curves(output / report["concept"]), "out": str(output / "loss_curves.png")}
    for module, job in (("demo_sheet", sheet), ("curves", curves)):
        drawn = subprocess.run(
            [str(host.python), "-m", f"lab.figures.{module}"],
            input=json.dumps(job),
            text=True,
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if drawn.returncode:
            raise DevError(f"{module} could not be drawn:\n{drawn.stderr}")
