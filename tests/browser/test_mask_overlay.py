"""Stage I shows the picture with its mask as trained on, before the first step and after the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from ..helpers.frontend import Frontend
from ..helpers.graphs import Graph, node, save, sources, stage1
from ..helpers.page_graphs import numbered

# The colours at the corner and in the middle of a picture.
COLOURS = """async (image) => {
  const own = new Image();
  own.src = image.src;
  await own.decode();
  const context = Object.assign(document.createElement("canvas"), { width: 8, height: 8 }).getContext("2d");
  context.drawImage(own, 0, 0, 1, 1, 0, 0, 1, 1);
  context.drawImage(own, own.naturalWidth / 2, own.naturalHeight / 2, 1, 1, 1, 0, 1, 1);
  return [0, 1].map((x) => [...context.getImageData(x, 0, 1, 1).data]);
}"""
BEFORE = "() => document.querySelector('.sis-live-previews img')"  # in the live view
# The node's own picture, wherever the renderer keeps it.
AFTERWARDS = """(id) => {
  const node = app.graph.nodes.find((n) => String(n.id) === id);
  const drawn = document.querySelector(`[data-node-id="${id}"]`);
  if (!drawn) return node.imgs?.[0];
  return [...drawn.querySelectorAll("img")].find((image) => !image.closest(".sis-live"));
}"""


def colours(page: Page, find: str, node_id: str | None = None) -> Any:
    """The colours of the picture that a JavaScript function finds, once it is there and loaded."""
    page.wait_for_function(f"(id) => ({find})(id)?.naturalWidth", arg=node_id)
    return page.evaluate(f"(id) => ({COLOURS})(({find})(id))", node_id)


def oblong(**changes: Any) -> Graph:
    """A picture that has to be cropped, and its mask."""
    wide = {"image": ["image", 0], "upscale_method": "lanczos", "width": 256, "height": 128, "crop": "disabled"}
    one = stage1(**({"image": ["wide", 0], "seed": 921} | changes))
    return {**sources(), "wide": node("ImageScale", **wide), "one": one, "save": save("overlay", concept=["one", 0])}


def test_the_mask_is_seen_before_training_ends_and_afterwards(frontend: Frontend, snap: Callable[..., Any]) -> None:
    page = frontend.page
    graph, ids = numbered(oblong(steps=4000))
    frontend.load_api(graph)
    frontend.frame(ids["one"])
    run = frontend.queue()
    during = colours(page, BEFORE)
    page.wait_for_function("() => document.querySelector('.sis-live-chart path[data-term]')")
    page.locator(".sis-live-previews button").first.focus()
    zoom = page.locator(".sis-live-zoom").first
    assert zoom.is_visible()
    snap(frontend, "while training")
    page.locator(".sis-live-chart").first.focus()
    assert not zoom.is_visible()  # the curves again
    frontend.interrupt()
    assert frontend.wait(run).kind == "interrupted"

    graph, ids = numbered(oblong(steps=2))
    frontend.load_api(graph)
    assert frontend.run().kind == "success"
    frontend.frame(ids["one"])
    corner, middle = colours(page, AFTERWARDS, ids["one"])
    snap(frontend, "afterwards")
    assert max(corner[:3]) - min(corner[:3]) < 12 and max(corner[:3]) < 100  # grey and dark outside
    assert max(middle[:3]) - min(middle[:3]) > 60  # in colour inside
    for before, after in zip(during, (corner, middle)):
        assert all(abs(a - b) < 30 for a, b in zip(before, after))  # JPEG while it trains
