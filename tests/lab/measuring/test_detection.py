"""The detection report's questions and verdicts, on answers whose truth is known, and the shipped models through the
node's own code."""

from __future__ import annotations

import argparse
import pathlib

import numpy as np
import pytest

from lab.measuring import detection
from lab.world import grounding

SHIPPED = all(
    (detection.FOLDER / kind / name).is_dir()
    for kind, name in (("grounding-dino", detection.DETECTOR), ("sams", detection.SEGMENTER))
)


def answer(mask: np.ndarray, score: float = 0.9) -> detection.Answer:
    return detection.Answer((mask > 0.5).astype(np.float32), score, np.zeros((128, 128, 3), np.uint8))


@pytest.fixture(scope="module")
def questions() -> list[detection.Question]:
    return detection.questions(30)


def perfect(question: detection.Question) -> detection.Answer:
    return answer(question.wanted[0] if question.wanted else np.zeros((128, 128)))


def test_every_kind_is_asked_of_pictures_that_training_never_saw(questions) -> None:
    kinds = [question.kind for question in questions]
    assert kinds.count(detection.CLASS) == kinds.count(detection.WRONG_CLASS) == kinds.count(detection.STRANGE) == 30
    assert set(kinds) == {*detection.TRUE, *detection.FALSE}
    known = {repr(scene) for seed in (5, 6) for scene in grounding.scenes(400, seed)}
    assert not {repr(question.scene) for question in questions} & known
    for question in questions:
        words = question.prompt.split()
        there = {obj.cls for obj in question.scene.objects}
        assert (words[-1] in there) == (question.kind not in (detection.WRONG_CLASS, detection.STRANGE))
        assert bool(question.wanted) == (question.kind in detection.TRUE)


def test_true_masks_are_right_and_nothing_is_right_where_nothing_is(questions) -> None:
    verdicts = [detection.judge(question, perfect(question)) for question in questions]
    assert all(verdict.right for verdict in verdicts)
    assert all(verdict.iou > 0.9 for question, verdict in zip(questions, verdicts) if question.wanted)
    outlines = [
        verdict.outline
        for question, verdict in zip(questions, verdicts)
        if question.kind in (detection.CLASS, detection.COLOR)
    ]
    assert np.mean(outlines) > 0.9  # an object that another one hides in part may look like none


def test_wrong_masks_are_wrong(questions) -> None:
    nothing, everything = answer(np.zeros((128, 128)), 0.0), answer(np.ones((128, 128)))
    for question in questions:
        assert detection.judge(question, nothing).right == (not question.wanted)
        assert not detection.judge(question, everything).right
        if question.kind == detection.BOTH:
            parts = grounding.visible(detection.painting.render(question.scene)[1])
            assert (
                not detection.judge(question, answer(parts[0])).right
                and not detection.judge(question, answer(parts[1])).right
            )
        elif len(question.wanted) == 1 and len(question.scene.objects) == 2:
            other = next(
                part
                for part in grounding.visible(detection.painting.render(question.scene)[1])
                if np.abs(part - question.wanted[0]).max() > 0.5
            )
            assert not detection.judge(question, answer(other)).right


def test_the_report_names_what_was_missed(questions, tmp_path: pathlib.Path) -> None:
    answers = [
        answer(np.zeros((128, 128)), 0.0) if question.kind == detection.COLOR else perfect(question)
        for question in questions
    ]
    verdicts = [detection.judge(question, one) for question, one in zip(questions, answers)]
    (tmp_path / "sams" / "a").mkdir(parents=True)
    (tmp_path / "sams" / "a" / "model.safetensors").write_bytes(b"0" * 2_000_000)
    args = argparse.Namespace(weights=tmp_path, pictures=30, seed=detection.SEED, out=tmp_path / "DETECTION.md")
    text = detection.report(questions, verdicts, args, 3.0)
    assert (
        text.count("**missed**") == 1
        and "| class | 30 | 100.0% |" in text
        and "| absent class | 30 | 100.0% |" in text
        and "a 2.0 MB" in text
    )
    assert "| absent colour | 30 | 100.0% | 89% to 100% | 80% | met |" in text
    ignored = [
        detection.Verdict(question.kind != detection.WRONG_COLOR and one.right, one.iou)
        for question, one in zip(questions, verdicts)
    ]
    assert "| absent colour | 30 | 0.0% | 0% to 11% | 80% | **missed** |" in detection.report(
        questions, ignored, args, 3.0
    )
    assert "(detection.jpg)" in text
    assert detection.sheet(questions, answers, verdicts).size[0] > 8 * 128


@pytest.mark.skipif(not SHIPPED, reason="the demo's detector and segmenter are being trained")
def test_the_shipped_models_reach_their_goals_on_a_few_pictures(host) -> None:
    some = [question for question in detection.questions(24, seed=79) if question.kind in detection.GOALS]
    verdicts = [detection.judge(question, one) for question, one in zip(some, detection.ask(some))]
    for kind in detection.GOALS:
        right = [verdict.right for question, verdict in zip(some, verdicts) if question.kind == kind]
        assert np.mean(right) >= 0.75, kind  # more on hundreds; so few may have bad luck
    assert np.mean([v.iou for q, v in zip(some, verdicts) if q.wanted and v.right]) >= 0.85
