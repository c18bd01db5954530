"""Warnings: collected once each, in the log, told to listeners."""

from __future__ import annotations

import logging

import pytest

from single_image_studio.support import warnings
from single_image_studio.support.warnings import Warned, collecting, warn


def test_a_node_collects_each_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    with collecting("Stage I") as warned:
        warn("micro_batches", size=8)
        warn("micro_batches", size=8)
        warn("micro_batches", size=4)
    assert [w.values["size"] for w in warned] == [8, 4]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert caplog.messages[0] == (
        "Stage I: Out of memory: going on with micro-batches of 8 (slower; the same up to rounding)."
    )


def test_nodes_inside_one_another_collect_their_own() -> None:
    with collecting("outer") as outer:
        with collecting("inner") as inner:
            warn("checkpointing")
        warn("guidance_patch")
    assert [w.id for w in outer] == ["guidance_patch"] and [w.id for w in inner] == ["checkpointing"]


def test_outside_a_node_the_log_and_the_listeners_know(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Warned] = []
    monkeypatch.setattr(warnings, "_listeners", [])
    warnings.listen(told.append)
    warn("two_concepts", name="{x}")  # braces in a value are no names
    assert told == [Warned("two_concepts", {"name": "{x}"})]
    assert told[0].message() == {
        "id": "two_concepts",
        "values": {"name": "{x}"},
        "text": "Two concepts are called <{x}> here, and the one that was loaded later is used: rename one.",
    }
    assert caplog.messages == [told[0].text]


def test_a_stock_node_tells_each_warning_once_a_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = iter([("run", "3"), ("run", "3"), ("run", "4"), ("next run", "4"), None, None])
    monkeypatch.setattr(warnings, "_listeners", [])
    monkeypatch.setattr(warnings, "_place", warnings._Place())
    warnings.placed_by(lambda: next(places))
    for _ in range(2):
        warn("checkpointing")
    assert len(caplog.messages) == 1
    for _ in range(4):
        warn("checkpointing")
    assert len(caplog.messages) == 5  # each node, each run, and outside of a graph always


def test_an_unknown_warning_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        warn("no_such_warning")
