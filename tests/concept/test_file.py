"""The concept file, there and back: nothing is lost, and it holds what its documentation says."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import check_width, load_concept, read_info, read_thumbnail, save_concept
from single_image_studio.concept.settings import Stage1Settings
from single_image_studio.support.errors import InputError

from ..helpers.samples import assert_same, eight_bits, make_concept, random, rewrite


@pytest.fixture
def concept() -> Concept:
    return make_concept()


def test_round_trip(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "made" / "on the way" / "bear.safetensors")
    found = load_concept(path)
    assert_same(found, concept)
    assert found.name == "bear"
    assert found.encoder_state is None, "the encoder stays on the wire"
    assert Stage1Settings.from_dict(found.settings["stage1"]).seed == 2**64 - 1


@pytest.mark.parametrize(
    "changes",
    [
        {"lora": {}, "stage": 1, "losses": {}, "settings": {}, "base_model": ""},
        {"picture": None, "mask": None},
        {"mask": None},
        {"class_word": '赤い "ハート"', "embedding": random(3, 32)},
        {"lora": {"a.lora_down.weight": random(4, 8).bfloat16(), "b.lora_down.weight": random(4, 8).half()}},
        {"picture": random(1, 1, 1, 3), "mask": random(1, 1, 1)},
        {"picture": eight_bits(1, 1, 2000, 3), "mask": 1 - eight_bits(1, 1, 2000)},
        {"picture": random(1, 9, 9, 3) * 3 - 1, "mask": None},
    ],
)
def test_round_trip_of_variants(changes: dict, tmp_path: Path):
    concept = make_concept(**changes)
    assert_same(load_concept(save_concept(concept, tmp_path / "x.safetensors")), concept)


def test_round_trip_of_shared_sliced_and_transposed_tensors(tmp_path: Path):
    """What comes out of training is often a view of something larger."""
    block = random(8, 8)
    lora = {"a": block[:4], "b": block[:4], "c": block.T, "d": block[:, 2]}
    concept = make_concept(
        lora=lora, embedding=random(4, 64)[1:2, ::2], picture=eight_bits(1, 3, 40, 64).movedim(1, -1)
    )
    assert_same(load_concept(save_concept(concept, tmp_path / "x.safetensors")), concept)


def test_eight_bit_pictures_are_stored_as_png(concept: Concept, tmp_path: Path):
    tensors = load_file(save_concept(concept, tmp_path / "a.safetensors"))
    assert tensors["picture_png"].dtype == torch.uint8 and tensors["picture_png"].dim() == 1
    with Image.open(io.BytesIO(tensors["picture_png"].numpy().tobytes())) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (64, 40))
    assert "picture" not in tensors and "mask_png" in tensors
    soft = load_file(save_concept(make_concept(picture=random(1, 40, 64, 3)), tmp_path / "b.safetensors"))
    assert "picture_png" not in soft and soft["picture"].dtype == torch.float32


def test_every_level_of_eight_bits_survives(tmp_path: Path):
    ramp = torch.from_numpy(np.arange(256, dtype=np.float32) / 255.0).reshape(1, 16, 16)
    path = save_concept(make_concept(picture=None, mask=ramp), tmp_path / "x.safetensors")
    assert "mask_png" in load_file(path)
    assert torch.equal(load_concept(path).mask, ramp)


def test_works_inside_the_hosts_inference_mode(tmp_path: Path):
    with torch.inference_mode():
        concept = make_concept(embedding=random(1, 32) + 0)
        found = load_concept(save_concept(concept, tmp_path / "x.safetensors"))
    assert_same(found, concept)
    tensors = [found.embedding, found.picture, found.mask, *found.lora.values()]
    assert not any(tensor.is_inference() for tensor in tensors), "Stage II must be able to train on"


def test_tensors_of_a_training_can_be_saved(tmp_path: Path):
    lora = {"a.lora_up.weight": torch.nn.Parameter(random(4, 4))}
    concept = make_concept(lora=lora, embedding=torch.nn.Parameter(random(1, 32)))
    assert_same(load_concept(save_concept(concept, tmp_path / "x.safetensors")), concept)


def test_metadata_is_as_documented(concept: Concept, tmp_path: Path):
    with safe_open(save_concept(concept, tmp_path / "heart.safetensors"), "pt") as file:
        metadata, names = file.metadata(), set(file.keys())
    assert metadata["format"] == "single_image_studio.concept"
    assert (metadata["format_version"], metadata["stage"], metadata["name"]) == ("1", "2", "heart")
    assert json.loads(metadata["settings"]) == concept.settings
    assert json.loads(metadata["losses"]) == concept.losses
    assert metadata["fingerprint"] == concept.fingerprint()
    assert datetime.fromisoformat(metadata["created"]).utcoffset().total_seconds() == 0
    assert names == {"embedding", "picture_png", "mask_png", "thumbnail", *(f"lora.{name}" for name in concept.lora)}


def test_read_info(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "heart.safetensors")
    info = read_info(path)
    expected = {
        "name": "heart",
        "class_word": "teddy bear",
        "stage": 2,
        "words": 1,
        "width": 32,
        "rank": 4,
        "format_version": 1,
        "has_picture": True,
        "has_mask": True,
        "has_thumbnail": True,
        "bytes": path.stat().st_size,
        "settings": concept.settings,
        "losses": concept.losses,
        "fingerprint": concept.fingerprint(),
    }
    assert {name: info[name] for name in expected} == expected
    bare = read_info(save_concept(make_concept(lora={}, picture=None, mask=None), tmp_path / "bare.safetensors"))
    assert (bare["rank"], bare["has_picture"], bare["has_mask"], bare["has_thumbnail"]) == (0, False, False, False)


def test_losses_that_are_not_finite_are_kept_as_valid_json(concept: Concept, tmp_path: Path):
    """A half-precision step that overflows is left out, and its loss is infinite or NaN."""
    losses = {"stage1": {"loss": [0.5, math.inf, 0.25]}, "stage2": {"semantic": [-math.inf]}}
    path = save_concept(dataclasses.replace(concept, losses=losses), tmp_path / "bear.safetensors")
    with safe_open(path, "pt") as file:
        json.loads(file.metadata()["losses"], parse_constant=pytest.fail)
    assert load_concept(path).losses == read_info(path)["losses"] == losses
    old = rewrite(path, tmp_path / "old.safetensors", losses=json.dumps(losses))
    assert load_concept(old).losses == losses


def test_a_renamed_file_is_a_renamed_concept(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "heart.safetensors").rename(tmp_path / "love.safetensors")
    assert load_concept(path).name == read_info(path)["name"] == "love"


# ---- thumbnail, and a file without the picture


def test_thumbnail_shows_the_subject_on_clear_ground(tmp_path: Path):
    picture, mask = torch.zeros(1, 48, 96, 3), torch.zeros(1, 48, 96)
    picture[..., 0] = 1
    mask[:, :, :48] = 1
    thumbnail = read_thumbnail(save_concept(make_concept(picture=picture, mask=mask), tmp_path / "x.safetensors"))
    assert thumbnail.shape == (96, 96, 4) and thumbnail.dtype == torch.uint8
    assert thumbnail[48, 20].tolist() == [255, 0, 0, 255], "inside the mask"
    assert thumbnail[48, 80, 3] == 0, "outside the mask"
    assert not thumbnail[:24, :, 3].any() and not thumbnail[72:, :, 3].any(), "a wide picture keeps its shape"


def test_thumbnail_without_mask_or_picture(tmp_path: Path):
    opaque = read_thumbnail(save_concept(make_concept(mask=None), tmp_path / "a.safetensors"))
    assert (opaque[48, 48:60, 3] == 255).all()
    assert read_thumbnail(save_concept(make_concept(picture=None, mask=None), tmp_path / "b.safetensors")) is None


def test_include_picture_off_leaves_nothing_of_the_picture(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "x.safetensors", include_picture=False)
    found = load_concept(path)
    assert found.picture is None and found.mask is None
    assert found.fingerprint() == concept.fingerprint() and found.losses == concept.losses
    thumbnail = read_thumbnail(path)
    assert (thumbnail[thumbnail[..., 3] > 0][:, :3] == 255).all(), "only the mask's silhouette"
    assert set(load_file(path)) == {"embedding", "thumbnail", *(f"lora.{name}" for name in concept.lora)}


def test_check_width(concept: Concept):
    check_width(concept, 32)
    with pytest.raises(
        InputError,
        match="`concept` seems to be learned on another kind of model and `clip` .* Diffusion 1.x: connect the CLIP",
    ):
        check_width(concept, 768)
