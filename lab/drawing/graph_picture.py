"""Takes the README's picture of a graph and its result: `python -m lab.drawing.graph_picture`.

Opens a shipped workflow in the host's real frontend, gives it the demo's files and values, presses Run, and takes a
picture of the page.
Needs a Chromium and Playwright, as the browser tests do.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import TYPE_CHECKING

from PIL import Image

from .. import ROOT
from ..figures import jpeg
from ..hosting.client import Client
from ..hosting.command import exit_code, temporary_host
from ..hosting.installation import say
from . import real_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUNS = (1000, 700)  # of the page while the workflow runs: a large one takes the time of the training to draw
# of the page for the picture, so that the graph is large enough for the host to write its texts; the picture is as wide
# as `WIDTH`
SIZE = (3200, 2600)
WIDTH = 2000
MOST_BYTES = 250_000
MARGIN = 30  # around the graph
BARS = 60  # that the page's own bars cover, at the top most of all


def settle(page: Page) -> None:
    """The page has its size, and pictures of the run's results are fetched and drawn."""
    page.wait_for_timeout(3000)


def take(client: Client, name: str, painted: bool, few: bool = False) -> Image.Image:
    """Opens and runs one workflow, and returns the picture of its graph. painted: with a drawn mask where the workflow
    finds one. few: steps.

    Raises: DevError when there is no browser, or the run fails.
    """
    with real_page.opened(client, *RUNS) as page:
        real_page.load(page, name, painted, few)
        real_page.run(page, name)
        page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
        real_page.bare(page)
        settle(page)
        box = real_page.frame(page, None, MARGIN, BARS)
        settle(page)
        whole = real_page.screenshot(page)
    edges = (
        max(0, box["x"]),
        max(0, box["y"]),
        min(whole.width, box["x"] + box["width"]),
        min(whole.height, box["y"] + box["height"]),
    )
    return whole.crop(tuple(round(edge) for edge in edges))  # type: ignore[arg-type]


def save(picture: Image.Image, path: pathlib.Path) -> int:
    """Writes a JPEG of at most `MOST_BYTES` and `WIDTH`; returns its size."""
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    return jpeg.write(path, jpeg.encode(picture, MOST_BYTES, range(92, 30, -4)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "name", nargs="?", default="learn_a_concept", choices=sorted(real_page.OVERRIDES), help="in workflows/"
    )
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "graph.jpg")
    parser.add_argument(
        "--painted", action="store_true", help="take the demo's drawn mask, where the demo detector is not there"
    )
    parser.add_argument("--few", action="store_true", help="few steps, to look at the picture's layout")
    return parser.parse_args()


def draw(options: argparse.Namespace) -> None:
    """Writes the picture that is asked for."""
    with temporary_host() as client:
        size = save(take(client, options.name, options.painted, options.few), options.out)
    say(f"{options.out}: {size // 1000} kB")


def main() -> int:
    options = arguments()
    return exit_code(lambda: draw(options))


if __name__ == "__main__":
    sys.exit(main())
