"""Draws the README's pictures of the demos' results: `python -m lab.drawing.demo_pictures`.

docs/demo.jpg is the contact sheet of `python dev.py demo`, and docs/edit_grid.jpg the grid of `python dev.py demo
edit`; both demos run for them.
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile

from PIL import Image

from .. import ROOT
from ..figures import jpeg
from ..hosting.command import exit_code
from ..hosting.environment import Host, choose_host
from ..hosting.installation import say
from ..jobs import edit, learn

DOCS = ROOT / "docs"
MOST_BYTES = 120_000


def learned(host: Host, output: pathlib.Path) -> Image.Image:
    """The contact sheet, without the seconds that this machine took."""
    learn.run(host, output)
    report = json.loads((output / "learn.json").read_text(encoding="utf-8"))
    del report["seconds"]
    learn.draw(host, report, learn.base_pictures(learn.settings(), output), output)
    return Image.open(output / "contact_sheet.png").convert("RGB")


def edited(host: Host, output: pathlib.Path) -> Image.Image:
    """The grid of alpha and source ratio."""
    edit.run(host, output)
    return Image.open(output / "edit_grid.png").convert("RGB")


def draw() -> None:
    """Writes both pictures."""
    host = choose_host(None, None)
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in (("demo", learned), ("edit_grid", edited)):
            data = jpeg.encode(picture(host, pathlib.Path(folder)), MOST_BYTES, range(95, 60, -5), fine_colors=True)
            say(f"{DOCS / name}.jpg: {jpeg.write(DOCS / f'{name}.jpg', data) // 1000} kB")


def main() -> int:
    return exit_code(draw)


if __name__ == "__main__":
    sys.exit(main())
