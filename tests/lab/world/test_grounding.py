"""What the demo's detector learns from: every phrase against the scene's own facts, every box and mask against its
pixels."""

from __future__ import annotations

import pathlib
import random
from dataclasses import replace

import numpy as np
import pytest

from lab.world import grounding, oracle, painting, seeing, world

# the last: neither red nor orange for sure
RED, GREEN, PURPLE, BETWEEN = (214, 40, 40), (46, 160, 67), (130, 50, 180), (230, 90, 35)


def obj(cls: str, color: world.RGB, x: float = 37, pattern: str = "plain", second: world.RGB = GREEN) -> world.Object:
    return world.Object(cls, x, 64, 24, 0.0, pattern, color, second, 0.0)


def scene(*objects: world.Object) -> world.Scene:
    return world.Scene((245, 245, 245), objects, "")


def texts(phrases: list[grounding.Phrase]) -> dict[str, tuple[int, ...]]:
    return {phrase.text: phrase.objects for phrase in phrases}


def test_phrases_of_a_pair() -> None:
    pair = scene(obj("heart", RED), obj("star", PURPLE, 91))
    assert texts(grounding.true_phrases(pair, False)) == {"heart": (0,), "star": (1,)}
    assert texts(grounding.true_phrases(pair, True)) == {"red heart": (0,), "purple star": (1,)}
    assert set(texts(grounding.false_phrases(pair, False))) == {"circle", "square", "triangle", "cross"}
    wrong = texts(grounding.false_phrases(pair, True))
    assert {"purple heart", "red star", "green heart"} <= set(wrong) and not {"red heart", "purple star"} & set(wrong)
    assert all(found == () for found in wrong.values())


def test_two_of_a_kind_are_both_meant_until_a_colour_tells_them_apart() -> None:
    twins = scene(obj("heart", RED), obj("heart", PURPLE, 91))
    assert grounding.named(twins, "heart") == (0, 1)
    assert grounding.named(twins, "heart", "purple") == (1,)


def test_a_patterned_object_has_two_names_and_a_colour_between_two_has_none() -> None:
    split = obj("heart", RED, pattern="split", second=GREEN)
    assert (
        grounding.is_called(split, "red")
        and grounding.is_called(split, "green")
        and grounding.is_called(split, "blue") is False
    )
    assert grounding.is_called(replace(split, pattern="plain"), "green") is False
    assert (
        grounding.is_called(obj("heart", BETWEEN), "red") is None
        and grounding.is_called(obj("heart", BETWEEN), "orange") is None
    )
    doubtful = scene(obj("heart", BETWEEN))
    assert not {"red heart", "orange heart"} & (
        set(texts(grounding.true_phrases(doubtful, True))) | set(texts(grounding.false_phrases(doubtful, True)))
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_oracle_sees_what_phrases_say(seed: int) -> None:
    told = asked = 0
    for one in grounding.scenes(60, 1000 + seed):
        if len(one.objects) > 1:
            continue
        (seen,) = seeing.objects(painting.render(one)[0])[:1]
        for phrase in grounding.true_phrases(one, True):
            color, cls = phrase.text.split()
            assert seen.cls == cls
            told, asked = told + oracle.has_color(seen, color), asked + 1
        for phrase in grounding.false_phrases(one, True):
            assert not oracle.has_color(seen, phrase.text.split()[0]) or one.objects[0].pattern != "plain"
    assert told == asked > 5


def test_prompts_name_no_object_twice_and_are_half_right() -> None:
    rng = random.Random(0)
    right = wrong = strange = several = 0
    for one in grounding.scenes(400, 8):
        phrases = grounding.sample_prompt(one, rng)
        meant = [i for phrase in phrases for i in phrase.objects]
        assert len(meant) == len(set(meant)) and len({p.text for p in phrases}) == len(phrases)
        assert 1 <= len(phrases) <= max(6, len(world.COLORS))
        several += len(phrases) > 1
        for phrase in phrases:
            words = phrase.text.removeprefix("a ").removeprefix("the ").split()
            strange += words[-1] in grounding.STRANGERS
            if words[-1] in world.CLASSES:
                assert grounding.named(one, words[-1], words[0] if len(words) > 1 else None) == phrase.objects
            right, wrong = right + bool(phrase.objects), wrong + (not phrase.objects)
    assert right > 200 and wrong > right and strange > 10 and several > 150


def test_prompts_are_written_as_the_detector_reads_them() -> None:
    assert grounding.prompt_text([grounding.Phrase("a red heart"), grounding.Phrase("star")]) == "a red heart . star ."


def test_boxes_and_visible_masks_fit_the_pixels() -> None:
    below, above = obj("square", RED, 50), obj("circle", PURPLE, 70)
    whole = painting.render(scene(below, above))[1]
    seen = grounding.visible(whole)
    assert (
        np.allclose(seen[1], whole[1])
        and np.allclose(seen[0], whole[0] * (1 - whole[1]))
        and (seen.sum(0) <= 1.001).all()
    )
    left, top, right, bottom = grounding.box_of(whole[1])
    assert (left, top, right, bottom) == pytest.approx((46, 40, 94, 88), abs=1)
    inside = whole[1][int(top) : int(bottom), int(left) : int(right)]
    assert inside.sum() == pytest.approx(whole[1].sum(), rel=0.02)


def test_a_data_set_is_made_once_and_is_its_scenes(tmp_path: pathlib.Path) -> None:
    data = grounding.data_set(grounding.CHUNK, 9, tmp_path)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = grounding.data_set(grounding.CHUNK, 9, tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times and len(times) == 3
    assert again.scenes == data.scenes == grounding.scenes(grounding.CHUNK, 9)
    picture, masks = painting.render(data.scenes[17])
    assert (data.pictures[17] == picture).all()
    assert np.abs(data.masks[17, : len(masks)].astype(float) / 255 - grounding.visible(masks)).max() < 0.003
    assert {len(one.objects) for one in data.scenes} == {1, 2} and 60 < sum(
        len(one.objects) == 2 for one in data.scenes
    ) < 140


def test_pictures_of_different_seeds_differ() -> None:
    one, other = grounding.scenes(50, 5), grounding.scenes(50, 77)
    assert not set(map(repr, one)) & set(map(repr, other))
