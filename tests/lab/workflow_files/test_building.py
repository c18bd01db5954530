"""The builder of the page's workflows, on a host of three nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab import DevError
from lab.workflow_files.make_workflows import versions, written
from lab.workflow_files.sheet import NOTE, Group, Model, Sheet
from lab.workflow_files.ui_subgraph import Blueprint, to_blueprint
from lab.workflow_files.ui_workflow import to_api, to_ui

INFO: dict[str, Any] = {
    "Loader": {
        "input": {"required": {"file": [["a", "b"], {}]}},
        "input_order": {"required": ["file"]},
        "output": ["MODEL", "CLIP"],
        "output_name": ["MODEL", "CLIP"],
        "display_name": "Load It",
    },
    "Sampler": {
        "input": {
            "required": {
                "model": ["MODEL"],
                "seed": ["INT", {"default": 3}],
                "text": ["STRING", {"multiline": True}],
                "scale": ["FLOAT", {"default": 1.5}],
            },
            "optional": {"other": ["CLIP"], "free": ["INT", {"control_after_generate": False}]},
        },
        "input_order": {"required": ["model", "seed", "text", "scale"], "optional": ["other", "free"]},
        "output": ["STRING"],
        "output_name": ["words"],
        "display_name": "Sample It",
    },
    "SIS_Show": {
        "input": {"required": {"words": ["STRING", {"forceInput": True}], "mode": ["COMBO", {"options": ["x", "y"]}]}},
        "input_order": {"required": ["words", "mode"]},
        "output": [],
        "output_name": [],
        "display_name": "Show It",
    },
}


def sheet() -> Sheet:
    made = Sheet("test", INFO, "1.2.3", "0.3.75")
    loader = made.node("Loader", models=[Model("a", "https://example.org/a", "checkpoints")], file="a")
    sampler = made.node("Sampler", "Draw", 20, model=loader["MODEL"], other=loader["CLIP"], text="a heart")
    show = made.node("SIS_Show", words=sampler["words"])
    note = made.note("Change **text**.\n" + "long " * 60)
    made.lay([Group("First", [[note, loader], [sampler]]), Group("Second", [[show]])])
    return made


def test_values_links_and_titles_in_the_pages_form() -> None:
    ui = to_ui(sheet())
    loader, sampler, show, note = ui["nodes"]
    assert [node["id"] for node in ui["nodes"]] == [1, 20, 21, 22] and ui["last_node_id"] == 22
    assert loader["title"] == "Load It" and sampler["title"] == "Draw"
    # the seed's second widget, and none where the node wants none
    assert sampler["widgets_values"] == [3, "fixed", "a heart", 1.5, 0]
    assert loader["properties"]["models"] == [{"name": "a", "url": "https://example.org/a", "directory": "checkpoints"}]
    assert (loader["properties"]["cnr_id"], loader["properties"]["ver"]) == ("comfy-core", "0.3.75")
    assert (show["properties"]["cnr_id"], show["properties"]["ver"]) == ("single-image-studio", "1.2.3")
    assert note["type"] == NOTE and note["widgets_values"][0].startswith("Change")
    for number, origin, slot, target, place, kind in ui["links"]:
        ends = {node["id"]: node for node in ui["nodes"]}
        assert number in ends[origin]["outputs"][slot]["links"] and ends[origin]["outputs"][slot]["type"] == kind
        assert ends[target]["inputs"][place]["link"] == number
    assert {entry["name"]: entry["link"] for entry in sampler["inputs"]} == {
        "model": 1,
        "other": 2,
        "seed": None,
        "text": None,
        "scale": None,
        "free": None,
    }


def test_the_api_form() -> None:
    assert to_api(to_ui(sheet()), INFO) == {
        "1": {"inputs": {"file": "a"}, "class_type": "Loader", "_meta": {"title": "Load It"}},
        "20": {
            "inputs": {"model": ["1", 0], "seed": 3, "text": "a heart", "scale": 1.5, "other": ["1", 1], "free": 0},
            "class_type": "Sampler",
            "_meta": {"title": "Draw"},
        },
        "21": {"inputs": {"words": ["20", 0], "mode": "x"}, "class_type": "SIS_Show", "_meta": {"title": "Show It"}},
    }


def test_nodes_lie_in_their_groups_and_not_on_one_another() -> None:
    ui = to_ui(sheet())
    boxes = {node["title"]: (*node["pos"], *node["size"]) for node in ui["nodes"]}
    (left, top, width, height), (second, *_) = (group["bounding"] for group in ui["groups"])
    for title in ("Note", "Load It", "Draw"):
        x, y, w, h = boxes[title]
        assert left < x and x + w < left + width and top + 30 < y - 30 and y + h < top + height, title
    assert second > left + width
    assert boxes["Load It"][1] >= boxes["Note"][1] + boxes["Note"][3] + 30  # its own title fits in between
    assert boxes["Note"][3] > 200  # as tall as its text


@pytest.mark.parametrize(
    ("describe", "message"),
    [
        (lambda s: s.node("Nothing"), "no node Nothing"),
        (lambda s: s.node("Loader", files="a"), "no input files"),
        (lambda s: s.node("Sampler"), "needs a link to model"),
        (lambda s: s.node("Loader")["VAE"], "no output 'VAE'"),
        (lambda s: (s.node("Loader", "Lost"), s.lay()), "Lost"),
        (lambda s: s.note("write <name>"), "say it in words"),
    ],
)
def test_a_wrong_description_says_what_is_wrong(describe: Any, message: str) -> None:
    with pytest.raises(DevError, match=message):
        describe(Sheet("test", INFO, "1", "2"))


def test_a_linked_list_does_not_take_this_hosts_first_file() -> None:
    made = Sheet("test", INFO, "1", "2")
    sampler = made.node("Sampler", model=made.node("Loader")["MODEL"])
    made.lay([Group("all", [[*made.nodes, made.node("Loader", file=sampler["words"])]])])
    ui = to_ui(made)
    assert ui["nodes"][0]["widgets_values"] == ["a"] and ui["nodes"][2]["widgets_values"] == [""]
    assert to_api(ui, INFO)["3"]["inputs"]["file"] == ["2", 0]


def test_a_blueprint_is_one_node_with_inputs_widgets_and_outputs() -> None:
    made = Blueprint("Draw it", "Draws.", INFO, "1", "2")
    sampler = made.node("Sampler", model=made.input("model", "MODEL"))
    made.widget("what", sampler, "text", "a star")
    made.output("words", sampler["words"])
    made.lay([Group("all", [[sampler]])])
    saved = to_blueprint(made)
    (node,), (inner,) = saved["nodes"], saved["definitions"]["subgraphs"]
    assert (
        node["type"] == inner["id"]
        and node["widgets_values"] == ["a star"]
        and saved["extra"]["BlueprintDescription"] == "Draws."
    )
    assert [(entry["name"], entry["type"], "widget" in entry) for entry in node["inputs"]] == [
        ("model", "MODEL", False),
        ("what", "STRING", True),
    ]
    ends = {
        link["id"]: (link["origin_id"], link["origin_slot"], link["target_id"], link["target_slot"])
        for link in inner["links"]
    }
    # sockets come first
    assert [ends[number] for entry in inner["inputs"] for number in entry["linkIds"]] == [
        (-10, 0, 1, 0),
        (-10, 1, 1, 3),
    ]
    assert [ends[number] for entry in inner["outputs"] for number in entry["linkIds"]] == [(1, 0, -20, 0)]


def test_files_are_json_with_a_node_a_line() -> None:
    ui = to_ui(sheet())
    text = written(ui)
    assert json.loads(text) == ui
    assert len([line for line in text.splitlines() if '"class_type"' in line or '"widgets_values"' in line]) == len(
        ui["nodes"]
    )


def test_versions_are_the_projects() -> None:
    pack, hosts = versions()
    assert pack.count(".") == 2 and hosts == "0.3.75"


def test_the_form_of_a_workflow() -> None:
    made = sheet()
    loader, sampler, show, _ = made.nodes
    made.form([(loader, "file"), (sampler, "text")], show)
    extra = to_ui(made)["extra"]
    assert extra["linearData"] == {"inputs": [[1, "file"], [20, "text"]], "outputs": [21]}
    labels = [entry.get("label") for node in to_ui(made)["nodes"] for entry in node["inputs"] if "widget" in entry]
    assert labels == [None, None, "Draw", None, None, None]  # "text" alone would not tell which
    for node, name in ((sampler, "model"), (sampler, "nothing"), (show, "words")):
        with pytest.raises(DevError, match="no widget"):
            made.form([(node, name)])


def test_overrides_go_by_title() -> None:
    made = sheet()
    made.override({"*": {}, "Dr*": {"text": "a star", "seed": 5}})
    assert to_ui(made)["nodes"][1]["widgets_values"] == [5, "fixed", "a star", 1.5, 0]
    for overrides, message in (
        ({"Nobody": {}}, "no node titled 'Nobody'"),
        ({"Draw": {"texts": ""}}, "'Draw' has no value 'texts'"),
        ({"Draw": {"model": ""}}, "'Draw' has no value 'model'"),
    ):
        with pytest.raises(DevError, match=message):
            made.override(overrides)
