"""Whose a result is, without a browser: the page's modules on a host of a few lines."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from ..helpers.page_modules import furnish, said

# open("a") opens a workflow with a node 4; what the node was given is in `seen`
SCRIPT = """
const address = `${pack}/lib/results.mjs`;
let results = await import(address);
const seen = [];
function open(id) {
  const node = { id: 4, title: id };
  app.graph = { id, nodes: [node], getNodeById: (wanted) => (Number(wanted) === 4 ? node : null) };
  results.onResult(node, ({ phrase }, { isNew }) => seen.push([id, phrase[0], isNew]));
  results.restore();
}
async function reload() { results = await import(`${address}?again`); }
const arrives = (prompt_id, text) => results.arrive({ node: "4", prompt_id, output: { phrase: [text] } });
const NO_ID = "00000000-0000-0000-0000-000000000000";
%s
console.log(JSON.stringify({ seen, asked: api.asked.length }));
"""


@pytest.fixture
def host(tmp_path: pathlib.Path) -> pathlib.Path:
    return furnish(tmp_path)


def told(host: pathlib.Path, steps: str) -> dict[str, Any]:
    """What nodes were given, and how often the host was asked, after some steps."""
    return dict(said(host, SCRIPT % steps))


def test_another_workflow_gets_nothing_and_its_own_gets_it_when_it_comes_back(host: pathlib.Path) -> None:
    steps = """
    api.runs = { run: "a" };
    open("a"); results.begin({ prompt_id: "run" });
    open("b"); await arrives("run", "one");
    open("a"); await arrives("run", "two");
    open("b"); open("a");
    """
    found = told(host, steps)
    assert found["seen"] == [["a", "one", False], ["a", "two", True], ["a", "two", False]]
    assert found["asked"] == 1  # once a run, however many nodes it has


def test_a_reloaded_page_remembers_and_a_run_that_nobody_knows_is_nobodys(host: pathlib.Path) -> None:
    steps = """
    api.runs = { run: "a" };
    open("b"); await arrives("run", "one"); await arrives("stray", "lost");
    await reload();
    open("b"); open("a");
    """
    assert told(host, steps)["seen"] == [["a", "one", False]]


def test_a_node_is_given_again_all_that_it_was_given_first(host: pathlib.Path) -> None:
    """So nothing that a node shows can be missing only after a reload: it gets nothing that is not kept."""
    script = """
    const { arrive, onResult, restore } = await import(`${pack}/lib/results.mjs`);
    const node = { id: 4 }, given = [];
    app.graph = { id: "a", nodes: [node], getNodeById: () => node };
    api.runs = { run: "a" };
    onResult(node, (output) => given.push(output));
    const output = { cells: ["{}"], sheets: [{}], layout: [{}], best: [3], images: [{}], text: ["long"] };
    await arrive({ node: "4", prompt_id: "run", output });
    restore();
    console.log(JSON.stringify(given));
    """
    first, again = said(host, script)
    assert first == again == {"cells": ["{}"], "sheets": [{}], "layout": [{}], "best": [3]}


def test_a_graph_without_an_id_is_known_by_its_nodes(host: pathlib.Path) -> None:
    steps = """
    api.runs = { run: NO_ID };
    open(NO_ID); results.begin({ prompt_id: "run" }); await arrives("run", "mine");
    open(NO_ID); await arrives("run", "another graph's");
    """
    assert told(host, steps)["seen"] == [["00000000-0000-0000-0000-000000000000", "mine", True]]
