"""Each step has exactly one prompt on the host's samplers, whatever the number of steps."""

from __future__ import annotations

import pytest

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.ranges import split_range, step_ranges, stock_start

COUNTS = [1, 2, 4, 7, 20, 30, 50, 100, 333, 999]


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("steps", COUNTS)
def test_ranges_touch_and_cover_everything(steps: int, offset: int) -> None:
    ranges = step_ranges(DDIMSchedule(steps, offset))
    assert len(ranges) == steps and ranges[0][0] == 0.0 and ranges[-1][1] == 1.0
    assert all(a[1] == b[0] for a, b in zip(ranges, ranges[1:], strict=False))
    assert all(start < end for start, end in ranges)


@pytest.mark.parametrize("steps", COUNTS)
def test_every_whole_timestep_has_one_range_on_the_host(demo_model, steps: int) -> None:
    """Not one on an edge, where the host would mix two prompts, and none without."""
    sampling = demo_model[0].get_model_object("model_sampling")
    schedule = DDIMSchedule(steps)
    edges = [(sampling.percent_to_sigma(start), sampling.percent_to_sigma(end)) for start, end in step_ranges(schedule)]
    sigmas = [float(s) for s in sampling.sigmas]
    for sigma in [*sigmas, 0.0]:
        active = [i for i, (start, end) in enumerate(edges) if end <= sigma <= start]  # the host's own rule
        assert len(active) == 1, sigma
    for step, timestep in enumerate(schedule.timesteps):
        assert [i for i, (start, end) in enumerate(edges) if end <= sigmas[timestep] <= start] == [step]


@pytest.mark.parametrize(
    "scheduler", ["ddim_uniform", "normal", "simple", "sgm_uniform", "karras", "exponential", "beta"]
)
@pytest.mark.parametrize("steps", [4, 7, 20, 30, 50, 100])
def test_stock_schedules_always_have_one_prompt(demo_model, scheduler: str, steps: int) -> None:
    import comfy.samplers

    sampling = demo_model[0].get_model_object("model_sampling")
    edges = [
        (sampling.percent_to_sigma(start), sampling.percent_to_sigma(end))
        for start, end in step_ranges(DDIMSchedule(steps))
    ]
    for sigma in comfy.samplers.calculate_sigmas(sampling, scheduler, steps).tolist():
        assert sum(end <= sigma <= start for start, end in edges) == 1


def test_splitting() -> None:
    schedule = DDIMSchedule(50)
    assert split_range(schedule, 0) == (None, (0.0, 1.0)) and split_range(schedule, 50) == ((0.0, 1.0), None)
    first, rest = split_range(schedule, 10)
    assert first is not None and rest is not None and first[1] == rest[0] == step_ranges(schedule)[10][0]


@pytest.mark.parametrize("steps", range(5, 151))
def test_where_a_stock_sampler_starts(host: object, steps: int) -> None:
    """The host's own ddim_uniform from there on: our timesteps, each at its own noise level, then no noise."""
    import comfy.model_sampling
    import comfy.samplers
    import torch

    sampling = comfy.model_sampling.ModelSamplingDiscrete()
    schedule = DDIMSchedule(steps)
    sigmas = comfy.samplers.ddim_scheduler(sampling, steps)[stock_start(schedule) :]
    assert len(sigmas) == steps + 1
    torch.testing.assert_close(sigmas[:-1], sampling.sigmas[torch.tensor(schedule.timesteps)].float())
