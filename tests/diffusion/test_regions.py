"""Regions found in attention, against pictures drawn by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.regions import FirstSteps, find_regions, grid_of


def blob(x: int, y: int, size: float = 2.5, side: int = 16) -> Tensor:
    """A spot of attention around a place."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * size**2))


def test_first_steps_are_by_noise_level() -> None:
    sigmas = [14.6, 11.0, 8.4, 6.4, 4.9, 3.7, 2.8, 2.1, 1.4, 0.7, 0.0]
    steps = FirstSteps.of(sigmas)
    assert (steps.begin, steps.end) == (8.4, 2.1)  # from the third step on, until the layout stands
    assert [s for s in sigmas if steps.averaged(s)] == [8.4, 6.4, 4.9, 3.7, 2.8]
    assert steps.over(2.1) and not steps.over(2.5) and steps.begins(11.0) and not steps.begins(8.4)
    assert steps.averaged(2.5)  # a sampler's evaluation within a step
    assert FirstSteps.of(sigmas[:4]) == FirstSteps(8.4, 6.4)  # a first stage, which leaves its noise
    assert FirstSteps.of(sigmas[7:]) == FirstSteps(2.1, 1.4)  # a second one, whose layout stands
    assert FirstSteps.of([1.0]) == FirstSteps(1.0, 1.0)


@pytest.mark.parametrize("scheduler", ["ddim_uniform", "normal", "karras", "sgm_uniform", "simple"])
def test_they_are_two_fifths_of_a_whole_run(host: Any, scheduler: str) -> None:
    import comfy.model_sampling
    import comfy.samplers

    sampling = comfy.model_sampling.ModelSamplingDiscrete()
    for steps in (20, 25, 30, 50):
        sigmas = comfy.samplers.calculate_sigmas(sampling, scheduler, steps).tolist()
        assert sigmas.index(FirstSteps.of(sigmas).end) == round(0.4 * (len(sigmas) - 1))


def test_each_concept_gets_its_own_place() -> None:
    maps = torch.stack([blob(4, 8) + 0.1, blob(11, 8) + 0.1])[None]
    one, two = find_regions(maps, 2)[0]
    assert one[8, 4] == 1 and two[8, 11] == 1
    assert one[8, 11] == 0 and two[8, 4] == 0
    assert (one * two).sum() <= 16  # grown by one, they overlap by a seam at most


def test_a_neighbour_in_plain_words_keeps_its_place() -> None:
    """The phrase attends to the neighbour too, more than to the background; but less than the neighbour's word."""
    phrase = blob(4, 8) + 0.6 * blob(11, 8) + 0.1
    neighbour = blob(11, 8) + 0.1
    alone, beside = (find_regions(torch.stack(maps)[None], 1)[0, 0] for maps in ([phrase], [phrase, neighbour]))
    assert alone[8, 11] == 1
    assert beside[8, 11] == 0 and beside[8, 4] == 1


def test_words_that_attend_everywhere_or_to_the_concept_itself_take_nothing() -> None:
    phrase = blob(4, 8) + 0.1
    everywhere = torch.full((16, 16), 0.5) + 0.01 * blob(4, 8)
    adjective = blob(5, 8) + 0.05
    part = blob(4, 9, size=0.8)  # a mouth in a face
    alone = find_regions(phrase[None, None], 1)
    assert torch.equal(find_regions(torch.stack([phrase, everywhere, adjective, part])[None], 1), alone)


def test_what_is_not_in_the_prompt_is_nowhere() -> None:
    maps = torch.stack([blob(4, 8), torch.zeros(16, 16)])[None]
    assert not find_regions(maps, 2)[0, 1].any()


def test_the_grid_is_no_finer_than_attention() -> None:
    assert grid_of(16, 16) == (16, 16)
    assert grid_of(64, 96) == (22, 32)
    assert grid_of(64, 64) == (32, 32)
