"""`keep_apart` in graphs on a real host: appended, off where a saved graph has none, and told in saved pictures."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image

from lab.hosting.client import Client

from ..helpers.graphs import Graph, applied, node, picture, trained
from ..helpers.runs import pixels

PROMPT = "<mine> heart and a blue star on a green background"


def drawn() -> Graph:
    """The concept put on as a graph saved before does it, with it off, and on; in a chain with stock nodes after it."""
    chain = {
        "saved": applied(["two", 0], "mine"),
        "off": applied(["two", 0], "mine", keep_apart=False),
        "on": applied(["two", 0], "mine", keep_apart=True),
        "last": node("CLIPSetLastLayer", clip=["on", 1], stop_at_clip_layer=-1),
        "both": applied(["one", 0], "other", model=["on", 0], clip=["last", 0], keep_apart=True),
    }
    wires = {name: [[name, 0], [name, 1]] for name in ("saved", "off", "on", "both")}
    pictures = [picture(f"picture_{name}", *wire, PROMPT) for name, wire in wires.items()]
    return {**trained(seed=77), **chain, **{key: entry for graph in pictures for key, entry in graph.items()}}


def test_a_saved_graph_is_as_off_and_on_reads_the_prompt_apart(server: Client) -> None:
    entry = server.run(drawn())
    found = {name: pixels(server, entry, f"picture_{name}") for name in ("saved", "off", "on", "both")}
    assert np.array_equal(found["saved"], found["off"])
    assert not np.array_equal(found["on"], found["off"])
    assert np.array_equal(found["both"], found["on"])  # a concept that the prompt does not name
    saved = Image.open(io.BytesIO(server.view(entry["outputs"]["picture_on"]["images"][0])))
    facts = json.loads(saved.text["single_image_studio"])["concepts"]  # type: ignore[attr-defined]
    assert {name: told.get("keep_apart") for name, told in facts.items()} == {
        "saved": None,
        "off": None,
        "on": True,
        "both": True,
    }
