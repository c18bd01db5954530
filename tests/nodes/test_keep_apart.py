"""`keep_apart` in graphs on a real host: appended, off where a saved graph has none, and told in saved pictures."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image

from lab.hosting.client import Client

from ..helpers.graphs import Graph, applied, node, picture, trained
from ..helpers.runs import pixels
from ..helpers.waiting import wait_to_the_last_event

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
    told = {name: fact.get("keep_apart") for name, fact in facts.items()}
    assert told["on"] is True
    assert told.items() <= {"saved": None, "off": None, "on": True, "both": True}.items()  # those that had run by then


def in_regions() -> Graph:
    """The concept in a region alone, without a region, and its LoRA on one prompt by the host's own node."""
    region = node("SolidMask", value=1.0, width=64, height=128)
    ground = node("SolidMask", value=0.0, width=128, height=128)
    left = node("MaskComposite", destination=["ground", 0], source=["half", 0], x=0, y=0, operation="add")
    chain = {
        "half": region, "ground": ground, "left": left,
        "everywhere": applied(["two", 0], "mine", keep_apart=True),
        "there": applied(["two", 0], "mine", region=["left", 0]),
        "odd": applied(["two", 0], "mine", region=["half", 0]),
        "off": applied(["two", 0], "mine", strength_model=0.0, strength_clip=0.0),
    }  # fmt: skip
    graph = {**trained(seed=77), **chain}
    for name in ("everywhere", "there", "odd"):
        graph |= picture(f"picture_{name}", [name, 0], [name, 1], PROMPT)
    for name in ("plain", "hooked"):
        graph |= picture(f"picture_{name}", ["ckpt", 0], ["off", 1], PROMPT)
    graph["on_one"] = node(
        "ConditioningSetProperties", cond_NEW=["picture_hooked_pos", 0], strength=1.0, set_cond_area="default",
        hooks=["there", 3],
    )  # fmt: skip
    graph["picture_hooked_ks"]["inputs"]["positive"] = ["on_one", 0]
    return graph


def test_a_region_keeps_apart_and_hooks_act_on_their_prompt(server: Client) -> None:
    entry = server.run(in_regions())
    found = {name: pixels(server, entry, f"picture_{name}") for name in ("everywhere", "there", "odd", "plain")}
    assert not np.array_equal(found["there"], found["everywhere"])
    assert not np.array_equal(found["there"], found["odd"])  # a mask of another size is stretched
    assert not np.array_equal(pixels(server, entry, "picture_hooked"), found["plain"])


def test_the_page_is_told_where_a_concept_was_found(server: Client) -> None:
    """At the node that applied it, while the sampler runs; from the host's cache too."""
    name = "sought"  # unlike any other test's: the host reuses a node's result under another id
    graph = {**trained(seed=77), "apply": applied(["two", 0], name, keep_apart=True)}
    for seed in (5, 6):
        drawing = picture("picture", ["apply", 0], ["apply", 1], PROMPT.replace("mine", name))
        drawing["picture_ks"]["inputs"]["seed"] = seed
        prompt_id = server.post({**graph, **drawing})
        wait_to_the_last_event(server, prompt_id)
        (event,) = server.events_of(prompt_id, "single_image_studio.regions")
        assert (event["data"]["node"], event["data"]["name"]) == ("apply", name)
        assert [src.split(",")[0] for src in event["data"]["pictures"]] == ["data:image/png;base64"]
