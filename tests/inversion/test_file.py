from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.data import Inversion
from single_image_studio.inversion.file import load_inversion, save_inversion
from single_image_studio.inversion.methods import METHODS
from single_image_studio.support.errors import InputError


def make(method: str = "null_text", seed: int = 0) -> Inversion:
    generator = torch.Generator().manual_seed(seed)
    count = 10 if method == "null_text" else 1
    offsets = torch.randn(10, 2, 4, 3, 5, generator=generator) if METHODS[method].exact else None
    return Inversion(
        method,
        DDIMSchedule(10, 0, METHODS[method].eta),
        7.5,
        torch.randn(2, 4, 3, 5, generator=generator),
        0.0055,
        torch.randn(count, 2, 77, 8, generator=generator),
        offsets,
        "abc",
        {"latent_psnr": [30.0, 31.0], "method": method},
    )


@pytest.mark.parametrize("method", METHODS)
def test_there_and_back(tmp_path: pathlib.Path, method: str) -> None:
    one = make(method)
    path = save_inversion(one, "mine", [tmp_path])
    two = load_inversion(path)
    assert (two.method, two.schedule, two.guidance_scale, two.noise_alpha_bar, two.base_model) == (
        method,
        one.schedule,
        7.5,
        0.0055,
        "abc",
    )
    assert dict(two.report) == dict(one.report)
    assert torch.equal(two.noise_latents, one.noise_latents) and torch.equal(two.uncond_embeds, one.uncond_embeds)
    assert (two.offsets is None) == (one.offsets is None) and (
        one.offsets is None or torch.equal(two.offsets, one.offsets)
    )
    assert not two.noise_latents.is_inference()
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "single_image_studio.inversion"
    assert ("eta" in metadata) == (method == "edit_friendly"), "the files of other methods stay what they were"


def test_reports_are_valid_json_and_infinite_ones_come_back(tmp_path: pathlib.Path) -> None:
    """Direct inversion reconstructs exactly: its PSNR is infinite, which JSON has no word for."""
    report = {"latent_psnr": [math.inf, 31.0], "errors": [[0.0]], "method": "direct"}
    path = save_inversion(dataclasses.replace(make("direct"), report=report), "mine", [tmp_path])
    with safe_open(path, "pt") as file:
        strictly_read(file.metadata()["report"])
    assert load_inversion(path).report == report
    # files of earlier versions
    assert load_inversion(rewritten(path, report=json.dumps(report))).report == report


def strictly_read(text: str) -> object:
    """As browsers read JSON."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_taken_name_gets_a_number_and_the_same_stays(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other"
    names = [save_inversion(make(seed=seed), "mine.safetensors", [tmp_path, other]).name for seed in (0, 1, 0, 1)]
    assert names == ["mine.safetensors", "mine_2.safetensors", "mine.safetensors", "mine_2.safetensors"]
    (tmp_path / "broken.safetensors").write_bytes(b"not mine")
    assert save_inversion(make(), "broken", [tmp_path]).name == "broken_2.safetensors"
    assert (tmp_path / "broken.safetensors").read_bytes() == b"not mine"


def test_fp16_halves_the_embeddings_and_nothing_else(tmp_path: pathlib.Path) -> None:
    one = make()
    whole, half = (save_inversion(one, name, [tmp_path], name) for name in ("fp32", "fp16"))
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(one.uncond_embeds.numel() * 2, abs=64)
    two = load_inversion(half)
    assert two.uncond_embeds.dtype == torch.float32
    assert torch.equal(two.uncond_embeds, one.uncond_embeds.half().float())
    assert torch.equal(two.noise_latents, one.noise_latents)
    names = [save_inversion(one, "fp16", [tmp_path], precision).name for precision in ("fp16", "fp32", "fp32")]
    assert names == ["fp16.safetensors", "fp16_2.safetensors", "fp16_2.safetensors"]


def test_what_fp16_cannot_hold_and_other_formats_are_refused(tmp_path: pathlib.Path) -> None:
    large = dataclasses.replace(make(), uncond_embeds=make().uncond_embeds * 1e5)
    with pytest.raises(InputError, match="too large for fp16: set `precision` to fp32"):
        save_inversion(large, "large", [tmp_path], "fp16")
    with pytest.raises(InputError, match="`precision`"):
        save_inversion(make(), "other", [tmp_path], "int8")
    assert not list(tmp_path.iterdir())
    path = save_inversion(make(), "double", [tmp_path])
    with pytest.raises(InputError, match="float32"):
        load_inversion(rewritten(path, {"uncond_embeds": make().uncond_embeds.double()}))


@pytest.mark.parametrize("name", ["../up", "", "a b", "CON", "x" * 65])
def test_names_that_cannot_be_used(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(InputError, match="`name`"):
        save_inversion(make(), name, [tmp_path])
    assert not list(tmp_path.iterdir())


def rewritten(path: pathlib.Path, tensors: dict[str, torch.Tensor] | None = None, **metadata: str) -> pathlib.Path:
    with safe_open(path, "pt") as file:
        old = file.metadata()
    kept = load_file(path) | (tensors or {})
    save_file(kept, path, {**old, **metadata})
    return path


def test_files_that_are_no_inversion(tmp_path: pathlib.Path) -> None:
    path = save_inversion(make(), "mine", [tmp_path])
    with pytest.raises(InputError, match="update the pack"):
        load_inversion(rewritten(path, format_version="2"))
    with pytest.raises(InputError, match="no inversion"):
        load_inversion(rewritten(path, format="something.else", format_version="1"))
    rewritten(path, format="single_image_studio.inversion", steps="twelve")
    with pytest.raises(InputError, match="damaged"):
        load_inversion(path)
    with pytest.raises(
        InputError, match="mine.safetensors cannot be used: .*embeddings are not those of its 10 steps: invert"
    ):
        load_inversion(rewritten(path, {"uncond_embeds": torch.zeros(3, 1, 77, 8)}, steps="10"))
    for eta, said in (("2", "`eta` is 2.0"), ("nan", "`eta` is nan"), ("much", "damaged")):
        with pytest.raises(InputError, match=said):
            load_inversion(rewritten(save_inversion(make("edit_friendly"), f"eta_{eta}", [tmp_path]), eta=eta))
    with pytest.raises(InputError, match="cannot be read"):
        load_inversion(tmp_path / "gone.safetensors")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="cut short"):
        load_inversion(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InputError, match="pickle"):
        load_inversion(path)
