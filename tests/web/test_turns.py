"""Which nodes a run will come to, comes to and never comes to, without a browser, and what our views make of it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from ..helpers.page_modules import DOCUMENT, furnish, said

# nodes 4, 5 and 6 of the open workflow; what each was told is in `told`
SCRIPT = """
const turns = await import(`${pack}/lib/turns.mjs`);
const { setTimeout: due, setImmediate: after } = await import("node:timers/promises");
const settled = async () => { for (let turn = 0; turn < 3; turn++) await due().then(() => after()); };
const told = {};
function open(id) {
  const nodes = [4, 5, 6].map((id) => ({ id }));
  app.graph = { id, nodes, getNodeById: (wanted) => nodes.find((node) => node.id === Number(wanted)) };
  for (const node of nodes) turns.onTurn(node, ({ state, value, max }) =>
    (told[node.id] ??= []).push(state === "running" ? `${value}/${max}` : state));
  turns.restore();
}
const entry = (prompt_id, workflow) => [0, prompt_id, { 4: {}, 5: {}, 6: {} },
  { extra_pnginfo: { workflow: { id: workflow } } }];
const goes = (prompt_id, states) => turns.follow({ prompt_id, nodes: Object.fromEntries(
  Object.entries(states).map(([id, [state, value, max]]) => [id, { state, value, max }])) });
open("a");
api.running = [entry("run", "a")];
%s
console.log(JSON.stringify(told));
"""


@pytest.fixture
def host(tmp_path: pathlib.Path) -> pathlib.Path:
    return furnish(tmp_path)


def told(host: pathlib.Path, steps: str) -> dict[str, Any]:
    return dict(said(host, SCRIPT % steps))


def test_each_node_is_told_that_it_waits_how_far_it_is_and_how_it_ended(host: pathlib.Path) -> None:
    steps = """
    await turns.begin({ prompt_id: "run", nodes: ["4"] });
    goes("run", { 4: ["finished", 1, 1], 5: ["running", 0, 1] });
    goes("run", { 4: ["finished", 1, 1], 5: ["running", 3, 8] });
    turns.end();
    goes("run", { 6: ["running", 1, 2] }); // comes late
    """
    assert told(host, steps) == {"4": ["done"], "5": ["queued", "0/1", "3/8", "stopped"], "6": ["queued", "passed"]}


def test_a_run_that_fails_before_the_host_has_told_its_nodes_is_told_all_the_same(host: pathlib.Path) -> None:
    steps = """
    api.running = [];
    api.ended = { run: { prompt: entry("run", "a"), outputs: {} } };
    const begun = turns.begin({ prompt_id: "run", nodes: [] });
    goes("run", { 4: ["running", 0, 1] });
    turns.end();
    await begun;
    """
    found = told(host, steps)
    assert {node: states[-1] for node, states in found.items()} == {"4": "stopped", "5": "passed", "6": "passed"}


def test_a_run_is_told_to_its_own_workflow_also_when_that_comes_back(host: pathlib.Path) -> None:
    steps = """
    open("b");
    await turns.begin({ prompt_id: "run", nodes: [] });
    goes("run", { 4: ["running", 3, 8] });
    const elsewhere = JSON.stringify(told);
    open("a");
    console.assert(elsewhere === "{}", elsewhere);
    """
    assert told(host, steps) == {"4": ["3/8"], "5": ["queued"], "6": ["queued"]}


def test_a_run_that_began_before_the_page_was_opened_is_met(host: pathlib.Path) -> None:
    steps = """
    goes("run", { 4: ["finished", 1, 1], 5: ["running", 3, 8] });
    await settled();
    """
    assert told(host, steps) == {"4": ["done"], "5": ["3/8"], "6": ["queued"]}


# What nodes say of their turn. `queue` is the host's answer on a run of node 4
SHOWN = """
const turns = await import(`${pack}/lib/turns.mjs`);
const run = [0, "new", { 4: {}, 5: {} }, { extra_pnginfo: { workflow: { id: "a" } } }];
api.runs = { new: "a", old: "a" };
api.running = [run];
const said = [];
"""
LIVE = """
const feed = await import(`${pack}/live/feed.mjs`);
const node = placed("SIS_TrainStage1");
feed.addLiveView(node);
const [status, time] = node.widgets[0].element.children[0].children;
const look = async () => { await drawn(); said.push(`${status.textContent}|${time.textContent}`); };
const tells = (prompt_id, began, state) => feed.take({ node: "4", workflow: "a", prompt_id, kind: "stage1", began,
  state, moment: null, done: 2, total: 2, elapsed: 85, remaining: null, x: [1, 2], series: { loss: [2, 1] },
  previews: [] });
tells("old", 1, "done");
await look();
%s
console.log(JSON.stringify(said));
"""
OLD, GONE = "Done|1:25", "Not run this time. Last time:|"


def test_an_earlier_end_is_no_longer_the_nodes_when_another_node_fails_first(tmp_path: pathlib.Path) -> None:
    """However fast it fails; and in the next run, which comes to the node, what happens there counts."""
    steps = """
    await turns.begin({ prompt_id: "new", nodes: [] }); await look();
    turns.end(); await look();
    await turns.begin({ prompt_id: "new", nodes: [] });
    turns.follow({ prompt_id: "new", nodes: { 4: { state: "running", value: 0, max: 1 } } });
    tells("new", 2, "running"); await look();
    tells("new", 2, "done"); turns.end(); await look();
    """
    assert said(furnish(tmp_path), DOCUMENT + SHOWN + LIVE % steps) == [OLD, "|", GONE, "Preparing …|1:25", OLD]


def test_a_result_that_is_used_again_is_the_nodes_again(tmp_path: pathlib.Path) -> None:
    steps = """
    await turns.begin({ prompt_id: "new", nodes: [] }); turns.end(); await look();
    await turns.begin({ prompt_id: "new", nodes: ["4"] }); await look();
    """
    assert said(furnish(tmp_path), DOCUMENT + SHOWN + LIVE % steps) == [OLD, GONE, OLD]


GRID = """
const { GridView } = await import(`${pack}/grid/view.mjs`);
const { arrive } = await import(`${pack}/lib/results.mjs`);
const { line } = new GridView(placed("SIS_EditGrid"));
const goes = (value, max) => turns.follow({ prompt_id: "new", nodes: { 4: { state: "running", value, max } } });
const look = () => said.push(line.value ?? line.textContent);
look();
await turns.begin({ prompt_id: "new", nodes: [] }); look();
goes(0, 1); look();
goes(12, 160); look();
turns.end(); look();
await turns.begin({ prompt_id: "new", nodes: [] });
goes(160, 160);
const cells = [0.2, 0.8].map((alpha) => JSON.stringify({ alpha, source_ratio: 0.5 }));
const layout = [{ columns: 2, rows: 1, width: 8, height: 8 }];
await arrive({ node: "4", prompt_id: "new", output: { cells, sheets: [{}], layout, best: [1] } });
turns.follow({ prompt_id: "new", nodes: { 4: { state: "finished", value: 160, max: 160 } } }); look();
console.log(JSON.stringify(said));
"""


def test_edit_grid_says_what_its_run_does(tmp_path: pathlib.Path) -> None:
    empty = "Run to see the edits here."
    best = "★ Best of these by the model's own eyes: alpha 0.8, source ratio 0.5. Click a picture to use its values."
    going = ["Waiting for its turn …", "Preparing …", "Sampling, 12 of 160"]
    assert said(furnish(tmp_path), DOCUMENT + SHOWN + GRID) == [empty, *going, empty, best]
