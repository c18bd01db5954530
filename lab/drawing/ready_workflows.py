"""The demo's ready workflows, which `dev.py serve` puts where the page lists saved workflows: press Run.

They are the shipped ones, by the same descriptions, with the demo's files, sizes and settings in place.
Needs the standard library alone, like lab.hosting.
"""

from __future__ import annotations

import json
import pathlib
from dataclasses import dataclass

from ..jobs import jobs
from ..workflow_files.make_workflows import versions, written
from ..workflow_files.object_info import Info
from ..workflow_files.sheet import Sheet
from ..workflow_files.shipped_workflows import WORKFLOWS
from ..workflow_files.ui_workflow import to_ui
from . import shipped


@dataclass(frozen=True)
class Ready:
    """shipped: the workflow that it is made from. concept: which of the demo's it learns, where not the first.
    after: what has to run before it."""

    shipped: str
    concept: str = ""
    after: str = ""

    def overrides(self) -> jobs.Overrides:
        """What differs from the shipped workflow, by node title."""
        changes = shipped.overrides(self.shipped)
        if self.concept:
            concept = shipped.settings()["concepts"][self.concept]
            changes["Picture"] = {"image": concept["image"]}
            changes["Mask"] |= {"prompt": concept["class_word"]}
            changes["Stage I"] |= {"class_word": concept["class_word"]}
            changes["Save Concept"] = {"name": self.concept}
        return changes


# by the page's name of each, in the page's order
READY = {
    "demo 1 learn": Ready("learn_a_concept"),
    "demo 2 use": Ready("use_a_concept", after="1"),
    "demo 3a learn a star": Ready("learn_a_concept", "my_star"),
    "demo 3b learn a square": Ready("learn_a_concept", "my_square"),
    "demo 3c compose": Ready("compose_three_concepts", after="1, 3a, 3b"),
    "demo 4 edit": Ready("edit_a_photo"),
    "demo 5 grid": Ready("edit_grid", after="4"),
}
FIRST = next(iter(READY))
SAVED = pathlib.PurePosixPath("user", "default", "workflows")
SETTINGS = pathlib.PurePosixPath("user", "default", "comfy.settings.json")
OPENS = "SingleImageStudio.Demo.Opens"  # the setting that the host extension's open_first.js reads
MADE = "ready_workflows"  # in the base directory: as they were put there last


def made(info: Info) -> dict[str, str]:
    """Each ready workflow's text by its name. info: the host's /object_info, with the pack."""
    texts = {}
    for name, ready in READY.items():
        sheet = Sheet(name, info, *versions())
        WORKFLOWS[ready.shipped](sheet)
        sheet.override(ready.overrides())
        texts[name] = written(to_ui(sheet))
    return texts


def listing() -> list[str]:
    """A line for each: its name, and what has to run before it."""
    return [f"  {name}" + (f" (after {ready.after})" if ready.after else "") for name, ready in READY.items()]


def put(info: Info, base: pathlib.Path) -> None:
    """Writes them into a base directory, but for those that a person has changed there."""
    (base / SAVED).mkdir(parents=True, exist_ok=True)
    (base / MADE).mkdir(exist_ok=True)
    for name, text in made(info).items():
        file, before = base / SAVED / f"{name}.json", base / MADE / f"{name}.json"
        if not file.exists() or (before.exists() and file.read_bytes() == before.read_bytes()):
            file.write_text(text, encoding="utf-8")
        before.write_text(text, encoding="utf-8")


def first_settings(base: pathlib.Path) -> None:
    """Where nobody has opened the page yet: it opens with the first ready workflow, without the host's introduction.
    For before the host starts."""
    if not (base / SETTINGS).exists():
        (base / SETTINGS).parent.mkdir(parents=True, exist_ok=True)
        (base / SETTINGS).write_text(json.dumps({"Comfy.TutorialCompleted": True, OPENS: FIRST}), encoding="utf-8")
