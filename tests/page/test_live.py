"""What the live view is told: everything once, nothing too often, nothing that a page cannot read."""

from __future__ import annotations

import json
import math
import sys
from types import SimpleNamespace
from typing import Any

import pytest

PLACE = ("4", "workflow-a", "prompt-1")


@pytest.fixture
def live(host: Any) -> Any:
    """The module, with nothing remembered."""
    from single_image_studio.page import live

    live._runs.clear()
    yield live
    live._runs.clear()


@pytest.fixture
def clock(live: Any, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes when it is told to."""
    now = SimpleNamespace(value=100.0)
    monkeypatch.setattr(live.time, "monotonic", lambda: now.value)
    return now


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a server in this process would have sent, as the page reads it."""
    sent: list[dict[str, Any]] = []

    def send_sync(event: str, message: dict[str, Any], client: str) -> None:
        assert (event, client) == ("single_image_studio.live", "page")
        sent.append(json.loads(json.dumps(message, allow_nan=False)))

    server = SimpleNamespace(instance=SimpleNamespace(send_sync=send_sync, client_id="page"))
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=server))
    return sent


def run_of(live: Any, kind: str = "stage1", node: str | None = "4", workflow: str | None = "workflow-a") -> Any:
    return live.LiveRun(kind, live.NodeAddress(node, workflow, "prompt-1"))


def test_events_bring_every_step_once_and_five_a_second_at_most(
    live: Any, clock: SimpleNamespace, events: list[dict[str, Any]]
) -> None:
    with run_of(live) as run:
        run.begin(200)
        for step in range(1, 201):
            clock.value += 0.01
            run.step(step, live.Moment("learning", step, 200), {"loss": step / 7, "foreground": step / 9})
    assert len(events) <= 2 + 2.0 / live.SEND_EVERY + 1
    assert [x for event in events for x in event["x"]] == list(range(1, 201))
    assert [v for event in events for v in event["series"].get("loss", [])] == [
        float(f"{s / 7:.4g}") for s in range(1, 201)
    ]
    assert [event["state"] for event in events] == ["running"] * (len(events) - 1) + ["done"]
    assert (events[0]["moment"], events[0]["total"]) == (None, 0)
    assert events[-1]["moment"] == {"phase": "learning", "step": 200, "steps": 200, "picture": 1, "pictures": 1}
    assert {(event["node"], event["workflow"], event["prompt_id"]) for event in events} == {PLACE}


def test_the_last_step_is_not_kept_back(live: Any, clock: SimpleNamespace, events: list[dict[str, Any]]) -> None:
    run = run_of(live)
    run.begin(2)
    run.step(1, live.Moment("learning", 1, 2), {"loss": 1.0})
    assert not events
    run.step(2, live.Moment("learning", 2, 2), {"loss": 0.5})
    assert events[0]["x"] == [1, 2]


def test_what_is_not_finite_is_a_gap(live: Any, clock: SimpleNamespace, events: list[dict[str, Any]]) -> None:
    with run_of(live) as run:
        run.begin(3)
        for step, value in enumerate((math.nan, math.inf, 0.25), 1):
            run.step(step, live.Moment("learning", step, 3), {"loss": value})
    assert [v for event in events for v in event["series"].get("loss", [])] == [None, None, 0.25]
    assert run.history()["series"] == {"loss": [None, None, 0.25]}


def test_a_term_that_comes_late_has_gaps_before(live: Any) -> None:
    run = run_of(live)
    run.step(1, live.Moment("learning", 1, 3), {"loss": 1.0})
    run.step(2, live.Moment("learning", 2, 3), {"semantic": 2.0})
    run.step(3, live.Moment("learning", 3, 3), {})  # a step without numbers is no point
    assert run.history()["series"] == {"loss": [1.0, None], "semantic": [None, 2.0]}
    assert run.history()["x"] == [1, 2]


def test_time_left_is_by_the_pace_after_the_first_step(live: Any, clock: SimpleNamespace) -> None:
    run = run_of(live)
    run.begin(11)
    assert run.remaining is None
    clock.value += 60  # models are loaded
    run.step(1, live.Moment("learning", 1, 11), {"loss": 1.0})
    clock.value += 4
    run.step(3, live.Moment("learning", 3, 11), {"loss": 1.0})
    assert run.remaining == pytest.approx(8 * 2)
    assert run.elapsed == pytest.approx(64)


def test_steps_of_an_earlier_run_are_on_the_curve_and_took_no_time_of_this_one(
    live: Any, clock: SimpleNamespace, events: list[dict[str, Any]]
) -> None:
    run = run_of(live)
    run.begin(10)
    for step in range(1, 7):
        run.past(step, live.Moment("learning", step, 10), {"loss": float(step)})
    assert run.remaining is None
    clock.value += 4
    run.step(7, live.Moment("learning", 7, 10), {"loss": 7.0})
    assert run.remaining == pytest.approx(3 * 4)
    clock.value += 1
    run.step(8, live.Moment("learning", 8, 10), {"loss": 8.0})
    assert run.remaining == pytest.approx(2 * 1)
    told = [(event["x"], event["series"]) for event in events if event["x"]]
    assert told[0] == ([1, 2, 3, 4, 5, 6, 7], {"loss": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]})
    assert run.history()["x"] == list(range(1, 9))


@pytest.mark.parametrize(("error", "state"), [("InterruptProcessingException", "cancelled"), (ValueError, "failed")])
def test_how_it_ended_is_told_and_the_error_goes_on(
    live: Any, clock: SimpleNamespace, events: list[dict[str, Any]], error: Any, state: str
) -> None:
    import comfy.model_management

    kind = getattr(comfy.model_management, error) if isinstance(error, str) else error
    with pytest.raises(kind), run_of(live) as run:
        run.begin(5)
        run.step(1, live.Moment("learning", 1, 5), {"loss": 1.0})
        clock.value += 3
        raise kind
    clock.value += 100
    assert (events[-1]["state"], events[-1]["elapsed"], events[-1]["remaining"]) == (state, 3.0, None)
    assert events[-1]["x"] == [1]
    (kept,) = live.histories("workflow-a")
    assert (kept["state"], kept["elapsed"]) == (state, 3.0)


def test_a_page_gets_the_newest_run_of_each_node_of_its_workflow(live: Any, events: list[dict[str, Any]]) -> None:
    for node, workflow, loss in (
        ("4", "workflow-a", 1.0),
        ("2:1", "workflow-a", 2.0),
        ("4", "workflow-b", 3.0),
        ("4", "workflow-a", 4.0),
    ):
        with run_of(live, node=node, workflow=workflow) as run:
            run.step(1, live.Moment("learning", 1, 1), {"loss": loss})
    assert {run["node"]: run["series"]["loss"] for run in live.histories("workflow-a")} == {"2:1": [2.0], "4": [4.0]}
    assert [run["series"]["loss"] for run in live.histories("workflow-b")] == [[3.0]]
    assert live.histories("workflow-c") == []
    for number in range(live.MOST_RUNS + 5):
        with run_of(live, node=str(number), workflow="workflow-d"):
            pass
    assert len(live._runs) == live.MOST_RUNS
    assert live.histories("workflow-a") == []


def test_long_histories_are_thinned_with_both_ends_kept(live: Any) -> None:
    run = run_of(live)
    for step in range(1, 5001):
        run.step(step, live.Moment("learning", step, 5000), {"loss": float(step)})
    history = run.history()
    assert len(history["x"]) == live.MOST_POINTS
    assert (history["x"][0], history["x"][-1]) == (1, 5000)
    assert history["series"]["loss"] == [float(f"{x:.4g}") for x in history["x"]]
    gaps = {b - a for a, b in zip(history["x"], history["x"][1:])}
    assert gaps == {5, 6} or gaps == {5}


def test_the_newest_previews_are_kept_and_sent_once(
    live: Any, clock: SimpleNamespace, events: list[dict[str, Any]]
) -> None:
    from PIL import Image

    with run_of(live) as run:
        run.begin(20)
        for step in range(1, 21):
            clock.value += 0.15
            run.step(step, live.Moment("learning", step, 20), {"loss": 1.0}, Image.new("RGB", (512, 256), (step, 0, 0)))
    assert [p["step"] for event in events for p in event["previews"]] == list(range(1, 21))
    assert [p["step"] for p in run.history()["previews"]] == [15, 16, 17, 18, 19, 20]
    assert all(
        len(p["src"]) < 4000 and p["src"].startswith("data:image/jpeg;base64,") for p in run.history()["previews"]
    )
    assert run.ui()["sis_live"][0]["previews"] == []


def test_the_subject_is_sent_once_and_kept(live: Any, events: list[dict[str, Any]]) -> None:
    from PIL import Image

    with run_of(live) as run:
        run.begin(2)
        run.show_subject(Image.new("RGB", (512, 256), (200, 0, 0)))
        assert events[-1]["subject"].startswith("data:image/jpeg;base64,") and events[-1]["x"] == []
        run.step(2, live.Moment("learning", 2, 2), {"loss": 1.0})
    assert [event["subject"] is not None for event in events] == [False, True, False, False]
    assert live.histories("workflow-a")[0]["subject"] == events[1]["subject"]  # for a page that is opened later
    assert run.ui()["sis_live"][0]["subject"] is None


def test_pictures_of_a_batch_follow_one_another(live: Any) -> None:
    assert [live.Moment("learning", step, 10, picture, 3).x for picture in (1, 2, 3) for step in (1, 10)] == [
        1,
        10,
        11,
        20,
        21,
        30,
    ]


def test_without_a_graph_nothing_is_sent_or_remembered(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "server", raising=False)
    with run_of(live, node=None) as run:
        run.begin(1)
        run.step(1, live.Moment("learning", 1, 1), {"loss": 1.0})
    assert not live._runs
    assert run.history()["state"] == "done"


def test_a_process_without_a_server_runs_all_the_same(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace()))
    with run_of(live) as run:
        run.step(1, live.Moment("learning", 1, 1), {"loss": 1.0})
    live.register()
    assert run.history()["x"] == [1]


def test_the_log_has_the_same_facts_now_and_then(
    live: Any, clock: SimpleNamespace, events: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "single_image_studio"), run_of(live, "stage2") as run:
        run.begin(40)
        for step in range(1, 41):
            clock.value += 1
            run.step(step, live.Moment("learning", step, 40), {"loss": 0.5, "foreground": 0.25, "semantic": 0.125})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4
    assert (
        lines[0]
        == "Stage II: learning, step 10 of 40: total 0.5, subject 0.25, class word 0.125; 10 s so far, about 30 s left."
    )
