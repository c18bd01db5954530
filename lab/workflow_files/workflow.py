"""Reads API workflows, changes their values by node title, and finds which prompt made which picture."""

from __future__ import annotations

import copy
import fnmatch
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from .. import DevError
from ..hosting.client import Prompt


def load(path: pathlib.Path) -> Prompt:
    """An API workflow: node ids to `{"class_type", "inputs", "_meta": {"title"}}`.

    Raises: DevError when the file is missing or not a workflow.
    """
    try:
        workflow = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DevError(f"{path} cannot be read as a workflow: {error}") from error
    if not isinstance(workflow, dict) or not all(
        isinstance(node, dict) and "class_type" in node for node in workflow.values()
    ):
        raise DevError(f"{path} is not an API workflow: save it with Export (API)")
    return workflow


def title(node: Mapping[str, Any]) -> str:
    """A node's title, or its class when it has none."""
    return str(node.get("_meta", {}).get("title") or node["class_type"])


def with_overrides(workflow: Prompt, overrides: Mapping[str, Mapping[str, Any]]) -> Prompt:
    """A copy with other values. Keys are titles, in which `*` stands for anything ("Sampler *"); later ones win.

    Raises: DevError for a title that no node has, or a value that a node lacks or takes from a link.
    """
    changed = copy.deepcopy(workflow)
    for pattern, values in overrides.items():
        nodes = [node for node in changed.values() if fnmatch.fnmatchcase(title(node), pattern)]
        if not nodes:
            raise DevError(f"the workflow has no node titled {pattern!r}: check the overrides")
        for node in nodes:
            for name, value in values.items():
                if name not in node["inputs"] or isinstance(node["inputs"][name], list):
                    raise DevError(f"node {title(node)!r} has no value {name!r} to change: check the overrides")
                node["inputs"][name] = value
    return changed


def nodes_of(workflow: Prompt, class_type: str) -> list[str]:
    """The ids of all nodes of one class, in the workflow's order."""
    return [node_id for node_id, node in workflow.items() if node["class_type"] == class_type]
