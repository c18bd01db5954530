"""Writes the shipped workflows, their API twins and the subgraph blueprints:
`python -m lab.workflow_files.make_workflows`.

They are described in blueprints.py and the files named TOPIC_workflows.py; a test holds the files to what this writes.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any

from .. import ROOT, DevError
from ..hosting.command import exit_code, temporary_host
from ..hosting.installation import say
from .blueprints import BLUEPRINTS
from .newer_nodes import with_newer
from .object_info import Info
from .sheet import Sheet
from .shipped_workflows import ON_NEWER_HOSTS, WORKFLOWS
from .ui_subgraph import Blueprint, to_blueprint
from .ui_workflow import to_api, to_ui


def versions() -> tuple[str, str]:
    """The pack's version, and the oldest host's that it needs: the files must open there."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = [
        re.search(rf'^{key} = "[^\d"]*([\d.]+)"', project, re.MULTILINE) for key in ("version", "requires-comfyui")
    ]
    if not all(found):
        raise DevError("pyproject.toml names no version or no requires-comfyui: put them back")
    pack, hosts = (match[1] for match in found if match)
    return pack, hosts


def made(info: Info) -> dict[str, str]:
    """Every file's text by its path under the root. info: the host's /object_info, with the pack."""
    files, info = {}, with_newer(info)
    for name, describe in (WORKFLOWS | ON_NEWER_HOSTS).items():
        sheet = Sheet(name, info, *versions())
        describe(sheet)
        ui = to_ui(sheet)
        files[f"workflows/{name}.json"] = written(ui)
        files[f"workflows/api/{name}.json"] = json.dumps(to_api(ui, info), indent=2, ensure_ascii=False) + "\n"
    for name, shipped in BLUEPRINTS.items():
        blueprint = Blueprint(name, shipped.description, info, *versions())
        shipped.describe(blueprint)
        files[f"subgraphs/{name}.json"] = written(to_blueprint(blueprint))
    return files


def written(workflow: dict[str, Any]) -> str:
    """A workflow as JSON with one node, link or group a line, so that a change shows where it is."""

    def lines(value: Any, indent: str) -> str:
        if isinstance(value, list) and value and isinstance(value[0], dict | list):
            inner = f",\n{indent} ".join(lines(entry, indent + " ") for entry in value)
            return f"[\n{indent} {inner}\n{indent}]"
        if isinstance(value, dict) and ("nodes" in value or "subgraphs" in value):
            inner = f",\n{indent} ".join(
                f"{json.dumps(key)}: {lines(entry, indent + ' ')}" for key, entry in value.items()
            )
            return f"{{\n{indent} {inner}\n{indent}}}"
        return json.dumps(value, ensure_ascii=False)

    return lines(workflow, "") + "\n"


def write(info: Info, root: pathlib.Path = ROOT) -> list[str]:
    """Writes all files. Returns the paths of those that changed."""
    changed = []
    for path, text in made(info).items():
        file = root / path
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def remake() -> None:
    """Writes all files with a host's own description of its nodes."""
    with temporary_host() as client:
        info = client.object_info()
    say("written: " + (", ".join(write(info)) or "nothing, all files are as described"))


def main() -> int:
    return exit_code(remake)


if __name__ == "__main__":
    sys.exit(main())
