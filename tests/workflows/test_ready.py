"""The demo's ready workflows: what `dev.py serve` puts on the page, run on the host as they are."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from lab.drawing import ready_workflows, shipped
from lab.hosting.client import Client
from lab.workflow_files import workflow
from lab.workflow_files.page_sizes import note_height
from lab.workflow_files.ui_workflow import to_api

from ..helpers.shipped_runs import RUNS, prepare


@pytest.fixture(scope="module")
def prepared(session_server: Client) -> Client:
    return prepare(session_server)


@pytest.mark.parametrize("name", ready_workflows.READY)
def test_it_is_the_shipped_one_on_the_demos_files_and_runs(prepared: Client, name: str) -> None:
    info, ready = prepared.object_info(), ready_workflows.READY[name]
    prompt = to_api(json.loads(ready_workflows.made(info)[name]), info)
    assert prompt == workflow.with_overrides(shipped.prompt(ready.shipped), ready.overrides())
    assert bool(ready.changes()) == (prompt != shipped.prompt(ready.shipped))
    if not ready.changes():
        return  # test_shipped.py runs it
    outputs = prepared.run(workflow.with_overrides(prompt, RUNS[ready.shipped][0]))["outputs"]
    assert all(outputs[node_id]["images"] for node_id in workflow.nodes_of(prompt, "SaveImage"))


def texts(base: pathlib.Path) -> dict[str, str]:
    return {file.stem: file.read_text(encoding="utf-8") for file in (base / ready_workflows.SAVED).glob("*.json")}


def test_they_are_put_where_the_page_lists_workflows_and_a_persons_changes_stay(
    server: Client, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = server.object_info()
    ready_workflows.put(info, tmp_path)
    assert texts(tmp_path) == ready_workflows.made(info)
    (tmp_path / ready_workflows.SAVED / "demo 2 use_a_concept.json").write_text("mine", encoding="utf-8")
    newer = {name: text + "\n" for name, text in ready_workflows.made(info).items()}
    monkeypatch.setattr(ready_workflows, "made", lambda _: newer)
    ready_workflows.put(info, tmp_path)
    assert texts(tmp_path) == newer | {"demo 2 use_a_concept": "mine"}


def test_the_page_opens_with_the_first_only_where_nobody_has_opened_it(tmp_path: pathlib.Path) -> None:
    ready_workflows.first_settings(tmp_path)
    settings: Any = tmp_path / ready_workflows.SETTINGS
    assert json.loads(settings.read_text())[ready_workflows.OPENS] == "demo 1 learn_a_concept"
    settings.write_text("{}")
    ready_workflows.first_settings(tmp_path)
    assert settings.read_text() == "{}"


def test_each_has_an_id_of_its_own_and_the_name_that_notes_use(session_server: Client) -> None:
    """By its id its runs are found again when the page opens the file once more."""
    made = {name: json.loads(text) for name, text in ready_workflows.made(session_server.object_info()).items()}
    assert len({workflow["id"] for workflow in made.values()}) == len(made)
    assert all(ready.shipped in name for name, ready in ready_workflows.READY.items())
    notes = [node for workflow in made.values() for node in workflow["nodes"] if node["type"] == "MarkdownNote"]
    assert len(notes) > 10 and all(note_height(note["widgets_values"][0]) <= note["size"][1] for note in notes)
    composed = [note for note in made["demo 3c compose_three_concepts"]["nodes"] if note["title"] == "Start here"]
    assert "sunglasses" not in str(composed) and "keep_apart" in str(composed)


@pytest.mark.parametrize("name", ready_workflows.READY)
def test_its_pictures_are_in_the_first_view(session_server: Client, name: str) -> None:
    """On a page of 1600 x 1000, with its bars: what was made is seen without moving or scaling."""
    ui = json.loads(ready_workflows.made(session_server.object_info())[name])
    (left, top), scale = ui["extra"]["ds"]["offset"], ui["extra"]["ds"]["scale"]
    shown = [node for node in ui["nodes"] if node["id"] in ui["extra"]["linearData"]["outputs"]]
    assert shown
    for node in shown:
        (x, y), (width, height) = node["pos"], node["size"]
        assert (x + width + left) * scale <= 1600 and (y + height + top) * scale <= 1000, node["title"]
