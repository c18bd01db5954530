"""What the README's pictures are taken of: the demo's values in the shipped workflows, and the view on their nodes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.drawing import moving_picture, real_page, shipped

from ..helpers.frontend import Frontend
from ..helpers.shipped_page import queued


@pytest.mark.parametrize("name", sorted(real_page.OVERRIDES))
def test_a_workflow_opens_with_the_demos_values(frontend: Frontend, name: str) -> None:
    real_page.load(frontend.page, name, painted=False)
    assert queued(frontend) == shipped.prompt(name)


def test_the_view_shows_the_nodes_that_it_is_put_on(frontend: Frontend) -> None:
    real_page.load(frontend.page, "edit_a_photo", painted=False)
    for titles in (None, ["Edit"]):
        box = real_page.frame(frontend.page, titles, 20, 40)
        frontend.settle()
        ids = [str(node["id"]) for node in frontend.workflow()["nodes"] if titles is None or node["title"] in titles]
        for node_id in ids:
            node = frontend.boxes()[node_id]
            assert box["x"] < node.x and node.x + node.width < box["x"] + box["width"]
            assert box["y"] < node.y and node.y + node.height < box["y"] + box["height"]


def test_the_moving_picture_shows_what_it_is_about_and_nothing_else(open_frontend: Callable[..., Frontend]) -> None:
    frontend = open_frontend("classic")
    real_page.load(frontend.page, "learn_a_concept", painted=False)
    moving_picture.lay(frontend.page, moving_picture.LEARNING)
    graph = frontend.workflow()
    assert graph["groups"] == []
    lefts = {node["title"]: node["pos"][0] for node in graph["nodes"]}
    assert {title: left for title, left in lefts.items() if left < moving_picture.WIDTH} == {
        title: place[0] for title, place in moving_picture.LEARNING.items()
    }
    for view in frontend.page.locator(".sis-live").all():
        box = view.bounding_box()
        assert box is not None and abs(box["y"] - moving_picture.TOP - 150) < 8
