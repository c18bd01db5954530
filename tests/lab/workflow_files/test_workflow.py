"""API workflows: reading them, and other values in them."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from lab import DevError
from lab.drawing import shipped
from lab.jobs import edit, learn
from lab.workflow_files import workflow


def test_overrides_go_by_title_and_leave_the_original() -> None:
    original = workflow.load(learn.WORKFLOW.with_name("views_and_editing_prompts.json"))
    before = json.dumps(original)
    changed = workflow.with_overrides(
        original, {"Sampler *": {"steps": 3}, "Sampler*prompt": {"steps": 4}, "Load Concept": {"concept_name": "a"}}
    )
    steps = [changed[i]["inputs"]["steps"] for i in workflow.nodes_of(changed, "KSampler")]
    assert steps == [3, 4]
    assert json.dumps(original) == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"Nobody": {"steps": 1}}, "no node titled 'Nobody'"),
        ({"Stage I": {"stepz": 1}}, "'Stage I' has no value 'stepz'"),
        ({"Stage I": {"model": 1}}, "'Stage I' has no value 'model'"),
    ],
)
def test_overrides_that_fit_nothing_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(DevError, match=message):
        workflow.with_overrides(workflow.load(learn.WORKFLOW), overrides)


def test_broken_workflows_are_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.json").write_text('{"nodes": []}')
    with pytest.raises(DevError, match=r"Export \(API\)"):
        workflow.load(tmp_path / "a.json")
    with pytest.raises(DevError, match="cannot be read"):
        workflow.load(tmp_path / "missing.json")


def learning() -> list[Any]:
    as_shipped = workflow.load(learn.WORKFLOW)
    return [
        pytest.param(as_shipped, id="shipped"),
        pytest.param(workflow.with_overrides(as_shipped, learn.settings().overrides), id="demo"),
    ]


@pytest.mark.parametrize("prompt", learning())
def test_all_prompts_get_the_name_and_class_word_from_the_concept(prompt: dict[str, Any]) -> None:
    """So a concept saved under another name still draws itself."""
    ids = {workflow.title(node): node_id for node_id, node in prompt.items()}
    listed = prompt[ids["Prompts"]]["inputs"]
    assert listed["phrase"] == [ids["Apply Concept"], 2]
    assert prompt[ids["Apply Concept"]]["inputs"]["name"] == [ids["Save Concept"], 1]
    lines = listed["own_prompts"].splitlines()
    assert len(lines) == len(set(lines)) == 8
    assert sum("PHRASE" in line for line in lines) == 7
    assert "CLASS" in next(line for line in lines if "PHRASE" not in line)
    values = [
        value
        for node in prompt.values()
        if node["class_type"] != "SIS_SaveConcept"
        for value in node["inputs"].values()
    ]
    assert not [value for value in values if isinstance(value, str) and ("<" in value or value.startswith("my_"))]


def views() -> list[Any]:
    name = "views_and_editing_prompts"
    shipped_views = workflow.load(learn.WORKFLOW.with_name(f"{name}.json"))
    return [pytest.param(shipped_views, id="shipped"), pytest.param(shipped.prompt(name), id="demo")]


@pytest.mark.parametrize("prompt", views())
def test_all_views_and_editing_prompts_are_of_the_chosen_concept(prompt: dict[str, Any]) -> None:
    ids = {workflow.title(node): node_id for node_id, node in prompt.items()}
    for title in ("Views", "Editing Prompts"):
        assert prompt[ids[title]]["inputs"]["phrase"] == [ids["Load Concept"], 2]
    lines = prompt[ids["Views"]]["inputs"]["own_prompts"].splitlines()
    assert len(set(lines)) == 3 and all("PHRASE" in line for line in lines)
    values = [value for node in prompt.values() for value in node["inputs"].values()]
    assert not [value for value in values if isinstance(value, str) and "<" in value]
    read = {prompt[node_id]["inputs"]["text"][0] for node_id in workflow.nodes_of(prompt, "CLIPTextEncode")[1:]}
    assert read == {ids["Views"], ids["Editing Prompts"]}


@pytest.mark.parametrize("path", [learn.WORKFLOW, edit.WORKFLOW], ids=lambda p: p.stem)
def test_every_link_of_the_shipped_workflows_leads_somewhere(path: pathlib.Path) -> None:
    prompt = workflow.load(path)
    links = [value for node in prompt.values() for value in node["inputs"].values() if isinstance(value, list)]
    assert links
    assert all(source in prompt for source, _ in links)
    assert len({workflow.title(node) for node in prompt.values()}) == len(prompt)
