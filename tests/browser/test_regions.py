"""Where a concept was found stands on the node that applies it, until that node runs again."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from lab.hosting.client import Client
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept

from ..helpers.frontend import Frontend
from ..helpers.graphs import loaded, picture, sources
from ..helpers.page_graphs import numbered

SHOWN = """() => Object.fromEntries(window.app.canvas.graph.nodes.flatMap((node) => {
  const panel = node.widgets?.find((widget) => widget.name === "sis_panel")?.element;
  const images = [...(panel?.querySelectorAll(".sis-regions img") ?? [])];
  const told = images.map(({ alt, complete, naturalWidth }) => [alt, complete && naturalWidth]);
  return told.length ? [[node.title, told]] : [];
}))"""

TURN_OFF = """() => {
  const load = window.app.canvas.graph.nodes.find((node) => node.title === "load");
  load.widgets.find((widget) => widget.name === "keep_apart").value = false;
}"""

# Pictures that the panel leaves no room for.
OUTSIDE = """() => [...document.querySelectorAll(".sis-regions img")].filter((image) =>
  image.getBoundingClientRect().bottom > image.closest(".sis-panel").getBoundingClientRect().bottom + 1).length"""


@pytest.fixture
def concept(session_server: Client) -> Iterator[pathlib.Path]:
    assert session_server.base is not None
    folder = session_server.base / "models" / "single_image_studio" / "concepts"
    path = save_concept(Concept(torch.ones(1, 96), "heart"), folder / "sought.safetensors")
    yield path
    path.unlink()


def test_after_the_sampler_has_run(frontend: Frontend, concept: pathlib.Path, snap: Callable[..., Any]) -> None:
    prompt = "<sought> heart and a blue star"
    graph = {
        "ckpt": sources()["ckpt"],
        "load": loaded("sought", keep_apart=True),
        **picture("picture", ["load", 0], ["load", 1], prompt),
    }
    graph["picture_empty"]["inputs"]["batch_size"] = 2
    frontend.load_api(numbered(graph)[0])
    frontend.frame()
    assert frontend.page.evaluate(SHOWN) == {}
    assert frontend.run().kind == "success"
    frontend.settle()
    snap(frontend, "found")
    shown = {"load": [[f"Where sought was found in picture {number}", 128] for number in (1, 2)]}
    assert frontend.page.evaluate(SHOWN) == shown
    assert not frontend.page.evaluate(OUTSIDE)
    assert "sis_panel" not in str(frontend.workflow())
    frontend.reload()
    frontend.settle()
    snap(frontend, "reloaded")
    assert frontend.page.evaluate(SHOWN) == shown
    frontend.page.evaluate(TURN_OFF)
    assert frontend.run().kind == "success"
    frontend.settle()
    assert frontend.page.evaluate(SHOWN) == {}
