"""The demo's ready workflows, which `dev.py serve` puts where the page lists saved workflows: press Run.

They are the shipped ones, by the same descriptions, with the demo's files, sizes and settings in place.
Needs the standard library alone, like lab.hosting.
"""

from __future__ import annotations

import json
import pathlib
import uuid
from dataclasses import dataclass

from ..jobs import jobs
from ..workflow_files.make_workflows import versions, written
from ..workflow_files.object_info import Info
from ..workflow_files.sheet import Sheet
from ..workflow_files.shipped_workflows import WORKFLOWS
from ..workflow_files.ui_workflow import UUIDS, to_ui
from . import shipped


@dataclass(frozen=True)
class Ready:
    """shipped: the workflow that it is made from. concept: which of the demo's it learns, where not the first.
    after: what has to run before it."""

    shipped: str
    concept: str = ""
    after: str = ""

    def changes(self) -> jobs.Overrides:
        """What differs from the shipped workflow on the demo's files, by node title: the concept, or the edit."""
        if not self.concept:
            return dict(shipped.settings()["ready"].get(self.shipped, {}))
        concept = shipped.settings()["concepts"][self.concept]
        return {
            "Picture": {"image": concept["image"]},
            "Mask": {"prompt": concept["class_word"]},
            "Stage I": {"class_word": concept["class_word"]},
            "Save Concept": {"name": self.concept},
        }

    def overrides(self) -> jobs.Overrides:
        """What differs from the shipped workflow, by node title."""
        both = shipped.overrides(self.shipped)
        for title, values in self.changes().items():
            both[title] = {**both.get(title, {}), **values}
        return both

    def notes(self) -> jobs.Overrides:
        """What the notes say of the demo's own files, by their titles."""
        texts = shipped.settings()["notes"].get(self.shipped, {})
        return {title: {"text": text} for title, text in texts.items()}


# by the page's name of each, in the page's order; in each the shipped one's name, by which the notes speak of it
READY = {
    "demo 1 learn_a_concept": Ready("learn_a_concept"),
    "demo 2 use_a_concept": Ready("use_a_concept", after="1"),
    "demo 3a learn_a_concept star": Ready("learn_a_concept", "my_star"),
    "demo 3b learn_a_concept square": Ready("learn_a_concept", "my_square"),
    "demo 3c compose_three_concepts": Ready("compose_three_concepts", after="1, 3a, 3b"),
    "demo 3d compose_in_two_passes": Ready("compose_in_two_passes", after="1, 3a"),
    "demo 4 edit_a_photo": Ready("edit_a_photo"),
    "demo 5 edit_grid": Ready("edit_grid", after="4"),
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
        sheet.override(ready.overrides() | ready.notes())
        # unlike a shipped one it is a file that is opened again and again: its runs are found by its id
        texts[name] = written({"id": str(uuid.uuid5(UUIDS, f"ready {name}")), **to_ui(sheet)})
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
