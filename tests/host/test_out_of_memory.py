"""Running out of memory is known by whatever says so, and costs no training."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch

from single_image_studio.support import warnings
from single_image_studio.support.errors import InputError
from single_image_studio.support.out_of_memory import ran_out_of_memory
from single_image_studio.support.warnings import Warned

from ..helpers.linear_model import LinearModel, stage1

ALLOCATORS = [
    "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
    "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
    "MPS backend out of memory (MPS allocated: 17.94 GB, other allocations: 1.40 GB, max allowed: 18.13 GB).",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
]


@pytest.mark.parametrize("said", ALLOCATORS)
def test_each_allocator_is_understood(said: str) -> None:
    assert ran_out_of_memory(RuntimeError(said))
    assert not ran_out_of_memory(ValueError(said)) and not ran_out_of_memory(RuntimeError("size mismatch"))


def test_this_machine_s_own_words_are_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert ran_out_of_memory(caught.value)


class Short(LinearModel):
    """Runs out of memory as the CPU's allocator says it, as long as more than one sample is computed at once."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.out_of_memory = (RuntimeError,)
        self.said = said

    def predict_x0(self, latents: Any, timesteps: Any, context: Any) -> Any:
        if len(latents) > 1:
            raise RuntimeError(self.said)
        return super().predict_x0(latents, timesteps, context)


def test_training_goes_on_in_micro_batches() -> None:
    assert torch.allclose(stage1(Short(ALLOCATORS[0])).embedding, stage1(LinearModel()).embedding, atol=1e-4)


class Full(Short):
    """Has no room even for one sample."""

    def predict_x0(self, latents: Any, timesteps: Any, context: Any) -> Any:
        raise RuntimeError(self.said)


def test_the_last_advice_names_the_input_that_saves_most() -> None:
    with pytest.raises(InputError, match="`encoder` of Stage I to cnn or none"):
        stage1(Full(ALLOCATORS[0]))


def test_another_error_is_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        stage1(Short("size mismatch"))


@pytest.fixture
def optimiser_runs_out_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with a number: the optimiser's step of that number fails before it has changed anything."""

    def at(number: int) -> None:
        real, calls = torch.optim.AdamW.step, []

        def step(self: Any, *values: Any, **named: Any) -> Any:
            calls.append(1)
            if len(calls) == number:
                for parameter in self.param_groups[0]["params"]:
                    self.state[parameter]["step"] = torch.tensor(0.0)  # as a state that was half made
                    break
                raise RuntimeError(ALLOCATORS[0])
            return real(self, *values, **named)

        monkeypatch.setattr(torch.optim.AdamW, "step", step)

    return at


def test_the_optimiser_s_first_step_costs_nothing(optimiser_runs_out_at: Any) -> None:
    expected, model = stage1(LinearModel()).embedding, LinearModel()
    model.out_of_memory = (RuntimeError,)
    optimiser_runs_out_at(1)
    assert torch.equal(stage1(model).embedding, expected)


def test_a_later_step_of_the_optimiser_loses_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, model = stage1(LinearModel(), steps=3).embedding, LinearModel()
    model.out_of_memory = (RuntimeError,)
    real, calls = torch.optim.AdamW.step, []

    def step(self: Any, *values: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError(ALLOCATORS[0])
        return real(self, *values, **named)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with warnings.collecting("Stage I") as warned:
        found = stage1(model, steps=3).embedding
    assert torch.allclose(found, expected, atol=1e-6) and warned == [Warned("optimiser_memory", {"step": 2})]


class TiledVae:
    """A VAE that the host encodes in tiles for as many times as it is told."""

    def __init__(self, tiled: int) -> None:
        self.first_stage_model = types.SimpleNamespace(regularization=torch.nn.Identity())
        self.tiled = tiled

    def encode(self, _: Any) -> torch.Tensor:
        if self.tiled:
            self.tiled -= 1
            for _ in range(3):
                self.first_stage_model.regularization(torch.zeros(1, 8, 4, 4))
        else:
            self.first_stage_model.regularization(torch.zeros(1, 8, 8, 8))
        return torch.zeros(1, 4, 8, 8)


def test_a_vae_that_was_tiled_is_asked_again_with_all_memory(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management

    from single_image_studio.host.vae import posterior

    unloaded: list[int] = []
    monkeypatch.setattr(comfy.model_management, "unload_all_models", lambda: unloaded.append(1))
    with warnings.collecting("Stage I") as warned:
        assert posterior(TiledVae(0), torch.zeros(1, 64, 64, 3)).std is not None and not unloaded
        assert posterior(TiledVae(1), torch.zeros(1, 64, 64, 3)).std is not None and len(unloaded) == 1
    assert not warned
    with warnings.collecting("Stage I") as warned:
        assert posterior(TiledVae(2), torch.zeros(1, 64, 64, 3)).std is None
    assert warned == [Warned("vae_in_tiles")]


def test_a_node_says_it_in_a_sentence(host: Any) -> None:
    from single_image_studio.nodes.schema import _within_memory

    def full() -> Any:
        raise RuntimeError(ALLOCATORS[0])

    with pytest.raises(InputError, match="^memory ran out: use a smaller picture"):
        _within_memory(full)

    def other() -> Any:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        _within_memory(other)


def test_a_network_s_loading_can_be_cancelled(host: Any) -> None:
    import comfy.model_management

    from single_image_studio.host.networks import cancellable_loading
    from single_image_studio.host.progress import CANCELLED

    def load() -> None:
        try:
            torch.nn.Sequential(torch.nn.Linear(2, 2))
        except Exception as error:  # as loaders do
            raise InputError("the file is damaged") from error

    with pytest.raises(CANCELLED), cancellable_loading():
        comfy.model_management.interrupt_current_processing(True)
        load()
    with cancellable_loading():
        load()
