"""What a run leaves on its nodes, without a browser: which of it goes, when, and in whose workflow."""

from __future__ import annotations

import pathlib
from typing import Any

from ..helpers.page_modules import furnish, said

# `states` are told as the host tells them; `later` lets the delayed work be done. The node has a result of an earlier
# run, and a line of progress
SCRIPT = """
const delayed = [], removed = [];
globalThis.setTimeout = (work) => delayed.push(work);
const later = () => delayed.splice(0).forEach((work) => work());
const store = { removeNodeOutputs: (id) => removed.push(id), revokePreviewsByExecutionId: () => {} };
app.extensionManager = { _p: { _s: new Map([["nodeOutput", store]]) } };
const node = { id: 4, comfyClass: "SIS_TrainStage1", size: [200, 300], images: ["old"], imgs: ["old"],
  widgets: [{ name: "steps" }, { name: "$$canvas-image-preview" }, { name: "$$node-text-preview" }] };
app.graph = { id: "open", nodes: [node], getNodeById: (id) => (Number(id) === 4 ? node : null) };
const { follow } = await import(`${pack}/leftovers/clear.mjs`);
const states = (state) => follow({ prompt_id: "run", nodes: { 4: { state } } });
const settled = () => new Promise((done) => setImmediate(done));
api.runs = { run: "%s" };
states("running"); await settled();
const shown = node.imgs?.length ?? 0;
states("finished");
const soon = node.widgets.length;
later();
console.log(JSON.stringify({ shown, removed, soon, widgets: node.widgets.map(({ name }) => name) }));
"""


def left(folder: pathlib.Path, workflow: str) -> dict[str, Any]:
    """What is on a node of the open workflow after a node of that id has run in one."""
    return dict(said(furnish(folder), SCRIPT % workflow))


def test_an_earlier_picture_goes_at_once_and_a_line_of_progress_with_its_node(tmp_path: pathlib.Path) -> None:
    assert left(tmp_path, "open") == {"shown": 0, "removed": [4], "soon": 2, "widgets": ["steps"]}


def test_a_picture_of_another_workflow_stays(tmp_path: pathlib.Path) -> None:
    found = left(tmp_path, "another")
    assert found["shown"] == 1 and not found["removed"]
    assert found["widgets"] == ["steps", "$$canvas-image-preview"]
