"""The turns and their ratios; no time is measured."""

from __future__ import annotations

import itertools
import time

import pytest
import torch

from lab.measuring import composition_speed


def test_ratios_are_of_the_same_turn() -> None:
    seconds = {composition_speed.BASELINE: [1.0, 2.0, 10.0], "other": [3.0, 4.0, 20.0]}
    assert composition_speed.ratios(seconds) == {composition_speed.BASELINE: 1.0, "other": 2.0}


def test_ways_take_turns_and_the_first_turn_does_not_count() -> None:
    order: list[str] = []
    ticks = itertools.count()
    ways = {name: lambda name=name: order.append(name) for name in "ab"}  # type: ignore[misc]
    seconds = composition_speed.measured(ways, 2, lambda: float(next(ticks)))
    assert order == list("ababab") and seconds == {"a": [1.0, 1.0], "b": [1.0, 1.0]}


@pytest.mark.parametrize(("device", "clock"), [("cpu", time.process_time), ("cuda", time.perf_counter)])
def test_on_a_cpu_others_work_does_not_count(device: str, clock: object) -> None:
    assert composition_speed.clock_of(torch.device(device)) is clock
