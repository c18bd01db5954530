"""The bench of the editing method: its tasks, its judge and its figures. (The measuring itself takes minutes.)"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lab.measuring import editing, editing_report, editing_tasks
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


def test_area_by_hand() -> None:
    assert editing_report.area([(0.5, 0.8)]) == pytest.approx(0.4)
    assert editing_report.area([(0.5, 0.8), (1.0, 0.2), (0.4, 0.5)]) == pytest.approx(0.4 + 0.5 * 0.2)
    assert editing_report.area([]) == 0


def test_curves_keep_variants_and_cells_apart() -> None:
    row = {"alpha": 0.5, "edit": 1.0, "colors": 1.0, "pattern": 0.0, "background": 1.0, "kept": 2 / 3, "both": 1.0}
    full = {**row, "variant": "full method", "ratio": 0.2}
    found = editing_report.curves(
        [full, {**full, "edit": 0.0}, {**full, "alpha": 1.0}, {**row, "variant": "x", "ratio": 0.0}]
    )
    assert {name: list(cells) for name, cells in found.items()} == {
        "full method": [(0.5, 0.2), (1.0, 0.2)],
        "x": [(0.5, 0.0)],
    }
    assert found["full method"][0.5, 0.2]["edit"] == 0.5 and math.isclose(found["x"][0.5, 0.0]["kept"], 2 / 3)


def test_every_variant_has_as_many_cells() -> None:
    assert len({len(alphas) * len(ratios) for _, _, alphas, ratios in editing.VARIANTS.values()}) == 1
