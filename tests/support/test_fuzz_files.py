"""Files of both kinds, damaged by chance: each is read, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from single_image_studio.concept.file import load_concept, read_info, read_thumbnail, save_concept
from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.data import Inversion
from single_image_studio.inversion.file import load_inversion, save_inversion
from single_image_studio.inversion.noise_mask import Outside

from ..helpers.hostile import damaged, fuzzed, given_or_refused, written
from ..helpers.samples import make_concept


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def concept_file(folder: Path) -> bytes:
    return save_concept(make_concept(), folder / "concept.safetensors").read_bytes()


@pytest.fixture(scope="module")
def inversion_file(folder: Path) -> bytes:
    outside = Outside(torch.ones(1, 1, 8, 8), torch.rand(3, 1, 4, 8, 8), torch.tensor([0.1, 0.5, 0.9]))
    noise, embeds, offsets = torch.rand(1, 4, 8, 8), torch.rand(1, 1, 7, 64), torch.rand(2, 1, 4, 8, 8)
    kept = {"report": {"a": [1.0]}, "outside": outside, "picture": noise}
    made = Inversion("direct", DDIMSchedule(2), 3.0, noise, 0.1, embeds, offsets, **kept)
    return save_inversion(made, "inversion", [folder]).read_bytes()


@fuzzed(150)
@given(data=st.data())
def test_concept_files(folder: Path, concept_file: bytes, data: st.DataObject) -> None:
    path = written(folder / "bad.safetensors", data.draw(damaged(concept_file)))
    for read in (read_info, read_thumbnail, load_concept):
        given_or_refused(lambda read=read: read(path))


@fuzzed(150)
@given(data=st.data())
def test_inversion_files(folder: Path, inversion_file: bytes, data: st.DataObject) -> None:
    path = written(folder / "bad.safetensors", data.draw(damaged(inversion_file)))
    given_or_refused(lambda: load_inversion(path))


@pytest.mark.parametrize(
    ("field", "value"),
    [("guidance_scale", "nan"), ("guidance_scale", "inf"), ("guidance_scale", "-5"), ("noise_alpha_bar", "0"),
     ("noise_alpha_bar", "nan"), ("method", "x"), ("steps", "9" * 5000), ("format_version", "9" * 5000)],
)  # fmt: skip
def test_a_number_that_cannot_be_is_named(folder: Path, inversion_file: bytes, field: str, value: str) -> None:
    from single_image_studio.support.errors import InputError

    from ..helpers.samples import rewrite

    good = written(folder / "good.safetensors", inversion_file)
    with pytest.raises(InputError, match="^bad.safetensors (cannot be used|is damaged|has format)"):
        load_inversion(rewrite(good, folder / "bad.safetensors", **{field: value}))


@pytest.mark.parametrize(
    "change",
    [{"noise_latents": torch.ones(1, 4, 8, 8, dtype=torch.int32)}, {"uncond_embeds": torch.zeros(1, 1, 0, 64)},
     {"noise_latents": torch.full((1, 4, 8, 8), float("nan"))}, {"uncond_embeds": torch.zeros(1, 1, 7, 64).bfloat16()},
     {"levels": torch.zeros(3)}, {"noise_mask": torch.full((1, 1, 8, 8), float("nan"))}],
)  # fmt: skip
def test_tensors_that_cannot_be_are_named(folder: Path, inversion_file: bytes, change: dict[str, torch.Tensor]) -> None:
    from single_image_studio.support.errors import InputError

    from ..helpers.samples import rewrite

    good = written(folder / "good.safetensors", inversion_file)
    with pytest.raises(InputError, match="^bad.safetensors cannot be used: the inversion"):
        load_inversion(rewrite(good, folder / "bad.safetensors", change))
