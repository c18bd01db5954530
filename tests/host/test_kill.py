"""A real ComfyUI is killed while it trains, and another one goes on to the bits of a training that never stopped."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import pytest

from lab.hosting.base_folder import furnish
from lab.hosting.client import Client
from lab.hosting.environment import Host
from lab.hosting.server import serving
from lab.robustness import campaign, trials
from single_image_studio.support.reading import read_header

from ..helpers.graphs import Graph, save, trained
from ..helpers.waiting import wait_until

STEPS = 40


def graph(name: str, **changes: Any) -> Graph:
    nodes = trained(steps=2, **changes) | {"keep": save(name, export_for_other_tools=False)}
    nodes["two"]["inputs"] |= {"steps": STEPS} | changes
    return nodes


def states_of(server: Client) -> list[pathlib.Path]:
    assert server.base is not None
    return list((server.base / "models" / "single_image_studio" / "training_states").glob("*.safetensors"))


def kill_in_stage_2(server: Client) -> int:
    """Kills the host once Stage II has taken some steps. Returns how many were told of."""
    assert server.base is not None

    def steps() -> int:
        live = [e["data"] for e in list(server.events) if e["type"] == "single_image_studio.live"]
        return max((run["done"] for run in live if run["kind"] == "stage2"), default=0)

    server.post(graph("killed"))
    wait_until(server, lambda: steps() >= 3, "Stage II did not start")
    trials.process_of(server.base).kill()
    return steps()


def learned(server: Client, name: str) -> str:
    """What tells the saved concepts' bits."""
    assert server.base is not None
    path = server.base / "models" / "single_image_studio" / "concepts" / f"{name}.safetensors"
    metadata = read_header(path).metadata
    return metadata["fingerprint"] + metadata["losses"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_a_killed_training_goes_on(real_host: Host, server: Client, tmp_path: pathlib.Path) -> None:
    """The other one is the session's server, with what the killed one left: a start less."""
    base = furnish(tmp_path)
    campaign.furnish(base)
    (trials.injector(base) / "keep_states").touch()
    with serving(real_host, base) as killed:
        done = kill_in_stage_2(killed)
        assert 3 <= done < STEPS
        kept = states_of(killed)
    assert len(kept) == 2 and server.base is not None
    folder = server.base / "models" / "single_image_studio" / "training_states"
    folder.mkdir(parents=True, exist_ok=True)
    for state in kept:
        shutil.copy(state, folder)
    entry = server.run(graph("went_on"))
    went_on = [
        warned["values"]
        for node in ("one", "two")
        for warned in entry["outputs"][node]["warnings"]
        if warned["id"] == "went_on"
    ]
    assert went_on[0] == {"done": 2, "steps": 2}
    assert done <= went_on[1]["done"] < STEPS
    (curve,) = entry["outputs"]["two"]["sis_live"]
    assert curve["x"] == list(range(1, STEPS + 1))
    server.run(graph("never_stopped", resume=False))
    assert learned(server, "went_on") == learned(server, "never_stopped")
