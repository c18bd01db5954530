"""Both stages on the demo model, cancelled as the host cancels: the same node goes on to the same bits."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from single_image_studio.support import warnings

MASK = torch.zeros(1, 64, 64)
MASK[:, 16:48, 16:48] = 1
PICTURE = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))
Learn = Callable[..., Any]


@pytest.fixture
def states(host: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder of its own, and every state worth keeping."""
    from single_image_studio.pipelines import learn_concept, resuming
    from single_image_studio.support.bounded_folder import BoundedFolder

    for name, value in {"EVERY": 0.0, "WORTH": 0.0, "SHARE": 1e9, "SHARE_AT_END": 1e9}.items():
        monkeypatch.setattr(resuming, name, value)
    folder = BoundedFolder(tmp_path / "states", most_files=4, most_bytes=2**30, days=7, left_free=0)
    monkeypatch.setattr(learn_concept, "training_states", lambda: folder)
    return folder.path


def reporter_that_cancels(at: int | None) -> Any:
    import comfy.model_management

    from single_image_studio.pipelines.reporter import Reporter

    class Cancelling(Reporter):
        def step(self, report: Any, picture: int = 1) -> None:
            comfy.model_management.interrupt_current_processing(report.step == at and not report.past)
            super().step(report, picture)

    return Cancelling("stage1")


@pytest.fixture
def learn(demo_model: Any) -> Learn:
    from single_image_studio.concept.settings import Stage1Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, learn_concept

    def run(origin: str | None = "graph", cancel: int | None = None, model: Any = demo_model, **changes: Any) -> Any:
        values = {"class_word": "heart", "steps": 5, "batch_size": 3, "encoder": "none", "learning_rate": 1e-2}
        settings = Stage1Settings(**(values | changes))
        return learn_concept(Checkpoint(*model), PICTURE, MASK, settings, reporter_that_cancels(cancel), origin)

    return run


@pytest.fixture
def tune(demo_model: Any) -> Learn:
    from single_image_studio.concept.settings import Stage2Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, tune_concept

    def run(concept: Any, origin: str | None = "graph", cancel: int | None = None, **changes: Any) -> Any:
        settings = Stage2Settings(**({"steps": 5, "batch_size": 2, "learning_rate": 1e-3} | changes))
        return tune_concept(Checkpoint(*demo_model), concept, settings, reporter_that_cancels(cancel), origin)

    return run


def cancelled(run: Learn, *args: Any, **named: Any) -> None:
    import comfy.model_management

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run(*args, **named)


def warned(run: Learn, *args: Any, **named: Any) -> tuple[Any, list[str]]:
    with warnings.collecting("test") as told:
        result = run(*args, **named)
    return result, [warning.id for warning in told if warning.id.startswith(("went", "state"))]


def bits(concept: Any) -> Any:
    return (
        concept.fingerprint(),
        list(concept.losses.items()),
        {k: v.tolist() for k, v in concept.encoder_state.items()},
    )


PACED = {"rate_schedule": "cosine", "timesteps": "stratified", "training_prompts": "* on a beach\n*"}


@pytest.mark.parametrize(("cancel", "changes"), [(1, {}), (4, PACED)])
def test_stage_1_goes_on(cancel: int, changes: dict[str, Any], learn: Learn, states: pathlib.Path) -> None:
    whole = bits(learn(origin=None, **changes))
    assert not states.exists()
    cancelled(learn, cancel=cancel, **changes)
    again, told = warned(learn, **changes)
    assert told == ["went_on"] and bits(again) == whole


@pytest.mark.parametrize(("cancel", "from_file"), [(1, False), (3, True)])
def test_stage_2_goes_on(cancel: int, from_file: bool, learn: Learn, tune: Learn, states: pathlib.Path) -> None:
    import dataclasses

    concept = learn(origin=None, steps=1)
    if from_file:
        concept = dataclasses.replace(concept, encoder_state=None)
    whole = bits(tune(concept, origin=None))
    cancelled(tune, concept, cancel=cancel)
    again, told = warned(tune, concept)
    assert told == ["went_on"] and bits(again) == whole


def test_other_models_begin_anew(learn: Learn, demo_model: Any, states: pathlib.Path) -> None:
    """Told by their weights and LoRAs, whatever the graph says; what another clone has on them is nothing to it."""
    import comfy.model_management

    model, clip, vae = demo_model
    with_lora, key = model.clone(), "diffusion_model.out.2.weight"
    with_lora.add_patches({key: ("diff", (torch.ones_like(model.model.state_dict()[key]),))}, 0.01)
    learn(steps=1)
    _, anew = warned(learn, steps=1, model=(with_lora, clip, vae))
    with torch.inference_mode():
        comfy.model_management.load_models_gpu([with_lora])
        _, same = warned(learn, steps=1)
    assert (anew, same) == ([], ["went_on"])


def test_a_folder_that_cannot_be_written_costs_nothing(learn: Learn, states: pathlib.Path) -> None:
    states.write_text("in its place")
    concept, told = warned(learn)
    assert told == ["state_not_kept"] and len(concept.losses["stage1"]["loss"]) == 5


def test_a_damaged_state_costs_nothing(learn: Learn, states: pathlib.Path) -> None:
    whole = bits(learn(origin=None))
    cancelled(learn, cancel=3)
    (file,) = states.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    concept, told = warned(learn)
    assert told == ["state_damaged"] and bits(concept) == whole


def test_the_folder_is_not_one_that_the_host_empties(host: pathlib.Path) -> None:
    import folder_paths

    from single_image_studio.host.folders import training_states

    folder = training_states().path
    assert folder.is_relative_to(host / "models")
    assert not folder.is_relative_to(folder_paths.get_temp_directory())
    listed = [path for paths, _ in folder_paths.folder_names_and_paths.values() for path in paths]
    assert not [path for path in listed if folder.is_relative_to(path)]  # nor lists, nor hashes


def test_models_that_cannot_be_told_apart_cost_nothing(
    learn: Learn, states: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from single_image_studio.host import identity

    monkeypatch.setattr(identity, "samples", lambda _: 1 / 0)
    concept, told = warned(learn, steps=1)
    assert told == ["state_not_kept"] and len(concept.losses["stage1"]["loss"]) == 1
