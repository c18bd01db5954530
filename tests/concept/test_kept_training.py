"""A training that stops and goes on ends with the bits of one that never stopped, and takes no state but its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from single_image_studio.concept import trainer
from single_image_studio.concept import training as stages
from single_image_studio.concept.encoders import build_encoder, resume_encoder
from single_image_studio.concept.lora import LoraSet
from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
from single_image_studio.concept.training import Trained
from single_image_studio.concept.training_state import TrainingState
from single_image_studio.diffusion.report import StepReport, Steps
from single_image_studio.support.errors import InputError

from ..helpers.linear_model import PIXELS, SUBJECT, WIDTH, LinearModel, followed

Start = Callable[..., Steps[Trained]]


class Shelf:
    """A keeper that keeps a copy of the state after every step, as a file would."""

    def __init__(self, state: TrainingState | None = None) -> None:
        self.state = state
        self.ends = 0

    def go_on(self, restore: Callable[[TrainingState], None]) -> None:
        if self.state is not None:
            restore(self.state)

    def passed(self, take: Callable[[], TrainingState]) -> None: ...

    def ended(self, take: Callable[[], TrainingState]) -> None:
        self.ends += 1
        state = take()
        self.state = TrainingState({name: value.clone() for name, value in state.tensors.items()}, dict(state.facts))


def first(model: LinearModel, keeper: Shelf | None = None, kind: str = "none", **changes: Any) -> Steps[Trained]:
    values = {"class_word": "thing", "steps": 8, "batch_size": 4, "learning_rate": 0.05, "seed": 3, "encoder": kind}
    settings = Stage1Settings(**(values | changes))
    encoder = build_encoder(kind, WIDTH, settings.seed, torch.full((1, WIDTH), 3.0))
    return stages.train_stage1(model, encoder, SUBJECT, settings, keeper)


def second(model: LinearModel, keeper: Shelf | None = None, kind: str = "none", **changes: Any) -> Steps[Trained]:
    values = {"steps": 8, "batch_size": 4, "learning_rate": 0.005, "seed": 3}
    settings = Stage2Settings(**(values | changes))
    start = torch.full((1, WIDTH), 0.5)
    encoder = resume_encoder(build_encoder(kind, WIDTH, 1, start), None, start, PIXELS)
    generator = torch.Generator().manual_seed(settings.seed)
    lora = LoraSet({"unet": model.unet, "text": model.text}, settings.rank, generator, settings.lora_basis != "trained")
    return stages.train_stage2(model, encoder, lora, SUBJECT, settings, keeper)


def stopped(algorithm: Steps[Any], after: int) -> None:
    """Takes so many steps, and leaves the training as a cancel does."""
    for _ in range(after):
        next(algorithm)
    algorithm.close()


def bits_of(trained: Trained) -> tuple[Any, ...]:
    tensors = {"embedding": trained.embedding, **trained.encoder_state, **trained.lora}
    bits = {name: value.numpy().tobytes() for name, value in tensors.items()}
    return list(trained.losses.items()), trained.class_alone, bits


WAYS: dict[str, tuple[Start, dict[str, Any]]] = {
    "stage 1": (first, {}),
    "cosine and strata": (first, {"rate_schedule": "cosine", "timesteps": "stratified"}),
    "prompts": (first, {"training_prompts": "*\n* at sea"}),
    "stage 2": (second, {}),
    "a fixed basis": (second, {"lora_basis": "orthogonal"}),
    "frozen text, no class word": (second, {"class_text_encoder": "frozen", "semantic_weight": 0.0}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("after", [1, 4])
def test_it_goes_on_to_the_bits_of_one_that_never_stopped(way: str, after: int) -> None:
    start, changes = WAYS[way]
    whole = bits_of(followed(start(LinearModel(), **changes), None))
    shelf = Shelf()
    stopped(start(LinearModel(), shelf, **changes), after)
    assert bits_of(followed(start(LinearModel(), Shelf(shelf.state), **changes), None)) == whole


def test_it_may_be_stopped_again_and_again() -> None:
    shelf = Shelf()
    for _ in range(7):
        training = second(LinearModel(), shelf)
        while next(training).past:
            pass
        training.close()
    assert shelf.ends == 7
    assert bits_of(followed(second(LinearModel(), shelf), None)) == bits_of(followed(second(LinearModel()), None))


@pytest.mark.parametrize(("start", "kind"), [(first, "cnn"), (second, "cnn")])
def test_image_encoders_go_on_too(start: Start, kind: str) -> None:
    """At its size, 12 million weights; Stage II's is anchored."""
    changes = {"kind": kind, "steps": 2, "learning_rate": 1e-4}
    whole = bits_of(followed(start(LinearModel(), **changes), None))
    shelf = Shelf()
    stopped(start(LinearModel(), shelf, **changes), 1)
    assert bits_of(followed(start(LinearModel(), Shelf(shelf.state), **changes), None)) == whole


def test_means_that_left_the_device_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a state that does not tell, as those of before, goes on too."""
    monkeypatch.setattr(trainer, "WORTH_MOVING", 1)

    def model() -> LinearModel:
        made = LinearModel()
        made.room = 0
        return made

    whole, shelf = bits_of(followed(second(model()), None)), Shelf()
    stopped(second(model(), shelf), 3)
    assert shelf.state is not None and shelf.state.facts["moments_in_ram"]
    silent = TrainingState(
        {name: value.clone() for name, value in shelf.state.tensors.items()},
        {name: value for name, value in shelf.state.facts.items() if name != "moments_in_ram"},
    )
    went_on = Shelf(shelf.state)
    assert bits_of(followed(second(LinearModel(), went_on), None)) == whole
    assert went_on.state is not None and went_on.state.facts["moments_in_ram"]
    assert bits_of(followed(second(LinearModel(), Shelf(silent)), None)) == whole


def test_half_precision_goes_on_with_its_scale() -> None:
    """All its steps overflow here: each is skipped, and halves the scale. The 13th in a row ends the training."""

    def started(keeper: Shelf) -> Steps[Trained]:
        model = LinearModel(torch.float16)
        model.unet.weight.mul_(1e30)  # no loss is finite
        return first(model, keeper, steps=20)

    shelf = Shelf()
    stopped(started(shelf), 5)
    assert shelf.state is not None and shelf.state.facts["overflows"] == 5
    assert shelf.state.facts["scaler"]["scale"] == 2.0**11
    reports: list[StepReport] = []
    with pytest.raises(InputError, match="gradients"):
        followed(started(shelf), reports)
    assert len(reports) == 12 and not math.isfinite(reports[0].losses["loss"])


def test_micro_batches_stay_as_small_as_they_had_become() -> None:
    def model(fails: int | None) -> LinearModel:
        made = LinearModel()
        made.fail_over = fails
        return made

    whole = bits_of(followed(first(model(2)), None))
    shelf = Shelf()
    stopped(first(model(2), shelf), 3)
    later = LinearModel()  # with memory enough, which changes nothing
    assert bits_of(followed(first(later, shelf), None)) == whole
    assert max(later.calls) == 2


def test_more_steps_go_on_from_a_finished_training() -> None:
    shelf = Shelf()
    followed(second(LinearModel(), shelf, steps=5), None)
    longer = bits_of(followed(second(LinearModel(), Shelf(shelf.state), steps=8), None))
    assert longer == bits_of(followed(second(LinearModel(), steps=8), None))


def test_a_finished_training_has_its_result_again_without_a_step() -> None:
    shelf = Shelf()
    whole = bits_of(followed(second(LinearModel(), shelf), None))
    model = LinearModel()
    assert bits_of(followed(second(model, shelf), None)) == whole
    assert not model.calls and shelf.ends == 1


def test_past_steps_are_told_with_their_losses() -> None:
    shelf, reports = Shelf(), []
    stopped(first(LinearModel(), shelf), 3)
    trained = followed(first(LinearModel(), shelf), reports)
    assert [report.past for report in reports] == [True] * 3 + [False] * 5
    assert [report.step for report in reports] == list(range(1, 9))
    assert [report.losses["loss"] for report in reports] == trained.losses["loss"]


class Interrupted(Exception):
    pass


def test_a_step_that_is_cancelled_half_way_is_taken_anew() -> None:
    """The model asks for a cancel at each evaluation: by then the step's noise is drawn."""
    model = LinearModel()
    predict = model.predict_x0

    def cancelled(*args: Any) -> Any:
        if len(model.calls) >= 7:  # the second evaluation of the fourth step
            raise Interrupted
        return predict(*args)

    model.predict_x0 = cancelled
    shelf = Shelf()
    with pytest.raises(Interrupted):
        followed(first(model, shelf), None)
    assert shelf.state is not None and shelf.state.facts["done"] == 3
    assert bits_of(followed(first(LinearModel(), shelf), None)) == bits_of(followed(first(LinearModel()), None))


def test_an_update_that_breaks_half_way_is_never_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    step = torch.optim.AdamW.step

    def broken(optimizer: torch.optim.AdamW, closure: None = None) -> None:
        step(optimizer, closure)
        raise Interrupted

    training = first(LinearModel(), shelf)
    next(training)
    monkeypatch.setattr(torch.optim.AdamW, "step", broken)
    with pytest.raises(Interrupted):
        next(training)
    assert shelf.state is None


def test_reports_of_a_kept_training_are_those_of_one_that_is_not() -> None:
    plain: list[StepReport] = []
    kept: list[StepReport] = []
    followed(first(LinearModel()), plain)
    followed(first(LinearModel(), Shelf()), kept)
    assert [report.losses for report in plain] == [report.losses for report in kept]


def test_the_state_of_another_encoder_is_refused_in_a_sentence() -> None:
    start = torch.zeros(1, WIDTH)
    encoder = build_encoder("cnn", WIDTH, 1, start)
    with pytest.raises(InputError, match="^the concept's image encoder has not the weights that its settings name"):
        resume_encoder(encoder, {"other": torch.zeros(3)}, start, PIXELS)
