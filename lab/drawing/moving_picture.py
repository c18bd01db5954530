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

from .. import ROOT
from ..figures import gif, jpeg
from ..figures.gif import Frame
from ..hosting.client import Client
from ..hosting.command import exit_code, temporary_host
from ..hosting.installation import say
from . import real_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 800, 450  # of the page and of the picture: a README's reading width
MOST_BYTES = 1_400_000
RUNNING, LOOK = 40, 2500  # frames of the training, and ms that a result stays
STEP = 140  # ms of a frame in which something moves
CHOSEN = "alpha 1, source ratio 0.2"  # the cell that is clicked

# Where each node lies and how wide it is; the others and what joins them are out of sight. A place holds by the top of
# what the pack draws on the node, if it draws anything, else by the node's own.
LAY = """([places, scale]) => {
  const { canvas } = window.app, { graph } = canvas;
  canvas.links_render_mode = LiteGraph.HIDDEN_LINK ?? -1;
  for (const group of [...graph.groups]) graph.remove(group);
  for (const node of graph.nodes) {
    const [x, y, width] = places[node.title] ?? [20000, 0, node.size[0]];
    node.setSize([width, node.size[1]]);
    const view = node.widgets?.find(({ name }) => ["live_view", "sis_edit_grid"].includes(name));
    node.pos = [x, y - (view?.last_y ?? view?.y ?? 0)];
  }
  canvas.ds.scale = scale;
  canvas.ds.offset[0] = canvas.ds.offset[1] = 0;
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


def now(page: Page, duration: int = STEP) -> Frame:
    """The page as it is."""
    return Frame(real_page.screenshot(page), duration)


def running(page: Page, name: str, most: int) -> list[Frame]:
    """Presses Run; the page until the run has ended.

    Raises: DevError when the run fails.
    """
    page.evaluate(real_page.START)
    shots: list[bytes] = []
    while not real_page.has_ended(page):
        shots.append(page.screenshot())
    real_page.check(page, name)
    return [Frame(real_page.picture_of(shot), STEP) for shot in gif.thinned(shots, most)]


def learning(client: Client) -> list[Frame]:
    """The live views of both stages, then the pictures."""
    with real_page.opened(client, WIDTH, HEIGHT) as page:
        real_page.load(page, "learn_a_concept", painted=False)
        real_page.bare(page)
        page.evaluate(LAY, [{"Stage I": [16, 180, 376], "Stage II": [408, 180, 376]}, 1])
        page.wait_for_timeout(1000)
        frames = running(page, "learn_a_concept", RUNNING)
        real_page.frame(page, ["Save"], 10, 0, most=2)
        page.wait_for_timeout(2000)
        return [*frames, now(page, LOOK)]


def editing(client: Client) -> list[Frame]:
    """A click in the grid, and the edit with its values."""
    places = {"Edit Grid": [16, 60, 400], "Edit": [440, 40, 340], "Save the edit": [440, 260, 340]}
    with real_page.opened(client, WIDTH, HEIGHT) as page:
        real_page.load(page, "edit_a_photo", painted=False)
        real_page.bare(page)
        real_page.run(page, "edit_a_photo")
        page.evaluate(POINTER)
        page.evaluate(LAY, [places, 1])
        page.wait_for_timeout(2000)
        return [now(page, LOOK), *clicking(page), *running(page, "edit_a_photo", 6), *settled(page)]


def clicking(page: Page) -> list[Frame]:
    """The pointer comes to a cell and clicks it."""
    cell = page.get_by_role("button", name=CHOSEN, exact=True).bounding_box()
    assert cell is not None
    x, y, steps, frames = cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2, 8, []
    for i in range(1, steps + 1):
        page.mouse.move(WIDTH - (WIDTH - x) * i / steps, HEIGHT - (HEIGHT - y) * i / steps)
        frames.append(now(page))
    page.mouse.down()
    page.mouse.up()
    page.wait_for_timeout(500)
    return [*frames[:-1], Frame(frames[-1].picture, LOOK // 2), now(page, LOOK)]


def settled(page: Page) -> list[Frame]:
    """The result, when it is drawn."""
    page.wait_for_timeout(2000)
    return [now(page, LOOK)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "live.gif")
    return parser.parse_args()


def record(out: pathlib.Path) -> None:
    """Writes the moving picture."""
    with temporary_host() as client:
        frames = [*learning(client), *editing(client)]
    size = jpeg.write(out, gif.encode(frames, MOST_BYTES))
    say(f"{out}: {len(frames)} frames, {size // 1000} kB")


def main() -> int:
    options = arguments()
    return exit_code(lambda: record(options.out))


if __name__ == "__main__":
    sys.exit(main())
