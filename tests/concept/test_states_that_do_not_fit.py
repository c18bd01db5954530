"""A training's kept state that is damaged, hostile or of another training is refused, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from single_image_studio.concept.encoders import build_encoder
from single_image_studio.concept.kept_training import kept_steps
from single_image_studio.concept.lora import LoraSet
from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
from single_image_studio.concept.trainer import Trainer
from single_image_studio.concept.training import Stage1, Stage2
from single_image_studio.concept.training_state import Misfit, TrainingState, restore, state_of
from single_image_studio.support.finite import are_finite

from ..helpers.linear_model import SUBJECT, WIDTH, LinearModel


def a_trainer(**changes: Any) -> Trainer:
    settings = Stage2Settings(**({"steps": 8, "batch_size": 4, "seed": 3, "semantic_weight": 0.0} | changes))
    model = LinearModel()
    lora = LoraSet({"unet": model.unet, "text": model.text}, settings.rank, torch.Generator().manual_seed(3))
    encoder = build_encoder("none", WIDTH, 0, torch.ones(1, WIDTH))
    return Trainer(model, Stage2(model, encoder, lora, SUBJECT, settings), settings)


def a_state(**changes: Any) -> TrainingState:
    trainer = a_trainer(**changes)
    trained = kept_steps(trainer, None)
    for _ in range(3):
        next(trained)
    state = state_of(trainer)
    return TrainingState({name: value.clone() for name, value in state.tensors.items()}, dict(state.facts))


def hostile_states() -> Iterator[tuple[str, TrainingState]]:
    good = a_state()
    nan, changed = float("nan"), dict(good.tensors)

    def but(**tensors: Any) -> TrainingState:
        names = {"encoder": "module.encoder.embedding", "mean": "moment1.0", "square": "moment2.0"}
        put = {names.get(name, name): value for name, value in tensors.items()}
        return TrainingState({k: v for k, v in (changed | put).items() if v is not None}, good.facts)

    def with_facts(**facts: Any) -> TrainingState:
        return TrainingState(good.tensors, {k: v for k, v in (good.facts | facts).items() if v != "gone"})

    row = good.tensors["module.encoder.embedding"]
    yield "NaN", but(encoder=row * nan)
    yield "an infinite moment", but(mean=row / 0)
    yield "a huge number", but(encoder=row + 1e30)
    yield "a mean of squares below 0", but(square=row - 100)
    yield "another shape", but(encoder=torch.ones(2, WIDTH))
    yield "another dtype", but(encoder=row.half())
    yield "a tensor too few", but(mean=None)
    yield "a tensor too many", but(more=row)
    yield "updates below 0", but(updates=good.tensors["updates"] - 9)
    yield "more updates than steps", but(updates=good.tensors["updates"] + 9)
    yield "a generator of zeros", but(generator=torch.zeros_like(good.tensors["generator"]))
    yield "a generator of nothing", but(generator=torch.zeros(0, dtype=torch.uint8))
    yield "a history too short", but(**{"history.loss": torch.zeros(2, dtype=torch.float64)})
    yield "notes in rows", but(**{"notes.class_alone": torch.zeros(2, 2, dtype=torch.float64)})
    yield "notes without end", but(**{"notes.class_alone": torch.zeros(10_000, dtype=torch.float64)})
    yield "notes in float32", but(**{"notes.class_alone": torch.zeros(3)})
    for name, values in {
        "done": (0, -1, True, "3", 10**40, 2.0, None, "gone"),
        "terms": ([], ["loss"], [["loss"]], None, "loss", 5, ["loss", "what"], "gone"),
        "size": (0, 5, None, "gone"),
        "checkpointing": (1, "gone"),
        "overflows": (-1, "gone"),
        "has_learned": (None,),
        "moments_in_ram": (1, None),
        "scaler": (None, {"scale": 1.0}, [], "gone"),
        "computed": ("gone",),
    }.items():
        yield from ((f"{name} {value!r:.20}", with_facts(**{name: value})) for value in values)


HOSTILE = dict(hostile_states())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_state_that_cannot_be_is_refused_and_changes_nothing(name: str) -> None:
    trainer = a_trainer()
    before = state_of(trainer)
    kept = {key: value.clone() for key, value in before.tensors.items()}
    with pytest.raises(Misfit) as misfit:
        restore(trainer, HOSTILE[name])
    assert misfit.value.warned.id == "state_damaged"
    assert state_of(trainer).facts == before.facts
    assert all(torch.equal(value, kept[key]) for key, value in state_of(trainer).tensors.items())


@pytest.mark.parametrize(
    ("changes", "facts", "warning"),
    [
        ({"rank": 2}, {}, "state_damaged"),
        ({"steps": 2}, {}, "state_beyond_steps"),
        ({}, {"computed": "torch.float16 on cuda"}, "state_of_another_version"),
    ],
)
def test_a_state_of_another_training_is_told(changes: dict[str, Any], facts: dict[str, Any], warning: str) -> None:
    state = a_state()
    with pytest.raises(Misfit) as misfit:
        restore(a_trainer(**changes), TrainingState(state.tensors, state.facts | facts))
    assert misfit.value.warned.id == warning


def test_a_scale_that_cannot_be_is_refused() -> None:
    model = LinearModel(torch.float16)
    settings = Stage1Settings(class_word="thing", encoder="none", batch_size=4)
    encoder = build_encoder("none", WIDTH, 0, torch.ones(1, WIDTH))
    trainer = Trainer(model, Stage1(model, encoder, SUBJECT, settings), settings)
    next(trainer.steps())
    good = state_of(trainer)
    for scale in (0.0, -1.0, float("nan"), float("inf"), 2.0**80, "big", None):
        facts = good.facts | {"scaler": good.facts["scaler"] | {"scale": scale}}
        with pytest.raises(Misfit):
            restore(trainer, TrainingState(good.tensors, facts))
    restore(trainer, good)
    assert are_finite(*good.tensors.values())
