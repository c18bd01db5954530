"""What the README's pictures are taken of: the demo's values in the shipped workflows, and the view on their nodes."""

from __future__ import annotations

import pytest

from lab.drawing import moving_picture, real_page, shipped

from ..helpers.frontend import Frontend
from ..helpers.shipped_page import queued

NODES = "() => window.app.canvas.graph.nodes.map((node) => [node.title, String(node.id), node.pos[0]])"


@pytest.mark.parametrize("name", sorted(real_page.OVERRIDES))
def test_a_workflow_opens_with_the_demos_values(quiet: Frontend, name: str) -> None:
    real_page.load(quiet.page, name, painted=False)
    assert queued(quiet) == shipped.prompt(name)


def test_the_view_shows_the_nodes_that_it_is_put_on(quiet: Frontend) -> None:
    real_page.load(quiet.page, "edit_a_photo", painted=False)
    for titles in (None, ["Edit"]):
        box = real_page.frame(quiet.page, titles, 20, 40)
        quiet.settle()
        boxes = quiet.boxes()
        shown = [node_id for title, node_id, _ in quiet.page.evaluate(NODES) if titles is None or title in titles]
        assert shown
        for node in (boxes[node_id] for node_id in shown):
            assert box["x"] < node.x and node.x + node.width < box["x"] + box["width"]
            assert box["y"] < node.y and node.y + node.height < box["y"] + box["height"]


def test_the_moving_picture_shows_what_it_is_about_and_nothing_else(quiet: Frontend) -> None:
    if quiet.renderer != "classic":
        pytest.skip("it is taken in the classic renderer")
    real_page.load(quiet.page, "learn_a_concept", painted=False)
    moving_picture.lay(quiet.page, moving_picture.LEARNING)
    assert quiet.workflow()["groups"] == []
    lefts = {title: left for title, _, left in quiet.page.evaluate(NODES)}
    assert {title: left for title, left in lefts.items() if left < moving_picture.WIDTH} == {
        title: place[0] for title, place in moving_picture.LEARNING.items()
    }
    for view in quiet.page.locator(".sis-live").all():
        box = view.bounding_box()
        assert box is not None and abs(box["y"] - moving_picture.TOP - 150) < 8
