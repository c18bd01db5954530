"""The tasks of what measures edits, and their judge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.measuring import editing_tasks
from lab.world import painting, world

TASKS = [editing_tasks.make_task(editing_tasks.SEED, i) for i in range(24)]


def edited(task: editing_tasks.Task) -> world.Scene:
    """The ground truth of a task: its object changed as the target says, and nothing else."""
    obj = task.scene.objects[0]
    if task.kind == "move":
        edge = obj.radius * 1.1 + 5
        changes = {"left": {"x": edge}, "right": {"x": 128 - edge}, "top": {"y": edge}, "bottom": {"y": 128 - edge}}[
            str(task.told["place"])
        ]
    elif task.kind == "resize":
        changes = {"radius": {"small": 20.0, "large": 45.0}[str(task.told["size"])], "x": 64.0, "y": 64.0}
    elif task.kind == "turn":
        changes = {"rotation": 0.62}
    else:
        changes = {"cls": task.told["classes"][0]}  # type: ignore[index]
    return world.Scene(task.scene.background, (replace(obj, **changes),), "")  # type: ignore[arg-type]


def test_tasks_take_turns_and_are_fixed_by_their_seed() -> None:
    assert [task.kind for task in TASKS[:4]] == list(editing_tasks.EDITS) and TASKS[5] == editing_tasks.make_task(
        editing_tasks.SEED, 5
    )
    assert all(task.source != task.target for task in TASKS)


@pytest.mark.parametrize("kind", editing_tasks.EDITS)
def test_the_true_edit_counts_and_the_untouched_picture_does_not(kind: str) -> None:
    tasks = [task for task in TASKS if task.kind == kind]
    true = [editing_tasks.verdict(painting.render(edited(task))[0], task) for task in tasks]
    untouched = [editing_tasks.verdict(painting.render(task.scene)[0], task) for task in tasks]
    assert sum(v["edit"] for v in true) >= len(tasks) - 1 and sum(v["edit"] for v in untouched) <= 1
    assert all(v["colors"] and v["background"] for v in true + untouched)
    assert sum(v["both"] for v in true) >= len(tasks) - 1


def test_another_background_and_other_colours_are_not_kept() -> None:
    task = TASKS[0]
    obj = task.scene.objects[0]
    other = world.Scene((120, 120, 120), (replace(obj, color=(10, 10, 10), second=(250, 250, 250)),), "")
    seen = editing_tasks.verdict(painting.render(other)[0], task)
    assert not seen["colors"] and not seen["background"] and seen["kept"] <= 1 / 3
