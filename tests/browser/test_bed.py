"""The browser test bed itself: the pack's nodes in the real frontend, run, refused and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.drawing import shipped

from ..helpers.frontend import Box, Frontend, Refused


def small(**stage1: Any) -> dict[str, Any]:
    """The shipped graph down to Stage I, on the demo's files."""
    few = {"class_word": "heart", "steps": 2, "batch_size": 1, "resolution": 64}
    whole = shipped.with_painted_mask(shipped.prompt("learn_a_concept", {"Stage I": few | stage1}), "heart.png")
    (one,) = [key for key, node in whole.items() if node["class_type"] == "SIS_TrainStage1"]
    losses = {"class_type": "PreviewAny", "inputs": {"source": [one, 1]}, "_meta": {"title": "Losses"}}
    return shipped.up_to(whole, "Stage I") | {"99": losses}


def test_a_graph_opens_and_runs(frontend: Frontend, snap: Callable[..., Any]) -> None:
    graph = small(seed=801)
    frontend.load_api(graph)
    frontend.frame()
    found = frontend.boxes()
    assert set(found) == set(graph)
    assert all(
        box.width > 20 and box.height > 10 and 0 <= box.x < 1600 and 0 <= box.y < 1000 for box in found.values()
    ), found
    assert not [(a, b) for a in found for b in found if a < b and found[a].overlaps(found[b])]
    # what the page would queue is what was opened
    queued = frontend.prompt()
    queued["99"]["inputs"].pop("preview", None)  # the host's own widget
    assert {key: node["inputs"] for key, node in queued.items()} == {key: node["inputs"] for key, node in graph.items()}
    assert frontend.run().kind == "success"
    snap(frontend)


def test_a_refused_graph_is_told(frontend: Frontend) -> None:
    graph = small(seed=802)
    del graph[next(key for key, node in graph.items() if node["class_type"] == "SIS_TrainStage1")]["inputs"]["mask"]
    frontend.load_api(graph)
    with pytest.raises(Refused, match="required_input_missing"):
        frontend.queue()


def test_cancel_reaches_a_running_training(frontend: Frontend) -> None:
    frontend.load_api(small(seed=803, steps=5000))
    run = frontend.queue()
    frontend.page.wait_for_function("() => document.title.includes('%')")
    frontend.interrupt()
    assert frontend.wait(run).kind == "interrupted"


def test_boxes_know_an_overlap() -> None:
    assert Box(0, 0, 10, 10).overlaps(Box(9, 9, 5, 5))
    assert not Box(0, 0, 10, 10).overlaps(Box(10, 0, 5, 5))
