"""The ablation's bookkeeping, with a learner that paints the truth instead of training."""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lab.measuring import ablation, ablation_report
from lab.measuring.learning import VARIANTS, Training, Variant, pixels_and_mask
from lab.world import oracle, painting, world

pytestmark = pytest.mark.slow  # trains, draws or reads many pictures

SEED, IMAGES = 7, 2


class Painter:
    """Stands in for `learning.Learner`: plain variants paint the source picture whatever is asked, the others what
    is asked."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, int]] = []

    def learn(self, scene: world.Scene, variant: Variant, seed: int, start: Any = None) -> tuple[Any, float, float]:
        assert (start is None) == (variant.stage == 1)
        self.trained.append((variant.label, seed))
        return (scene, variant), 0.1, 1.0

    def draw(self, concepts: Sequence[Any], prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        assert len(prompts) == len(seeds)
        return np.stack([self._paint(concepts, prompt) for prompt in prompts])

    def _paint(self, concepts: Sequence[Any], prompt: str) -> np.ndarray:
        background = world.COLORS[prompt.split(" on a ")[1].split()[0]] if " on a " in prompt else (128, 128, 128)
        if not concepts:
            return painting.render(
                world.Scene(
                    background, (world.Object("circle", 64, 64, 30, 0.0, "plain", (1, 2, 3), (1, 2, 3), 0.0),), ""
                )
            )[0]
        if len(concepts) == 1:
            scene, variant = concepts[0]
            return painting.render(scene if variant.whole else replace(scene, background=background))[0]
        seats = [replace(scene.objects[0], x=x, y=64.0, radius=24.0) for (scene, _), x in zip(concepts, (37.0, 91.0))]
        return painting.render(world.Scene(background, tuple(seats), ""))[0]


def _settings() -> dict[str, Any]:
    return {
        "images": IMAGES,
        "seed": SEED,
        "sampling_steps": 20,
        "cfg": 5.0,
        "checkpoint": "x.safetensors",
        "sha256": "0" * 16,
        "steps1": 1,
        "batch1": 1,
        "rate1": 0.1,
        "steps2": 1,
        "batch2": 1,
        "rate2": 0.1,
        "encoder": "none",
        "rank": 4,
    }


def _replace_learner(patch: pytest.MonkeyPatch, painter: Painter) -> None:
    patch.setattr(ablation.sampling, "load", lambda path: (None, None, None))
    patch.setattr(ablation, "Learner", lambda *args: painter)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, Painter]:
    """A run over two concepts and their pair; tests get copies."""
    folder, painter = tmp_path_factory.mktemp("first"), Painter()
    with pytest.MonkeyPatch.context() as patch:
        _replace_learner(patch, painter)
        _run(folder, 2)
    return folder, painter


@pytest.fixture
def painted(
    first_run: tuple[pathlib.Path, Painter], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[pathlib.Path, Painter]:
    """Its results, and its learner to go on with."""
    painter = Painter()
    painter.trained += first_run[1].trained
    _replace_learner(monkeypatch, painter)
    shutil.copytree(first_run[0], tmp_path, dirs_exist_ok=True)
    return tmp_path, painter


def _run(folder: pathlib.Path, concepts: int, **changes: Any) -> None:
    args = argparse.Namespace(
        concepts=concepts,
        images=IMAGES,
        seed=SEED,
        checkpoint=None,
        sampling_steps=20,
        cfg=5.0,
        workers=1,
        results=folder / "ablation.jsonl",
        **vars(Training()),
    )
    ablation.run(args, _settings() | changes)


def test_a_run_in_this_process_leaves_its_threads(
    painted: tuple[pathlib.Path, Painter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all that this process does afterwards, such as the next tests, has another number of them."""
    before = torch.get_num_threads()
    monkeypatch.setattr(ablation.os, "cpu_count", lambda: before + 1)
    _run(painted[0], 2)
    assert torch.get_num_threads() == before


def test_rates_of_a_perfect_learner(painted: tuple[pathlib.Path, Painter]) -> None:
    rows = ablation.read_rows(painted[0] / "ablation.jsonl", _settings())
    assert [sorted({"concept", "pair"} & row.keys()) for row in rows] == [["concept"], ["concept"], ["pair"]]
    for row in rows[:2]:
        full, plain, prior = (row["rates"][key] for key in ("I background", "I plain", "prior"))
        assert (
            full["alone"]["colors"]
            == full["alone"]["pattern"]
            == full["alone"]["class"]
            == full["asked"]["success"]
            == 1.0
        )
        assert (
            full["asked"]["source_background"] == 0.0
            and plain["asked"]["source_background"] == 1.0
            and plain["asked"]["asked_background"] == 0.0
        )
        assert prior["alone"]["colors"] == 0.0
    assert (
        rows[2]["rates"]["I background"]
        == rows[2]["rates"]["II semantic"]
        == dict.fromkeys(("mean_color", "both_mean_colors", "each", "both", "patterns", "asked_background"), 1.0)
    )
    assert rows[2]["rates"]["prior"]["both"] == 0.0


def test_a_run_goes_on_where_it_stopped(painted: tuple[pathlib.Path, Painter]) -> None:
    folder, painter = painted
    first = len(painter.trained)
    assert first == 2 * len(VARIANTS)
    _run(folder, 2)
    assert len(painter.trained) == first
    path = folder / "ablation.jsonl"
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:2]))  # the pair is missing
    _run(folder, 2)
    # only what the pair needs is trained again
    assert [label for label, _ in painter.trained[first:]] == ["+ background", "+ semantic"] * 2
    assert "pair" in json.loads(path.read_text().splitlines()[-1])


def test_results_of_other_settings_are_refused(painted: tuple[pathlib.Path, Painter]) -> None:
    with pytest.raises(SystemExit, match="rate1"):
        _run(painted[0], 2, rate1=0.2)


def test_report_holds_every_variant_and_the_goals(painted: tuple[pathlib.Path, Painter]) -> None:
    folder, _ = painted
    rows = ablation.read_rows(folder / "ablation.jsonl", None)
    ablation_report.write(rows, folder / "ablation", folder / "ABLATION.md")
    text = (folder / "ABLATION.md").read_text()
    assert all(f"Stage {key.split()[0]}, {variant.label}" in text for key, variant in VARIANTS.items())
    assert "missed" not in text and text.count(": met") == 8 and "--concepts 2 --images 2 --seed 7" in text
    assert (folder / "ablation.jpg").stat().st_size > 10_000


def test_report_without_results_says_what_to_do(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SystemExit, match="without --report"):
        ablation_report.write([], tmp_path, tmp_path / "ABLATION.md")


def test_interval_is_students() -> None:
    mean, half = ablation_report.interval([0.0, 0.5, 1.0, 0.5])
    assert mean == 0.5 and half == pytest.approx(3.1824 * 0.408248 / 2, rel=1e-4)


def test_backgrounds_are_told_from_the_concept() -> None:
    for index in range(40):
        scene = ablation.concept_scene(SEED, index)
        assert scene.objects[0].cls == world.CLASSES[index % 6]
        name = ablation.free_background([scene], "green")
        used = np.array([scene.background, scene.objects[0].color, scene.objects[0].second])
        assert name == "green" or world.distance(used, np.array(world.COLORS["green"])).min() <= ablation.APART
        picture, _ = painting.render(replace(scene, background=world.COLORS[name]))
        assert oracle.background_is(picture, name) and not oracle.background_near(picture, scene.background)
        assert oracle.concept_match(picture, scene).found


def test_picture_and_mask_are_as_the_host_loads_them() -> None:
    scene = ablation.concept_scene(SEED, 0)
    image, mask = pixels_and_mask(scene)
    assert (
        image.shape == (1, 128, 128, 3)
        and mask.shape == (1, 128, 128)
        and float(image.min()) >= 0
        and float(mask.max()) == 1.0
    )
