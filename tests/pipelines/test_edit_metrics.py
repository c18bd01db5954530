"""Edit Metrics with small random networks: each score against the original computation on the same weights, and what
bad input is told."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lab.measuring import metric_weights
from single_image_studio.support.errors import InputError

from ..helpers.metrics import batch, clip_vectors, distance, edit, numbers, picture, text_vectors

pytestmark = pytest.mark.usefixtures("measuring_networks")


def test_an_edit_is_measured_by_its_source_its_prompt_and_its_looks() -> None:
    source, edited = batch(0), batch(1, 2)
    found = numbers(edit(source, edited).report)
    assert found["LPIPS"]["values"] == pytest.approx([distance(picture(0), p) for p in edited], abs=1e-4)
    vectors = clip_vectors(edited)
    assert found["CLIP-T"]["values"] == pytest.approx((vectors @ text_vectors(["a heart"])[0]).tolist(), abs=1e-4)
    x, head = vectors, metric_weights.small_aesthetics()
    for number in (0, 2, 4, 6, 7):
        x = x @ head[f"layers.{number}.weight"].T + head[f"layers.{number}.bias"]
    assert found["Aesthetic score"]["values"] == pytest.approx(x[:, 0].tolist(), abs=1e-4)


def test_an_edit_of_another_size_is_brought_to_its_sources() -> None:
    result = edit(batch(0), batch(0, height=192, width=192))
    assert "1 edited pictures were brought to their sources' size" in result.report
    assert numbers(result.report)["LPIPS"]["mean"] < distance(picture(0), picture(1)) / 10


def test_pictures_in_half_precision_are_resized_too() -> None:
    halves = edit(batch(0).half(), batch(0, height=192, width=192).half())
    whole = edit(batch(0).half().float(), batch(0, height=192, width=192).half().float())
    assert halves.report == whole.report


@pytest.mark.parametrize(
    ("source", "prompt", "files", "sentence"),
    [
        (batch(1, 2), "", {}, "`source` holds 2 pictures and `edited` 3"),
        (batch(1), "a\nb", {}, "`target_prompt` has 2 lines for 3 pictures"),
        (batch(1, height=32), "", {}, "LPIPS needs at least 64 pixels a side"),
        (batch(1), "", {"aesthetic_model": "narrow.safetensors"}, "reads CLIP's vectors of 24 numbers"),
        (batch(1), "", {"lpips_model": "small_vgg.safetensors"}, "has no learned weights of channels"),
    ],
)  # fmt: skip
def test_an_edit_that_cannot_be_measured_is_one_sentence(
    measuring_networks: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    source: Tensor,
    prompt: str,
    files: dict,
    sentence: str,
) -> None:
    save_file(
        {"weight": torch.zeros(1, 24), "bias": torch.zeros(1)}, measuring_networks / "aesthetic" / "narrow.safetensors"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)  # as where the lpips package is not installed
    with pytest.raises(InputError, match=sentence):
        edit(source, batch(1, 2, 3), prompt, **files)
