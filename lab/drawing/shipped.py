"""The shipped workflows on the demo's files: what to change in each, and what has to be there first.

Needs the standard library alone, like lab.hosting.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from .. import ROOT
from ..hosting.base_folder import CHECKPOINT
from ..hosting.client import Client, Prompt
from ..jobs import edit, jobs, learn
from ..workflow_files import workflow
from ..workflow_files.shipped_workflows import ON_NEWER_HOSTS, WORKFLOWS

SETTINGS = pathlib.Path(__file__).resolve().parent / "workflows.json"
NAMES = tuple(WORKFLOWS)
ALL = (*NAMES, *ON_NEWER_HOSTS)
WITHOUT_CHECKPOINT = tuple(name for name in NAMES if name.startswith("mask_by_"))
PAINTED_MASK = {"class_type": "LoadImageMask", "_meta": {"title": "Mask"}}


def settings() -> dict[str, Any]:
    """lab/drawing/workflows.json."""
    return dict(json.loads(SETTINGS.read_text(encoding="utf-8")))


def overrides(name: str) -> jobs.Overrides:
    """What the demo changes in one shipped workflow, by node title."""
    if name == "learn_a_concept":
        return learn.settings().overrides
    if name == "edit_a_photo":
        return edit.overrides()
    changes: jobs.Overrides = settings()["overrides"][name]
    if name in WITHOUT_CHECKPOINT:
        return changes
    return {"Load Checkpoint": {"ckpt_name": CHECKPOINT}} | changes


def prompt(name: str, more: Mapping[str, Mapping[str, Any]] | None = None) -> Prompt:
    """A shipped workflow with the demo's values, and then with `more`."""
    shipped = workflow.load(ROOT / "workflows" / "api" / f"{name}.json")
    return workflow.with_overrides(workflow.with_overrides(shipped, overrides(name)), more or {})


def up_to(prompt: Prompt, *titles: str) -> Prompt:
    """The nodes of these titles, and all that they need."""
    wanted = [node_id for node_id, node in prompt.items() if workflow.title(node) in titles]
    for node_id in wanted:  # grows while it is walked
        wanted += [
            value[0]
            for value in prompt[node_id]["inputs"].values()
            if isinstance(value, list) and value[0] not in wanted
        ]
    return {node_id: node for node_id, node in prompt.items() if node_id in wanted}


def with_painted_mask(prompt: Prompt, picture: str) -> Prompt:
    """A learning workflow with the demo's drawn mask instead of a found one, as an artist would paint it."""
    drawn = PAINTED_MASK | {"inputs": {"image": f"{pathlib.Path(picture).stem}_mask.png", "channel": "red"}}
    return {node_id: drawn if workflow.title(node) == "Mask" else node for node_id, node in prompt.items()}


def learning(name: str, more: Mapping[str, Mapping[str, Any]] | None = None) -> Prompt:
    """What learns and saves one of the demo's concepts, with the shipped learning workflow's own nodes."""
    concept = settings()["concepts"][name]
    changes = {
        "Picture": {"image": concept["image"]},
        "Stage I": {"class_word": concept["class_word"]},
        "Save Concept": {"name": name},
    }
    whole = with_painted_mask(prompt("learn_a_concept", changes), concept["image"])
    return up_to(workflow.with_overrides(whole, more or {}), "Save Concept")


def inverting(more: Mapping[str, Mapping[str, Any]] | None = None) -> Prompt:
    """What inverts and saves the demo's photo, with the shipped editing workflow's own nodes."""
    return up_to(prompt("edit_a_photo", more), "Save Inversion")


def prepare(
    client: Client,
    more_learning: Mapping[str, Mapping[str, Any]] | None = None,
    more_inverting: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Makes the concepts and the inversion that the other workflows load.

    Raises: HostError when the host refuses or fails.
    """
    for name in settings()["concepts"]:
        client.run(learning(name, more_learning))
    client.run(inverting(more_inverting))
