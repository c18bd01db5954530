"""The composition's bookkeeping and judging, with a composer that paints the truth, or part of it."""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lab.measuring import composition, composition_groups, composition_report, intervals
from lab.measuring.composition_settings import LEARNED, SETTINGS, Setting
from lab.world import painting, world

pytestmark = pytest.mark.slow  # trains, draws or reads many pictures

SEED, IMAGES = 9_100, 2
BANDS = {1: (64.0,), 2: (37.0, 91.0), 3: (22.0, 64.0, 106.0)}
RADIUS = {1: 24.0, 2: 24.0, 3: 15.5}


class PaintedShelf:
    """Concepts are their scenes."""

    def __init__(self, *_: Any) -> None:
        self.asked: list[tuple[int, str]] = []

    def concept(self, number: int, scene: world.Scene, learned: str) -> world.Scene:
        self.asked.append((number, learned))
        return scene


class Painter:
    """Paints what is asked; "today" stains a plain neighbour and gives all objects of a group the first's look."""

    def __init__(self, *_: Any) -> None:
        self.seconds = 0.0
        self.drawn: list[tuple[str, str]] = []

    def draw(
        self,
        setting: Setting,
        concepts: Sequence[Any],
        classes: Sequence[str],
        prompt: composition_groups.Prompt,
        seeds: Sequence[int],
    ) -> np.ndarray:
        self.drawn.append((setting.label, prompt.text))
        self.seconds = 2.0 if setting.hooks else 1.0
        stained = setting is SETTINGS["today"]
        words, background = prompt.text.rsplit(" on a ", 1)
        objects = []
        for seat, phrase in enumerate(words.split(" and a ")):
            if phrase.startswith("{"):
                obj = concepts[int(phrase[1])].objects[0]
                first = concepts[0].objects[0]
                obj = replace(first, cls=obj.cls) if stained else obj
            else:
                color, cls = phrase.split()
                paint = world.COLORS[color]
                obj = world.Object(cls, 0, 0, 0, 0.0, "plain", paint, paint, 0.0)
                stain = concepts[0].objects[0].color
                obj = replace(obj, pattern="split", second=stain) if stained else obj
            objects.append(replace(obj, x=BANDS[prompt.places][seat], y=64.0, radius=RADIUS[prompt.places]))
        scene = world.Scene(world.COLORS[background.split()[0]], tuple(objects), "")
        return np.stack([painting.render(scene)[0]] * len(seeds))


def _run(folder: pathlib.Path, only: list[str], triples: int = 1, **changes: Any) -> list[dict[str, Any]]:
    args = argparse.Namespace(
        checkpoint=None,
        pairs=2,
        triples=triples,
        alone=1,
        images=IMAGES,
        only=only,
        seed=SEED,
        sampling_steps=20,
        cfg=5.0,
        results=folder / "composition.jsonl",
    )
    settings = {"images": IMAGES, "seed": SEED, "sampling_steps": 20, "cfg": 5.0, "checkpoint": "x.safetensors"}
    settings |= {"sha256": "0" * 16, "steps1": 1, "batch1": 1, "steps2": 1, "batch2": 1, "rank": 4}
    args.results.with_suffix("").mkdir(exist_ok=True)
    composition.run(args, settings | changes)
    return [json.loads(line) for line in args.results.read_text().splitlines()]


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    painter = Painter()
    monkeypatch.setattr(composition.sampling, "load", lambda path: (None, None, None))
    monkeypatch.setattr(composition, "Learner", lambda *args: None)
    monkeypatch.setattr(composition, "Shelf", PaintedShelf)
    monkeypatch.setattr(composition, "Composer", lambda learner: painter)
    return painter


def test_a_perfect_composer_meets_every_goal(painter: Painter, tmp_path: pathlib.Path) -> None:
    rows = _run(tmp_path, ["given", "found"])
    assert [len(row["group"]) for row in rows] == [2, 2, 2, 2, 3, 3, 1, 1]
    for row in rows:
        assert set(row["rates"].values()) == {1.0}, row
        assert ("neighbour_0" in row["rates"]) == (len(row["group"]) == 2)
    composition_report.write(rows, tmp_path / "composition", tmp_path / "COMPOSITION.md")
    text = (tmp_path / "COMPOSITION.md").read_text()
    assert text.count(": met") == 6 and "missed" not in text and "## Triples" in text and "## One concept alone" in text
    assert (tmp_path / "composition.jpg").stat().st_size > 10_000


def test_stains_and_shared_looks_are_seen(painter: Painter, tmp_path: pathlib.Path) -> None:
    *groups, alone = _run(tmp_path, ["today"])
    assert alone["rates"]["all_found"] == 1  # the look that it would give to others is its own
    for row in groups:
        count, rates = len(row["group"]), row["rates"]
        assert rates["all_found"] == 0 and rates["found"] <= 1 / count and rates["background"] == 1
        assert rates.get("neighbour_0", 0.0) == rates.get("neighbour_1", 0.0) == 0.0


def test_goals_that_are_missed_are_named(tmp_path: pathlib.Path) -> None:
    low = {"all_found": 0.4, "background": 1.0, "neighbour_0": 1.0, "neighbour_1": 0.5}
    rows = [{"setting": "given", "group": [i, i + 1], "rates": low, "cpu_seconds": 1.0} for i in range(3)]
    lines = composition_report.goals(rows)
    assert [line.endswith("**missed**") for line in lines] == [True, True, False]
    assert "40% (40% to 40%), at least 60%" in lines[0] and "75%" in lines[1]


def test_a_run_goes_on_where_it_stopped(painter: Painter, tmp_path: pathlib.Path) -> None:
    first = _run(tmp_path, ["today"])
    drawn = len(painter.drawn)
    assert _run(tmp_path, ["today"]) == first and len(painter.drawn) == drawn
    more = _run(tmp_path, ["today", "text"])
    assert more[: len(first)] == first and {row["setting"] for row in more[len(first) :]} == {"text"}
    with pytest.raises(SystemExit, match="cfg"):
        _run(tmp_path, ["today"], cfg=3.0)


def test_time_is_compared_on_the_same_groups() -> None:
    rows = [
        {"setting": key, "group": numbers, "cpu_seconds": seconds}
        for key, numbers, seconds in (("today", [0, 1], 2.0), ("today", [2, 3], 8.0), ("hooks", [0, 1], 3.0))
    ]
    assert composition_report.relative_time(rows, "hooks") == 1.5
    assert composition_report.relative_time(rows, "found") is None


def test_other_learning_is_compared_on_the_same_groups() -> None:
    rows = [
        {"setting": key, "group": numbers, "rates": {"mean_color": rate, "colors": rate, "found": 0.5}}
        for key, numbers, rate in (
            ("found", [0, 1], 0.5), ("found", [2, 3], 0.0), ("orthogonal", [0, 1], 0.75), ("today", [0, 1], 0.0)
        )
    ]  # fmt: skip
    (line,) = composition_report.differences(rows)[2:]
    assert line.endswith("| 1 | +25 (+25 to +25) | +25 (+25 to +25) | +0 (+0 to +0) |")
    assert not composition_report.differences(rows[:2])


def test_the_interval_is_of_the_groups() -> None:
    mean, low, high = intervals.bootstrap([0.0, 1.0] * 10)
    assert mean == 0.5 and low == pytest.approx(0.3, abs=0.05) and high == pytest.approx(0.7, abs=0.05)
    assert intervals.bootstrap([0.25]) == (0.25, 0.25, 0.25)


def test_neighbours_can_be_told_from_concepts() -> None:
    for pair in composition_groups.groups(SEED, 10, 0):
        for one, order in zip(composition_groups.neighbours(pair), ("first", "last")):
            obj, paint = one.scene.objects[0], world.COLORS[one.color]
            assert one.cls != obj.cls and one.color != one.background
            assert min(world.distance(paint, c) for c in (obj.color, obj.second)) > 90
            assert one.prompt.text.startswith("{0}") == (order == "first")


def test_bands_share_the_picture() -> None:
    for pair in (composition_groups.group(SEED, (0, 1)), composition_groups.group(SEED, (0, 1, 2))):
        regions = composition_groups.bands(pair.together)
        assert torch.equal(torch.stack(regions).sum(0), torch.ones(1, 128, 128))
        centres = [float((region[0].sum(0) * torch.arange(128)).sum() / region.sum()) for region in regions]
        assert centres == sorted(centres)


def test_outlines_are_the_objects_from_left_to_right() -> None:
    asked = composition_groups.group(SEED, (0, 1))
    painter, shown = Painter(), list(asked.scenes)
    pictures = painter.draw(SETTINGS["given"], shown, asked.classes, asked.together, [1, 2])
    left, right = composition_groups.outlines(pictures, asked.together)
    assert left.shape == (2, 128, 128) and not (left * right).any()
    assert left[0, 64, 37] == 1 and right[0, 64, 91] == 1 and left.mean() < 0.25
    empty = np.full((1, 128, 128, 3), 245, np.uint8)
    assert all(
        torch.equal(one, band)
        for one, band in zip(
            composition_groups.outlines(empty, asked.together), composition_groups.bands(asked.together)
        )
    )


def test_every_setting_is_learned_in_a_known_way() -> None:
    assert {setting.learned for setting in SETTINGS.values()} <= LEARNED.keys()
    assert len({setting.label for setting in SETTINGS.values()}) == len(SETTINGS)
