"""Which concepts made a picture: what is remembered of a graph, and what the host's PNG files then say."""

from __future__ import annotations

import copy
import io
import json
import types
from typing import Any

import pytest
import torch
from PIL import Image

from lab.hosting.client import Client, describe_failure
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import read_info
from single_image_studio.page import provenance

from ..helpers.graphs import Graph, node, picture, save, sources, stage1

FACTS = {"name": "me", "hash": "0123"}


def graph(**changes: Any) -> Graph:
    applying = {
        "model": ["7", 0],
        "clip": ["7", 1],
        "concept_name": "me",
        "strength_model": 1.0,
        "strength_clip": 0.5,
    } | changes
    return {"7": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"), "9": node("SIS_LoadConcept", **applying)}


def renamed(prompt: Graph) -> Graph:
    return json.loads(json.dumps(prompt).replace('"7"', '"70"').replace('"9"', '"2:9"'))


def test_a_signature_knows_a_node_by_what_leads_to_it() -> None:
    mine = provenance.signature(graph(), "9")
    assert mine == provenance.signature(renamed(graph()), "2:9")  # ids are no part of it
    # the page sends 1 for 1.0, a script "1"; the host makes all of them 1.0 before the node runs
    assert (
        mine
        == provenance.signature(graph(strength_model=1), "9")
        == provenance.signature(graph(strength_model="1.0"), "9")
    )
    other = [
        graph(strength_model=0.99),
        graph(concept_name="you"),
        graph(clip=["7", 0]),
        graph() | {"7": node("CheckpointLoaderSimple", ckpt_name="b.safetensors")},
    ]
    assert len({mine, *(provenance.signature(g, "9") for g in other)}) == 5
    seeds = [2**63, 2**63 + 1]  # one float, two seeds
    assert len({provenance.signature(graph(seed=seed), "9") for seed in seeds}) == 2


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "nan", "9" * 5000, None, True, {"a": [1]}, ["gone", 0], ["9", 0], [], "ünï"]
)
def test_a_signature_takes_whatever_a_request_holds(value: Any) -> None:
    assert len(provenance.signature(graph(concept_name=value), "9")) == 64
    assert provenance.signature({"9": None}, "9") == "?"  # type: ignore[dict-item]


def hidden(prompt: Graph | None, pnginfo: dict[str, Any] | None, unique_id: str = "9") -> Any:
    return types.SimpleNamespace(unique_id=unique_id, prompt=prompt, extra_pnginfo=pnginfo)


def test_what_a_node_told_is_there_again_when_its_result_is_reused() -> None:
    pnginfo: dict[str, Any] = {"workflow": {"id": "w"}}
    provenance.tell(hidden(graph(concept_name="cached"), pnginfo), FACTS)
    expected = {"version": 1, "concepts": {"9": FACTS}}
    assert pnginfo == {"workflow": {"id": "w"}, "single_image_studio": expected}
    again = {"prompt": renamed(graph(concept_name="cached")) | {"ks": node("KSampler", seed=2)}}
    assert provenance.annotate(copy.deepcopy(again))["extra_data"]["extra_pnginfo"]["single_image_studio"] == {
        "version": 1,
        "concepts": {"2:9": FACTS},
    }
    # what was put in belongs to this run: changing it changes no other
    first = provenance.annotate(copy.deepcopy(again))
    first["extra_data"]["extra_pnginfo"]["single_image_studio"]["concepts"]["2:9"]["name"] = "changed"
    assert (
        provenance.annotate(copy.deepcopy(again))["extra_data"]["extra_pnginfo"]["single_image_studio"]["concepts"][
            "2:9"
        ]
        == FACTS
    )


def test_a_graph_that_was_never_run_says_nothing_of_its_own() -> None:
    stale = {
        "prompt": graph(concept_name="never run"),
        "extra_data": {"extra_pnginfo": {"workflow": {}, "single_image_studio": {"concepts": {"1": FACTS}}}},
    }
    assert provenance.annotate(stale)["extra_data"]["extra_pnginfo"] == {"workflow": {}}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"prompt": None},
        {"prompt": {"1": None}},
        {"prompt": {"1": node("KSampler", seed=1)}, "extra_data": {"extra_pnginfo": None}},
    ],
)
def test_other_graphs_are_left_alone(request_: dict[str, Any]) -> None:
    assert provenance.annotate(copy.deepcopy(request_)) == request_


@pytest.mark.parametrize(
    "given", [{}, {"extra_data": None}, {"extra_data": {}}, {"extra_data": {"extra_pnginfo": None}}]
)
def test_room_is_made_where_a_script_sent_none(given: dict[str, Any]) -> None:
    assert provenance.annotate({"prompt": graph(concept_name="of a script")} | given)["extra_data"] == {
        "extra_pnginfo": {}
    }


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "REMEMBERED", 3)
    monkeypatch.setattr(provenance, "_told", type(provenance._told)())
    for i in range(5):
        provenance.tell(hidden(graph(concept_name=f"c{i}"), None), FACTS)
    provenance.tell(hidden(None, None), FACTS)
    provenance.tell(None, FACTS)
    known = [
        "extra_pnginfo" in provenance.annotate({"prompt": graph(concept_name=f"c{i}")})["extra_data"]
        and "single_image_studio"
        in provenance.annotate({"prompt": graph(concept_name=f"c{i}")})["extra_data"]["extra_pnginfo"]
        for i in range(5)
    ]
    assert known == [False, False, True, True, True]


def test_facts_name_the_concept_by_its_content() -> None:
    concept = Concept(torch.ones(1, 8), "heart")
    facts = provenance.facts_of(concept, "me", 0.75, 1.0)
    assert facts["hash"] == concept.fingerprint() and facts["strength_model"] == 0.75 and facts["class_word"] == "heart"
    assert "keep_apart" not in facts
    assert provenance.facts_of(concept, "me", 0.75, 1.0, True) == facts | {"keep_apart": True}
    json.dumps(facts)


def text_of(server: Client, entry: dict[str, Any], key: str) -> dict[str, str]:
    picture = Image.open(io.BytesIO(server.view(entry["outputs"][key]["images"][0])))
    return picture.text  # type: ignore[attr-defined, no-any-return]


def test_saved_pictures_name_their_concepts_also_when_nothing_but_the_seed_is_new(server: Client) -> None:
    assert server.base is not None
    on = {"model": ["ckpt", 0], "clip": ["ckpt", 1]}
    learned = {
        **sources(),
        "one": stage1(seed=901),
        "save": save("told", concept=["one", 0]),
        "linked": node("SIS_LoadConcept", **on, concept_name=["save", 1], strength_model=0.5, strength_clip=0.25),
        **picture("named", ["linked", 0], ["linked", 1], "<told> heart"),
        "unsaved": node("SIS_ApplyConcept", **on, concept=["one", 0], name="wire", strength_model=1, strength_clip=0),
        **picture("wired", ["unsaved", 0], ["unsaved", 1], "<wire> heart"),
    }
    entry = server.run(learned)
    fingerprint = read_info(server.base / "models/single_image_studio/concepts/told.safetensors")["fingerprint"]
    told = {"class_word": "heart", "hash": fingerprint, "stage": 1}
    expected = {
        "linked": told | {"name": "told", "strength_model": 0.5, "strength_clip": 0.25},
        "unsaved": told | {"name": "wire", "strength_model": 1.0, "strength_clip": 0.0},
    }

    def concepts(entry: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
        found = json.loads(text_of(server, entry, key)["single_image_studio"])
        assert found["version"] == 1
        return {
            name: {k: v for k, v in facts.items() if k != "base_model"} for name, facts in found["concepts"].items()
        }

    # whichever is saved last knows both
    assert concepts(entry, "named") == expected or concepts(entry, "wired") == expected
    assert (
        concepts(entry, "named")["linked"] == expected["linked"]
        and concepts(entry, "wired")["unsaved"] == expected["unsaved"]
    )

    for key in ("named_ks", "wired_ks"):
        learned[key]["inputs"]["seed"] = 902
    entry = server.run(learned)
    cached = next(data for kind, data in entry["status"]["messages"] if kind == "execution_cached")["nodes"]
    assert {"linked", "unsaved"} <= set(cached) and "named_ks" not in cached
    assert concepts(entry, "named") == concepts(entry, "wired") == expected
    assert json.loads(text_of(server, entry, "named")["prompt"])["named_ks"]["inputs"]["seed"] == 902

    # as the page queues it: a workflow beside it, the name in the widget, and a strength changed
    del learned["unsaved"]
    learned = {key: value for key, value in learned.items() if not key.startswith("wired")}
    learned["linked"]["inputs"] |= {"concept_name": "told", "strength_model": 2}
    workflow = {"id": "of the page", "nodes": [1, 2]}
    request = {
        "prompt": learned,
        "client_id": server.client_id,
        "extra_data": {"extra_pnginfo": {"workflow": workflow}},
    }
    entry = server.wait(json.loads(server.request("/prompt", request))["prompt_id"])
    assert describe_failure(entry) is None
    assert concepts(entry, "named") == {"linked": expected["linked"] | {"strength_model": 2.0}}
    assert json.loads(text_of(server, entry, "named")["workflow"]) == workflow


def test_a_picture_without_a_concept_says_nothing(server: Client) -> None:
    entry = server.run({**sources(), **picture("plain", ["ckpt", 0], ["ckpt", 1], "a heart")})
    assert set(text_of(server, entry, "plain")) == {"prompt"}
