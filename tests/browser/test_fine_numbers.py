"""Numbers with more than three digits after the point, such as learning rates, in the Vue renderer's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..helpers.frontend import Frontend
from ..helpers.page_graphs import place


@pytest.mark.parametrize(
    ("node", "name", "default", "finer"),
    [
        ("SIS_TrainStage1", "learning_rate", 1e-4, 0.00005),
        ("SIS_TrainStage2", "learning_rate", 5e-5, 0.000025),
        ("SIS_NullTextInvert", "tolerance", 1e-5, 0.000002),
    ],
)
def test_they_are_shown_and_taken_whole(
    frontend: Frontend, snap: Callable[..., Any], node: str, name: str, default: float, finer: float
) -> None:
    node_id = place(frontend, node)
    assert frontend.prompt()[node_id]["inputs"][name] == pytest.approx(default)
    if frontend.renderer == "vue":
        field = (
            frontend.page.locator(f"[data-node-id='{node_id}'] .lg-node-widget")
            .filter(has_text=name)
            .locator("input")
            .first
        )
        assert float(field.input_value()) == pytest.approx(default)
        field.focus()  # newer frontends drag over it instead of taking a click
        field.press("Control+a")
        field.press_sequentially(f"{finer:.8f}".rstrip("0"))
        field.press("Enter")
        field.blur()
        frontend.settle()
        snap(frontend)
        assert frontend.prompt()[node_id]["inputs"][name] == pytest.approx(finer)
        assert float(field.input_value()) == pytest.approx(finer)
