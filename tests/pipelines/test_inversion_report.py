"""The report of an inversion: a sentence that says how the picture comes back and what to change, then the numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.methods import METHODS, InversionSettings
from single_image_studio.inversion.null_text import NullTextSettings

from ..helpers.conditionings import encode

pytestmark = pytest.mark.usefixtures("host")


def report(demo_model: Any, pictures: int = 1, **settings: Any) -> str:
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures, report_text
    from single_image_studio.pipelines.reporter import Reporter

    model, clip, _ = demo_model
    latent = {"samples": torch.randn(pictures, 4, 8, 8, generator=torch.Generator().manual_seed(7))}
    inverting = InversionSettings(guidance_scale=5.0, precision="fp32", **settings)
    with torch.inference_mode():
        prompts = SourcePrompts(source=encode(clip, "a star"), uncond=encode(clip, ""))
        return report_text(invert_pictures(model, latent, prompts, inverting, Reporter()).report)


def decibels(text: str) -> float:
    found = re.search(r"\((-?\d+) dB\)", text.splitlines()[0])
    assert found is not None, text
    return float(found[1])


def test_an_exact_inversion_says_so(demo_model: Any) -> None:
    first, empty, numbers, *_ = report(demo_model, method="direct", schedule=DDIMSchedule(3)).splitlines()
    assert (first, empty) == ("The picture comes back exactly.", "")
    assert numbers == "- method: direct, 3 steps, cfg 5"


def test_a_poor_one_says_what_helps_and_that_does_help(demo_model: Any) -> None:
    def null_text(updates: int, tolerance: float) -> str:
        settings = NullTextSettings(inner_steps=updates, tolerance=tolerance)
        return report(demo_model, method="null_text", schedule=DDIMSchedule(4), null_text=settings)

    poor = null_text(1, 1.0)
    assert re.match(r"The picture comes back poorly \(-?\d+ dB\): more `inner_steps` with `tolerance` 0, or ", poor)
    assert decibels(null_text(12, 0.0)) > decibels(poor)


def test_the_line_search_is_named_with_the_method(demo_model: Any) -> None:
    settings = NullTextSettings(solver="line_search", inner_steps=1)
    lines = report(demo_model, method="null_text", schedule=DDIMSchedule(3), null_text=settings).splitlines()
    assert "- method: null_text, solver line_search, 3 steps, cfg 5" in lines


@pytest.mark.parametrize(
    ("psnr", "words"),
    [
        ([15.2], "The picture comes back poorly (15 dB): more `steps`, or `direct`."),
        ([28.0], "The picture comes back well (28 dB)."),
        ([38.0], "The picture comes back closely (38 dB)."),
        ([38.0, 15.2], "The worst of the 2 pictures comes back poorly (15 dB): more `steps`, or `direct`."),
        ([float("inf")], "The picture comes back exactly."),
    ],
)
def test_the_words_follow_the_worst_picture(psnr: list[float], words: str) -> None:
    from single_image_studio.pipelines.invert_pictures import report_text

    count = len(psnr)
    figures = {"method": "ddim", "steps": 2, "cfg": 1.0, "pictures": count, "errors": [[0.1, 0.2]] * count}
    more = {"inner_steps": [[]] * count, "unet_evaluations": 4, "seconds": 1.0, "latent_psnr": [50.0] * count}
    assert report_text({**figures, **more, "pixel_psnr": psnr}).splitlines()[0] == words  # pixels count where there are
    assert report_text({**figures, **more, "latent_psnr": psnr}).splitlines()[0] == words


def test_every_inexact_method_has_advice() -> None:
    assert all(bool(method.closer) != method.exact for method in METHODS.values())
