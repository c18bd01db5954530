"""What the page is told of regions that were found."""

from __future__ import annotations

import base64
import io
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    sent: list[tuple[str, dict[str, Any]]] = []
    queue = SimpleNamespace(
        currently_running={0: (0, "p1", {}, {"extra_pnginfo": {"workflow": {"id": "w"}}})}, history={}
    )
    instance = SimpleNamespace(
        send_sync=lambda event, message, client: sent.append((event, json.loads(json.dumps(message)))),
        client_id="page",
        prompt_queue=queue,
    )
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=instance)))
    return sent


def test_the_node_that_applies_a_concept_is_told_where_it_was_found(
    host: Any, events: list[tuple[str, dict[str, Any]]]
) -> None:
    from single_image_studio.page import regions
    from single_image_studio.page.live import NodeAddress

    tell = regions.teller(NodeAddress("2:7", "w", "p0"), "cat")
    assert tell is not None
    found = torch.zeros(9, 8, 16)
    found[:, :, :4] = 1
    tell(found)
    [(event, message)] = events
    assert event == "single_image_studio.regions"
    assert {key: message[key] for key in ("node", "prompt_id", "workflow", "name")} == {
        "node": "2:7", "prompt_id": "p1", "workflow": "w", "name": "cat",
    }  # fmt: skip
    assert len(message["pictures"]) == 8  # a row of them, not a whole batch of hundreds
    head, data = message["pictures"][0].split(",")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == "data:image/png;base64" and picture.size == (128, 64)
    assert picture.getpixel((10, 30)) != picture.getpixel((100, 30))


def test_outside_a_graph_nobody_is_told(host: Any) -> None:
    from single_image_studio.page import regions
    from single_image_studio.page.live import NodeAddress

    assert regions.teller(NodeAddress(), "cat") is None
