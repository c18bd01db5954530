"""The contact sheets of a folder's concepts."""

from __future__ import annotations

import json
import pathlib
import subprocess
from collections.abc import Sequence

from .. import ROOT
from ..hosting.installation import say
from .results import Results, Row

ROWS = 40  # concepts of one sheet
SIDE = 160  # pixels of a picture


def draw(results: Results, pictures: pathlib.Path, pythons: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """Draws all concepts that are there, by their names, in as many sheets as they need. Returns the sheets.

    pictures: the folder that they were learned from. pythons: of which the first that has Pillow draws; without one,
    there are no sheets, and a sentence says so.
    """
    python = next((python for python in pythons if _has_pillow(python)), None)
    if python is None:
        say("no contact sheet was drawn: install Pillow in the Python that runs dev.py, or give --comfyui")
        return []
    there = [row for name, row in results.by_name.items() if (results.concepts / f"{name}.safetensors").is_file()]
    rows = sorted(there, key=lambda row: str(row["name"]).casefold())
    sheets = []
    for first in range(0, len(rows), ROWS):
        out = results.output / f"contact_sheet_{first // ROWS + 1}.jpg"
        lines = [_line(row, results, pictures) for row in rows[first : first + ROWS]]
        if _run(
            python, "-m", "lab.figures.folder_sheet", job=json.dumps({"rows": lines, "side": SIDE, "out": str(out)})
        ):
            sheets.append(out)
        else:
            say(f"{out} could not be drawn")
    return sheets


def _line(row: Row, results: Results, pictures: pathlib.Path) -> dict[str, object]:
    drawn = [str(results.output / "pictures" / name) for name in row["pictures"]]
    return {"caption": f"<{row['name']}> {row['class_word']}", "files": [str(pictures / row["file"]), *drawn]}


def _has_pillow(python: pathlib.Path) -> bool:
    return _run(python, "-c", "import PIL")


def _run(python: pathlib.Path, *arguments: str, job: str = "") -> bool:
    try:
        done = subprocess.run([str(python), *arguments], input=job.encode(), cwd=ROOT, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0
