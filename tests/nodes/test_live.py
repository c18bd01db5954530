"""What a node tells while it runs, on a real server: over the WebSocket, by the route, in its result and in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.hosting.client import Client, Event, describe_failure
from single_image_studio.inversion.methods import METHODS

from ..helpers.graphs import node, sources, stage1, stage2
from ..helpers.waiting import wait_to_the_last_event, wait_until

EVENT = "single_image_studio.live"


def learning(seed: int, steps: int = 6, **changes: Any) -> dict[str, Any]:
    return {
        **sources(),
        "one": stage1(seed=seed, steps=steps, resolution=64, **changes),
        "two": stage2(seed=seed, steps=steps),
        "keep": node("PreviewAny", source=["two", 1]),
    }


def told(server: Client, prompt_id: str, node_id: str) -> list[dict[str, Any]]:
    found: list[Event] = server.events_of(prompt_id, EVENT)
    return [event["data"] for event in found if event["data"]["node"] == node_id]


def told_to_its_end(server: Client, prompt_id: str, node_id: str) -> list[dict[str, Any]]:
    """`told` of a run that is over: the last event may arrive a moment after the host's history has the run."""
    wait_to_the_last_event(server, prompt_id)
    found = told(server, prompt_id, node_id)
    assert found and found[-1]["state"] != "running", "the end was not told"
    return found


def joined(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The series that a page puts together."""
    names = dict.fromkeys(name for event in events for name in event["series"])
    return {name: [value for event in events for value in event["series"].get(name, [])] for name in names}


def test_events_result_and_route_tell_the_same(server: Client) -> None:
    prompt_id = server.post(learning(seed=31))
    entry = server.wait(prompt_id)
    assert describe_failure(entry) is None
    for node_id, terms in (
        ("one", {"loss", "foreground", "background"}),
        ("two", {"loss", "foreground", "background", "semantic"}),
    ):
        events = told_to_its_end(server, prompt_id, node_id)
        assert (events[0]["state"], events[-1]["state"]) == ("running", "done")
        (whole,) = entry["outputs"][node_id]["sis_live"]
        assert set(whole["series"]) == terms
        assert whole["x"] == [1, 2, 3, 4, 5, 6]
        assert joined(events) == whole["series"]
    assert server.get("/single_image_studio/live?workflow=unknown") == {"runs": []}


def test_terms_are_the_parts_of_the_whole(server: Client) -> None:
    prompt_id = server.post(
        {
            **sources(),
            "one": stage1(seed=32, steps=4, background_weight=2.5),
            "keep": node("PreviewAny", source=["one", 1]),
        }
    )
    (whole,) = server.wait(prompt_id)["outputs"]["one"]["sis_live"]
    loss, subject, background = (whole["series"][name] for name in ("loss", "foreground", "background"))
    assert loss == pytest.approx([a + 2.5 * b for a, b in zip(subject, background)], rel=2e-3)
    assert min(subject) > 0


def test_the_route_knows_a_pages_workflow(server: Client) -> None:
    workflow = "00000000-1111-4222-8333-444444444444"
    body = {
        "prompt": learning(seed=33),
        "client_id": server.client_id,
        "extra_data": {"extra_pnginfo": {"workflow": {"id": workflow}}},
    }
    prompt_id = json.loads(server.request("/prompt", body))["prompt_id"]
    server.wait(prompt_id)
    runs = {run["node"]: run for run in server.get(f"/single_image_studio/live?workflow={workflow}")["runs"]}
    assert set(runs) == {"one", "two"}
    assert {(run["prompt_id"], run["workflow"], run["state"], len(run["x"])) for run in runs.values()} == {
        (prompt_id, workflow, "done", 6)
    }
    assert all(event["workflow"] == workflow for event in told(server, prompt_id, "one"))


def test_watching_changes_no_bit(server: Client) -> None:
    """The same seed gives the same losses with previews, and with a page's workflow, as without."""
    graphs = [learning(seed=34), learning(seed=34, preview_every=1)]
    found = []
    for graph in graphs:
        found.append(server.run(graph)["outputs"]["keep"]["text"])
    assert found[0] == found[1]


def test_a_cancelled_run_says_so_within_a_step(server: Client) -> None:
    prompt_id = server.post(learning(seed=35, steps=5000))
    wait_until(server, lambda: any(event["x"] for event in told(server, prompt_id, "one")), "no step was told")
    server.interrupt()
    server.wait(prompt_id)
    events = told_to_its_end(server, prompt_id, "one")
    assert events[-1]["state"] == "cancelled"
    assert events[-1]["moment"]["step"] < 5000
    assert not told(server, prompt_id, "two")


@pytest.mark.parametrize(
    ("method", "phases"),
    [
        ("null_text", ["inverting", "optimising"]),
        ("negative_prompt", ["inverting", "reconstructing"]),
        ("direct", ["inverting", "measuring"]),
        ("ddim", ["inverting", "reconstructing"]),
        ("fixed_point", ["inverting", "reconstructing"]),
        ("edit_friendly", ["measuring"]),
    ],
)
def test_every_inversion_is_told(server: Client, method: str, phases: list[str]) -> None:
    graph = {
        "ckpt": sources()["ckpt"],
        "image": sources()["image"],
        "small": node("ImageScale", image=["image", 0], upscale_method="area", width=64, height=64, crop="disabled"),
        "latent": node("VAEEncode", pixels=["small", 0], vae=["ckpt", 2]),
        "two": node("RepeatLatentBatch", samples=["latent", 0], amount=2),
        "empty": node("CLIPTextEncode", clip=["ckpt", 1], text=""),
        "invert": node(
            "SIS_NullTextInvert",
            model=["ckpt", 0],
            latent=["two", 0],
            source=["empty", 0],
            uncond=["empty", 0],
            method=method,
            steps=5,
            cfg=4.0,
            inner_steps=1,
            learning_rate=0.01,
            tolerance=0.0,
            precision="auto",
        ),
        "keep": node("PreviewAny", source=["invert", 3]),
    }
    prompt_id = server.post(graph)
    entry = server.wait(prompt_id)
    assert describe_failure(entry) is None
    (whole,) = entry["outputs"]["invert"]["sis_live"]
    assert whole["done"] == whole["total"]
    assert whole["moment"] == {"phase": phases[-1], "step": 5, "steps": 5, "picture": 2, "pictures": 2}
    if METHODS[method].exact:  # by construction
        assert whole["x"] == []
    else:
        assert whole["x"] == list(range(1, 11))  # two pictures, one after the other
        assert all(value is not None and value >= 0 for value in whole["series"]["distance"])
        if method in ("ddim", "null_text"):  # one meaning: the report's own numbers
            text = next(
                line
                for line in entry["outputs"]["invert"]["text"][0].splitlines()
                if line.startswith("- error after each step of picture 1")
            )
            assert whole["series"]["distance"][:5] == pytest.approx(
                [float(v) for v in text.split(": ")[1].split()], rel=0.06
            )


def test_text_optimisation_is_told(server: Client) -> None:
    graph = {
        "ckpt": sources()["ckpt"],
        "image": sources()["image"],
        "latent": node("VAEEncode", pixels=["image", 0], vae=["ckpt", 2]),
        "target": node("CLIPTextEncode", clip=["ckpt", 1], text="a heart"),
        "text": node(
            "SIS_ImagicTextOptimize",
            model=["ckpt", 0],
            target=["target", 0],
            latent=["latent", 0],
            steps=4,
            learning_rate=0.001,
            batch_size=1,
            seed=5,
            precision="auto",
        ),
        "keep": node("PreviewAny", source=["text", 1]),
    }
    entry = server.run(graph)
    (whole,) = entry["outputs"]["text"]["sis_live"]
    losses = json.loads(entry["outputs"]["keep"]["text"][0])["loss"]
    assert whole["series"] == {"misfit": pytest.approx(losses, rel=1e-3)}
