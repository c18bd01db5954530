"""The quality report's counting, on pictures whose truth is known, and the contact sheets."""

from __future__ import annotations

import argparse
import pathlib
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lab.figures import sheets
from lab.measuring import quality
from lab.measuring.intervals import wilson
from lab.world import painting, random_scenes, world

pytestmark = pytest.mark.slow  # trains, draws or reads many pictures


def _scenes(count: int) -> list[world.Scene]:
    rng = random.Random(5)
    return [random_scenes.sample_scene(rng) for _ in range(count)]


def test_held_out_captions_are_none_of_trainings() -> None:
    known = quality.training_captions(1000)
    assert len(known) > 500
    scenes = quality.held_out(50, known=known)
    assert len(scenes) == 50 and not {scene.caption for scene in scenes} & known
    assert [scene.caption for scene in scenes] == [scene.caption for scene in quality.held_out(50, known=known)]


def test_training_captions_are_those_that_training_draws() -> None:
    rng = random.Random(quality.TRAINING_SEED * 1_000_003 + 1)
    assert {random_scenes.sample_scene(rng).caption for _ in range(500)} <= quality.training_captions(1000)


def test_true_pictures_get_full_marks() -> None:
    scenes = _scenes(60)
    result, verdicts = quality.tally(scenes, np.stack([painting.render(scene)[0] for scene in scenes]))
    assert all(quality.is_right(verdict) for verdict in verdicts)
    assert result.right == result.asked
    assert set(result.asked) >= set(quality.GOALS)
    assert all(asked == drawn for asked, drawn in result.confusion)
    assert (
        result.asked["class"]
        == result.asked["class, one object"] + result.asked["class, two objects"]
        == sum(len(s.objects) for s in scenes)
    )


def test_told_colours_and_patterns_are_counted() -> None:
    scenes = quality.full_scenes(20, 10)
    assert [len(scene.objects) for scene in scenes] == [2] * 20 + [1] * 10
    result, verdicts = quality.tally(scenes, np.stack([painting.render(scene)[0] for scene in scenes]))
    assert all(quality.is_right(verdict) for verdict in verdicts)
    assert result.asked["second colour"] == result.asked["pattern"] == 50
    assert result.asked["pattern, two objects"] == 40
    plain = [replace(scene, objects=tuple(replace(obj, pattern="plain") for obj in scene.objects)) for scene in scenes]
    result, verdicts = quality.tally(scenes, np.stack([painting.render(scene)[0] for scene in plain]))
    assert result.rate("pattern") == result.rate("second colour") == 0 and result.rate("class") == 1
    assert not any(quality.is_right(verdict) for verdict in verdicts)


def test_pictures_of_other_captions_get_bad_marks() -> None:
    scenes = _scenes(120)
    pictures = np.stack([painting.render(scene)[0] for scene in scenes[1:] + scenes[:1]])
    result, _ = quality.tally(scenes, pictures)
    assert (
        result.rate("background colour") < 0.25 and result.rate("object colour") < 0.35 and result.rate("class") < 0.4
    )


@pytest.mark.parametrize(
    ("right", "asked", "low", "high"), [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (50, 100, 0.404, 0.596)]
)
def test_wilson_interval(right: int, asked: int, low: float, high: float) -> None:
    assert wilson(right, asked) == pytest.approx((low, high), abs=1e-3)


def test_report_names_what_was_missed(tmp_path: pathlib.Path) -> None:
    result = quality.Tally()
    for fact, right in (("background colour", 96), ("object colour", 91), ("class", 79), ("place", 90)):
        result.asked[fact], result.right[fact] = 100, right
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.write_bytes(b"0" * 1000)
    args = argparse.Namespace(
        checkpoint=checkpoint,
        captions=100,
        full_pairs=10,
        full_singles=5,
        seed=1,
        steps=25,
        cfg=5.0,
        reconstructions=4,
        out=tmp_path / "QUALITY.md",
    )
    full = quality.Tally()
    full.asked["everything told, two objects"], full.right["everything told, two objects"] = 10, 5
    text = quality.report(result, full, {"psnr": 30.0, "l1": 0.01, "right": 1.0}, args, 60)
    assert (
        text.count("**missed**") == 2
        and "| everything told, two objects | 10 | 5 | 50.0% |" in text
        and "(quality_full.jpg)" in text
        and "| class | 100 | 79 | 79.0% |" in text
        and "PSNR 30.0 dB" in text
        and "(quality.jpg)" in text
    )


def test_contact_sheet_is_small_and_holds_every_picture(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (128, 128, 3), dtype=np.uint8) for _ in range(10)]  # noise: the worst for JPEG
    sheet = sheets.contact_sheet(
        pictures, ["a caption that is much longer than its picture is wide"] * 10, columns=4, wrong=[True] + [False] * 9
    )
    size = sheets.save_jpeg(sheet, tmp_path / "new" / "sheet.jpg", most=120_000)
    assert size < 120_000 and Image.open(tmp_path / "new" / "sheet.jpg").size == sheet.size
    corner = np.asarray(sheet)[sheets.GAP : sheets.GAP + 128, sheets.GAP : sheets.GAP + 128]
    assert (corner == pictures[0]).all()
