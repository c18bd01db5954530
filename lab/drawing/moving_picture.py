"""Records the README's moving picture: `python -m lab.drawing.moving_picture`.

In the host's real frontend the demo's workflows run: first the live view while a concept is learned, and the pictures
that are drawn with it; then a click in the Edit Grid, and the edit that comes of it.
Needs a Chromium and Playwright, as the browser tests do.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import TYPE_CHECKING

from .. import ROOT, DevError
from ..figures import gif, jpeg
from ..figures.gif import Frame
from ..hosting.client import Client
from ..hosting.command import exit_code, temporary_host
from ..hosting.installation import say
from . import real_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = (1240, 800)
# what is taken of the page, clear of its bars: as wide as a README is read
LEFT, TOP, WIDTH, HEIGHT = 220, 150, 800, 450
MOST_BYTES = 1_400_000
RUNNING, LOOK = 48, 2500  # frames of the training, and ms that a result stays
BETWEEN = 400  # ms from one look at a run to the next
STEP = 140  # ms of a frame in which something moves
CHOSEN = "alpha 0.2, source ratio 0.7"  # the cell that is clicked

# Where each node lies in the picture, and its size: (left, top, width, height), None for its own height. The others and
# what joins them are out of sight.
Places = dict[str, tuple[int, int, int, int | None]]
LEARNING: Places = {"Stage I": (16, 60, 376, None), "Stage II": (408, 60, 376, None)}
EDITING: Places = {
    "Edit Grid": (16, 60, 420, None),
    "Edit": (464, 34, 320, None),
    "Save the edit": (464, 234, 320, 210),
}
VIEWS = {"Stage I": 150, "Stage II": 150, "Edit Grid": 20}  # where what the pack draws on a node begins

LAY = """([places, left, top]) => {
  const { canvas } = window.app, { graph } = canvas, area = canvas.canvas.getBoundingClientRect();
  canvas.links_render_mode = LiteGraph.HIDDEN_LINK ?? -1;
  for (const group of [...graph.groups]) graph.remove(group);
  for (const node of graph.nodes) {
    const [x, y, width, height] = places[node.title] ?? [20000, 0, ...node.size];
    node.setSize([width, height ?? node.size[1]]);
    node.pos = [x, y];
  }
  canvas.ds.scale = 1;
  canvas.ds.offset[0] = left - area.x;
  canvas.ds.offset[1] = top - area.y;
  canvas.setDirty(true, true);
}"""
# Moves nodes up or down until what the pack draws on them is where it should be.
SHIFT = """([views, top]) => {
  const { canvas } = window.app;
  for (const [title, y] of Object.entries(views)) {
    const node = canvas.graph.nodes.find((node) => node.title === title);
    const view = node?.widgets.find(({ name }) => ["live_view", "sis_edit_grid"].includes(name));
    if (view) node.pos = [node.pos[0], node.pos[1] + top + y - view.element.getBoundingClientRect().top];
  }
  canvas.setDirty(true, true);
}"""
POINTER = """() => {
  const place = document.createElement("div");
  place.innerHTML = '<svg width="22" height="30" viewBox="0 0 11 15"><path d="M0 0V12L3 9.3 5 14 7 13.2 5 8.6H9Z"'
    + ' fill="#fff" stroke="#000" stroke-width=".8"/></svg>';
  place.style.cssText = "position: fixed; left: 0; top: 0; z-index: 99999; pointer-events: none";
  document.documentElement.append(place);
  addEventListener("mousemove", ({ clientX, clientY }) => {
    place.style.transform = `translate(${clientX}px, ${clientY}px)`;
  }, true);
}"""


def shot(page: Page) -> bytes:
    """The part of the page that is taken."""
    return page.screenshot(clip={"x": LEFT, "y": TOP, "width": WIDTH, "height": HEIGHT})


def now(page: Page, duration: int = STEP) -> Frame:
    """The page as it is."""
    return Frame(real_page.picture_of(shot(page)), duration)


def lay(page: Page, places: Places) -> None:
    """Puts these nodes where they are taken."""
    page.evaluate(LAY, [places, LEFT, TOP])
    page.wait_for_timeout(1000)
    page.evaluate(SHIFT, [VIEWS, TOP])
    page.wait_for_timeout(1000)


def running(page: Page, name: str, most: int) -> list[Frame]:
    """Presses Run; the page until the run has ended.

    Raises: DevError when the run fails.
    """
    page.evaluate(real_page.START)
    shots: list[bytes] = []
    while not real_page.has_ended(page):
        shots.append(shot(page))
        page.wait_for_timeout(BETWEEN)
    real_page.check(page, name)
    return [Frame(real_page.picture_of(taken), STEP) for taken in gif.thinned(shots, most)]


def learning(client: Client, few: bool) -> list[Frame]:
    """The live views of both stages, then the pictures."""
    with real_page.opened(client, *PAGE) as page:
        real_page.load(page, "learn_a_concept", few=few)
        real_page.bare(page)
        lay(page, LEARNING)
        frames = running(page, "learn_a_concept", RUNNING)
        lay(page, {"Save": (16, 40, WIDTH - 32, HEIGHT - 56)})
        return [*frames, now(page, LOOK)]


def editing(client: Client, few: bool) -> list[Frame]:
    """A click in the grid, and the edit with its values."""
    with real_page.opened(client, *PAGE) as page:
        real_page.load(page, "edit_a_photo", few=few)
        real_page.bare(page)
        real_page.run(page, "edit_a_photo")
        page.evaluate(POINTER)
        page.mouse.move(LEFT + WIDTH, TOP + HEIGHT)
        lay(page, EDITING)
        return [now(page, LOOK), *clicking(page), *running(page, "edit_a_photo", 6), *settled(page)]


def clicking(page: Page) -> list[Frame]:
    """The pointer comes to a cell and clicks it."""
    cell = page.get_by_role("button", name=CHOSEN, exact=True)
    box, steps, frames = cell.bounding_box(), 10, []
    if box is None:
        raise DevError(f"the grid has no cell {CHOSEN!r}: choose another in {__file__}")
    from_x, from_y, x, y = LEFT + WIDTH, TOP + HEIGHT, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for i in range(1, steps + 1):
        page.mouse.move(from_x + (x - from_x) * i / steps, from_y + (y - from_y) * i / steps)
        frames.append(now(page))
    cell.click()
    page.wait_for_timeout(500)
    return [*frames[:-1], Frame(frames[-1].picture, LOOK // 2), now(page, LOOK)]


def settled(page: Page) -> list[Frame]:
    """The result, when it is drawn."""
    page.wait_for_timeout(2000)
    return [now(page, LOOK)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "live.gif")
    parser.add_argument("--few", action="store_true", help="few steps, to look at the picture's layout")
    return parser.parse_args()


def record(out: pathlib.Path, few: bool) -> None:
    """Writes the moving picture."""
    with temporary_host() as client:
        frames = [*learning(client, few), *editing(client, few)]
    size = jpeg.write(out, gif.encode(frames, MOST_BYTES))
    say(f"{out}: {len(frames)} frames, {size // 1000} kB")


def main() -> int:
    options = arguments()
    return exit_code(lambda: record(options.out, options.few))


if __name__ == "__main__":
    sys.exit(main())
