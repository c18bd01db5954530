"""The first time that a newcomer opens the demo's page: a workflow to run, and none of it again later."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest

from lab.drawing import ready_workflows
from lab.hosting.client import Client

from ..helpers.frontend import RENDERERS, Frontend

ACTIVE = "() => window.app.extensionManager.workflow.activeWorkflow?.path"


@pytest.fixture
def put(server: Client) -> Iterator[Client]:
    assert server.base is not None
    ready_workflows.put(server.object_info(), server.base)
    server.request("/api/settings", {ready_workflows.OPENS: ready_workflows.FIRST})
    yield server
    server.request(f"/api/settings/{ready_workflows.OPENS}", "")
    for name in ready_workflows.READY:
        (server.base / ready_workflows.SAVED / f"{name}.json").unlink()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_page_opens_with_a_ready_workflow_once(
    put: Client, open_frontend: Callable[..., Frontend], renderer: str, snap: Callable[..., pathlib.Path]
) -> None:
    page = open_frontend(renderer)
    page.page.wait_for_function(f"() => ({ACTIVE})() === 'workflows/{ready_workflows.FIRST}.json'")
    page.settle()
    values = {node["type"]: node.get("widgets_values") for node in page.workflow()["nodes"]}
    assert values["CheckpointLoaderSimple"] == ["sis_demo_sd15.safetensors"]
    snap(page)
    listed = page.page.evaluate(
        "() => window.app.extensionManager.workflow.persistedWorkflows.map((workflow) => workflow.path)"
    )
    assert {f"workflows/{name}.json" for name in ready_workflows.READY} <= set(listed)
    assert put.get(f"/api/settings/{ready_workflows.OPENS}") == ""
    again = open_frontend(renderer)
    assert again.page.evaluate(ACTIVE) != f"workflows/{ready_workflows.FIRST}.json"
