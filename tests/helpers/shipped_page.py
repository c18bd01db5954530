"""The shipped workflows as the page has them."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from lab.workflow_files.object_info import specs

from .frontend import Box, Frontend

ROOT = pathlib.Path(__file__).resolve().parents[2]
WARNING = "Comfy.Workflow.ShowMissingModelsWarning"
# The page cuts what is taller than its box: both renderers scroll it.
CUT_NOTES = """() => [...document.querySelectorAll(".comfy-markdown-content, .comfy-markdown")]
  .filter((note) => note.scrollHeight > note.clientHeight + 2).map((note) => note.innerText.slice(0, 40))"""


def shipped_file(folder: str, name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / folder / f"{name}.json").read_text(encoding="utf-8")))


def overlaps(boxes: dict[str, Box]) -> list[tuple[str, str]]:
    return [(a, b) for a in boxes for b in boxes if a < b and boxes[a].overlaps(boxes[b])]


def queued(frontend: Frontend) -> dict[str, Any]:
    """What the page would queue, without inputs that only the page has (Preview as Text keeps its text in one) and what
    newer ones add to the title."""
    info = frontend.node_info
    return {
        node_id: {
            "inputs": {
                name: value for name, value in node["inputs"].items() if name in specs(info, node["class_type"])
            },
            "class_type": node["class_type"],
            "_meta": {"title": node["_meta"]["title"]},
        }
        for node_id, node in frontend.prompt().items()
    }
