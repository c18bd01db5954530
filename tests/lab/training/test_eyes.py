"""The detector's eyes: their labels against hand-made ones, what their loss asks for, and steps that learn."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from lab.training import detector, eyes
from lab.world import grounding, world

pytestmark = pytest.mark.slow  # trains and draws pictures


def test_labels_of_every_place() -> None:
    """A red heart, and a star that may be called by two colours and nearly by a third."""
    colors = dict(world.COLORS)
    between = tuple((one + other) // 2 for one, other in zip(colors["orange"], colors["yellow"]))
    heart = world.Object("heart", 37, 64, 24, 0.0, "plain", colors["red"], (0, 0, 0), 0.0)
    star = world.Object("star", 91, 64, 24, 0.0, "stripes", colors["blue"], between, 0.0)
    scene = world.Scene((245, 245, 245), (heart, star), "")
    _, masks = grounding.render_all([scene])
    labels = eyes.labels_of([scene], masks)
    assert labels.classes.shape == (1, 8, 8) and labels.called.shape == (1, 10, 8, 8)
    names = list(world.COLORS)
    for number, obj in enumerate((heart, star)):
        places = labels.classes[0] == world.CLASSES.index(obj.cls)
        assert 2 <= places.sum() <= 12 and places[:, (4, 0)[number] :][:, :4].sum() == 0
        wanted = [{True: 1.0, False: 0.0, None: -1.0}[grounding.is_called(obj, name)] for name in names]
        told = labels.called[0][:, places].nan_to_num(-1.0)
        assert told.tolist() == [[value] * int(places.sum()) for value in wanted]
        assert torch.allclose(labels.boxes[0][:, places].T, torch.tensor(detector.relative_box(masks[0, number])))
    assert (labels.covered == (labels.classes != eyes.NOTHING)).all() and not labels.covered.all()
    assert labels.called[0, names.index("red")].max() == 1 and labels.called[0].isnan().any()


def test_the_eyes_loss_asks_for_all_that_it_names(data, model) -> None:
    """Right readings cost next to nothing; a wrong class, colour or box, and a change of what is shown, each cost."""
    learner = eyes.Eyes(model)
    labels = eyes.labels_of(data.scenes[:4], np.asarray(data.masks[:4]))
    projected = torch.randn(4, detector.WIDTH, detector.PLACES, detector.PLACES)
    classes = torch.nn.functional.one_hot(labels.classes, eyes.NOTHING + 1).movedim(-1, 1).float()
    right = [40 * classes - 20, 40 * labels.called.nan_to_num(0.5) - 20, labels.boxes]

    def cost(readings: list[torch.Tensor], before: torch.Tensor | None = None) -> float:
        learner.read = lambda _: readings  # type: ignore[method-assign,assignment,return-value]
        return float(eyes.eyes_loss(learner, projected, labels, before))

    assert cost(right) < 1e-4 and cost(right, projected) < 1e-4
    assert cost(right, projected + 1) == pytest.approx(eyes.KEPT, abs=1e-4)
    for i in range(3):
        assert cost([-reading if k == i else reading for k, reading in enumerate(right)]) > 0.5
    unsure = [right[0], torch.where(labels.called.isnan(), -right[1] + 9, right[1]), right[2]]
    assert cost(unsure) == cost(right)


def test_the_eyes_learn_and_fit_the_detector(data, model) -> None:
    learner = eyes.Eyes(model)
    before = copy.deepcopy(learner)
    shown = detector.pixel_values(data.pictures[:2])
    with torch.no_grad():  # the same eyes, and the detector's normalisation is theirs at rest
        assert torch.allclose(_shown_by(model, shown), learner.eval()(shown), atol=1e-5)
    eyes.train_eyes(learner.train(), data, data, 12, 8, seed=0, keep=True)
    assert learner.training
    learner.give(model)
    with torch.no_grad():
        given = _shown_by(model, shown)
        assert torch.allclose(given, learner.eval()(shown), atol=1e-4)
        assert not torch.allclose(given, before.eval()(shown), atol=1e-2)
        labels = eyes.labels_of(data.scenes[:40], np.asarray(data.masks[:40]))
        pictures = detector.pixel_values(data.pictures[:40])
        losses = [float(eyes.eyes_loss(some.train(), some(pictures), labels)) for some in (before, learner)]
    assert losses[1] < 0.7 * losses[0]
    assert all(0 <= share <= 1 for share in eyes.told_right(learner, data))


def _shown_by(model: detector.GroundingDinoForObjectDetection, shown: torch.Tensor) -> torch.Tensor:
    """What a detector's encoder gets of the pictures."""
    features = model.model.backbone.conv_encoder.model.eval()(shown).feature_maps[0]
    return model.model.input_proj_vision[0](features)
