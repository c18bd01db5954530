"""Settings and parts that cannot be make no inversion, and one sentence names them."""

from __future__ import annotations

import math

import pytest
import torch

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.data import Inversion
from single_image_studio.inversion.methods import InversionSettings
from single_image_studio.inversion.null_text import NullTextSettings
from single_image_studio.inversion.text_optimization import TextOptimizationSettings
from single_image_studio.support.errors import InputError

from ..helpers.toy import picture, prompt

SCHEDULE = DDIMSchedule(20)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"inner_steps": 0}, "`inner_steps`"),
        ({"inner_steps": 2**31}, "`inner_steps`"),  # a seed wired into it
        ({"learning_rate": 0.0}, "`learning_rate`"),
        ({"learning_rate": math.nan}, "`learning_rate`"),
        ({"tolerance": -1.0}, "`tolerance`"),
        ({"tolerance": math.nan}, "`tolerance`"),
    ],
)
def test_impossible_null_text_settings(change, named: str) -> None:
    with pytest.raises(InputError, match=named):
        NullTextSettings(**change)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"method": "magic"}, "`method`"), ({"guidance_scale": -1.0}, "`cfg`"), ({"guidance_scale": math.nan}, "`cfg`")],
)
def test_impossible_inversion_settings(change, named: str) -> None:
    with pytest.raises(InputError, match=named):
        InversionSettings(**change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": -1}, "`steps`"),
        ({"steps": 2**31}, "`steps`"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"learning_rate": 0.0}, "`learning_rate`"),
    ],
)
def test_impossible_text_optimisation_settings(change, named: str) -> None:
    with pytest.raises(InputError, match=named):
        TextOptimizationSettings(**change)


def test_parts_that_do_not_fit_make_no_inversion() -> None:
    good = {
        "method": "ddim",
        "schedule": SCHEDULE,
        "guidance_scale": 1.0,
        "noise_latents": picture(),
        "noise_alpha_bar": 0.01,
        "uncond_embeds": prompt(1).context[None],
    }
    Inversion(**good)  # type: ignore[arg-type]
    for change in (
        {"method": "x"},
        {"noise_latents": torch.zeros(1, 16, 2, 2)},
        {"uncond_embeds": torch.zeros(3, 1, 5, 6)},
        {"offsets": torch.zeros(2, 1, 4, 3, 5)},
        {"base_model": "\ud800"},  # no file can hold these two
        {"report": {"a": object()}},
    ):
        with pytest.raises(InputError):
            Inversion(**{**good, **change})  # type: ignore[arg-type]
