"""What was saved and is gone is saved again by the next run; nothing else runs again for it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from lab.hosting.client import Client, remembered_nodes

from ..helpers import editing_graphs
from ..helpers.graphs import Graph, loaded, node, save, trained

SEED = 171


def folder(server: Client, kind: str = "concepts") -> pathlib.Path:
    assert server.base is not None
    return server.base / "models" / "single_image_studio" / kind


def learning(name: str, **changes: Any) -> Graph:
    """A concept that is learned, saved, and loaded by the wire of its name."""
    load = loaded(["save", 1], **changes)
    return {**trained(seed=SEED), "save": save(name), "load": load, "show": node("PreviewAny", source=["load", 2])}


def inverting(name: str) -> Graph:
    saving = node("SIS_SaveInversion", inversion=["inv", 0], name=name)
    graph = {**editing_graphs.sources(), "inv": editing_graphs.inversion(), "save": saving}
    del graph["target"]  # which nothing here asks for
    return graph


def ran(server: Client, graph: Graph) -> set[str]:
    """The nodes that a run did not have the results of."""
    return set(graph) - remembered_nodes(server.run(graph))


@pytest.mark.parametrize("kind", ["concepts", "inversions"])
def test_a_file_that_was_deleted_is_saved_again_once(server: Client, kind: str) -> None:
    graph = learning("deleted") if kind == "concepts" else inverting("deleted")
    after = {"save", "load", "show"} & set(graph)
    path = folder(server, kind) / "deleted.safetensors"
    assert after <= ran(server, graph) and path.is_file()
    assert ran(server, graph) == set()
    path.unlink()
    assert ran(server, graph) == after and path.is_file()
    assert ran(server, graph) == set()
    path.unlink()  # and again
    assert ran(server, graph) == after and path.is_file()


def test_a_renamed_concept_is_saved_again_for_what_its_name_is_linked_to(server: Client) -> None:
    server.run(learning("renamed"))
    server.request("/single_image_studio/concepts/rename", {"name": "renamed", "new_name": "renamed_by_hand"})
    entry = server.run(learning("renamed", strength_model=0.5))
    assert entry["outputs"]["save"]["saved_concept"] == ["renamed"]
    assert {path.stem for path in folder(server).glob("renamed*")} == {"renamed", "renamed_by_hand"}


def test_what_has_the_name_by_now_is_not_taken_for_what_was_saved(server: Client) -> None:
    server.run({**trained(seed=SEED + 1), "save": save("anothers")})
    graph = learning("replaced")
    server.run(graph)
    path = folder(server) / "replaced.safetensors"
    path.unlink()
    server.request("/single_image_studio/concepts/rename", {"name": "anothers", "new_name": "replaced"})
    others = path.read_bytes()
    entry = server.run(graph)
    assert entry["outputs"]["save"]["saved_concept"] == ["replaced_2"] and path.read_bytes() == others
    assert ran(server, graph) == set()


def test_only_the_node_runs_again_whose_file_is_gone(server: Client) -> None:
    """Also of two that save under the same name."""
    graph = {**trained(seed=SEED), "first": save("both", concept=["one", 0]), "second": save("both")}
    for kind in ("first", "second"):
        graph[kind + "_shown"] = node("PreviewAny", source=[kind, 1])
    saved = server.run(graph)["outputs"]["first"]["saved_concept"][0]
    (folder(server) / f"{saved}.safetensors").unlink()
    assert ran(server, graph) == {"first", "first_shown"}
    assert (folder(server) / f"{saved}.safetensors").is_file()


def test_of_a_list_every_file_counts(server: Client) -> None:
    names = node("SIS_EditingPrompts", phrase="<x> heart", prompt_set="singleinsert", own_prompts="listed_a\nlisted_b")
    graph = {**trained(seed=SEED), "names": names, "save": save(["names", 0])}
    saved = server.run(graph)["outputs"]["save"]["saved_concept"]
    assert len(saved) > 1
    (folder(server) / f"{saved[0]}.safetensors").unlink()
    assert ran(server, graph) == {"save"}
    assert (folder(server) / f"{saved[0]}.safetensors").is_file() and ran(server, graph) == set()
