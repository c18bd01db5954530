"""What a task costs, by hand; and bytes that live at once, counted on tensors without values."""

from __future__ import annotations

import torch
from torch import nn

from lab.measuring import training_memory, work

ROUND = work.Costs(learn=2.0, tune=2.5, recomputed=3.0, operations=10)


def test_costs_add_up() -> None:
    assert work.stage1(ROUND) == 3  # one forward without a gradient, one with
    assert work.stage2(ROUND) == 6
    assert work.null_text(ROUND, updates=10) == 23
    evaluations = [task.evaluations for task in work.tasks(ROUND)]
    assert evaluations == [50 * 16 * 3, 100 * 4 * 6, 100, 150, 200, 50 * 23, 200 * 2, 100]


def test_the_table_speaks_of_pictures() -> None:
    first = work.table(ROUND).splitlines()[2]
    assert first == "| Stage I, 50 steps of 16 | 2,400 | 60 |"


def test_live_bytes_are_those_of_the_worst_moment() -> None:
    with training_memory.LiveBytes() as counter:
        first = torch.empty(100, device="meta")
        second = first + 1
        del first
        third = second.view(10, 10)  # shares its bytes
        fourth = third * 2
    assert counter.peak == 2 * 400
    del second, third, fourth


def test_what_backward_needs_counts() -> None:
    layer = nn.Linear(8, 8, bias=False, device="meta").requires_grad_(False)
    x = torch.empty(4, 8, device="meta", requires_grad=True)
    with training_memory.LiveBytes() as kept:
        layer(x).square().sum().backward()
    with training_memory.LiveBytes() as alone, torch.no_grad():
        layer(x)
    assert kept.peak > 2 * alone.peak == 2 * 4 * 8 * 4


def test_the_worst_moment_is_the_step_s_or_the_update_s() -> None:
    assert training_memory.all_in(100, 10, 50) == 100 + 3 * 10 + 50
    assert training_memory.all_in(100, 10, 5) == 100 + 5 * 10
    assert training_memory.all_in(100, 10, 50, lean=True) == 100 + 10 + 50
    assert training_memory.all_in(100, 10, 5, lean=True) == 100 + 2 * 10


def test_a_row_tells_both_sizes() -> None:
    case = training_memory.Case(2, 1, checkpointing=True)
    row = training_memory.row(case, 2**29, 7 * 2**29)
    assert row == "| Stage II, 1 picture of 512 px at once, gradient checkpointing | 0.50 GB | 3.50 GB |"
