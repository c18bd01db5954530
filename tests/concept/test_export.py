"""The files for other tools: their names and tensors, and that nothing of another's is touched."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from single_image_studio.concept.data import Concept
from single_image_studio.concept.export import ExportSettings, export_for_other_tools, same_export
from single_image_studio.concept.export_metadata import lora_metadata
from single_image_studio.support.errors import InputError
from single_image_studio.support.writing import FileTaken

from ..helpers.samples import files

LAYERS = (
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make_lora(rank: int = 4, alpha: float = 4.0) -> dict[str, Tensor]:
    lora = {}
    for seed, layer in enumerate(LAYERS):
        lora |= {
            f"{layer}.lora_up.weight": random(32, rank, seed=seed),
            f"{layer}.lora_down.weight": random(rank, 32, seed=seed + 9),
            f"{layer}.alpha": torch.tensor(alpha),
        }
    return lora


@pytest.fixture
def concept() -> Concept:
    return Concept(
        embedding=random(1, 32),
        class_word="heart",
        lora=make_lora(),
        picture=random(1, 8, 8, 3).clamp(0, 1),
        mask=torch.ones(1, 8, 8),
        stage=2,
        settings={"stage1": {"resolution": 384}, "stage2": {}},
    )


@pytest.fixture
def stage1(concept: Concept) -> Concept:
    return dataclasses.replace(concept, lora={}, stage=1)


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_both_files(concept: Concept, tmp_path: Path):
    embedding, lora = export_for_other_tools(concept, tmp_path / "embeddings", tmp_path / "loras", "heart")
    assert (embedding, lora) == (tmp_path / "embeddings/heart.safetensors", tmp_path / "loras/heart.safetensors")
    found = load_file(embedding)
    assert set(found) == {"emb_params"}
    assert found["emb_params"].dtype == torch.float32 and torch.equal(found["emb_params"], concept.embedding)
    found = load_file(lora)
    assert found.keys() == concept.lora.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in concept.lora.items())
    metadata = metadata_of(lora)
    assert metadata["ss_network_module"] == "networks.lora"
    assert (metadata["ss_network_dim"], metadata["ss_base_model_version"]) == ("4", "sd_v1")
    assert float(metadata["ss_network_alpha"]) == 4


def test_metadata_of_other_ranks():
    base = Concept(embedding=random(1, 32), class_word="heart")
    eight = lora_metadata(dataclasses.replace(base, lora=make_lora(8, 2.5)), "x")
    assert (eight["ss_network_dim"], eight["ss_network_alpha"]) == ("8", "2.5")
    mixed = {
        **make_lora(4),
        "lora_unet_other.lora_down.weight": random(2, 32),
        "lora_unet_other.alpha": torch.tensor(2.0),
    }
    assert lora_metadata(dataclasses.replace(base, lora=mixed), "x")["ss_network_dim"] == "Dynamic"
    silent = {name: tensor for name, tensor in make_lora().items() if not name.endswith("alpha")}
    assert float(lora_metadata(dataclasses.replace(base, lora=silent), "x")["ss_network_alpha"]) == 4


def test_stage1_has_no_lora(stage1: Concept, tmp_path: Path):
    assert export_for_other_tools(stage1, tmp_path / "e", tmp_path / "l", "heart.safetensors") == [
        tmp_path / "e/heart.safetensors"
    ]
    assert files(tmp_path) == ["e/heart.preview.png", "e/heart.safetensors"]


def test_each_file_says_what_it_is_and_what_it_belongs_with(concept: Concept, tmp_path: Path):
    embedding, lora = map(metadata_of, export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "my_heart"))
    for found, kind in ((embedding, "textual-inversion"), (lora, "lora")):
        assert found["modelspec.sai_model_spec"] == "1.0.1"
        assert found["modelspec.architecture"] == f"stable-diffusion-v1/{kind}"
        assert found["modelspec.title"] == "my_heart"
        assert found["modelspec.trigger_phrase"] == "my_heart heart"
        assert found["modelspec.resolution"] == "384x384"
        assert "embedding:my_heart heart (ComfyUI)" in found["modelspec.usage_hint"]
        assert found["single_image_studio.concept"] == concept.fingerprint()
    assert "the LoRA my_heart.safetensors (loras folder)" in embedding["modelspec.usage_hint"]
    assert "the embedding my_heart.safetensors (embeddings folder)" in lora["modelspec.usage_hint"]
    assert json.loads(lora["ss_tag_frequency"]) == {"my_heart": {"my_heart heart": 1}}


def test_an_embedding_alone_asks_for_no_lora(stage1: Concept, tmp_path: Path):
    (path,) = export_for_other_tools(dataclasses.replace(stage1, settings={}), tmp_path, tmp_path, "heart")
    assert "LoRA" not in metadata_of(path)["modelspec.usage_hint"]
    assert "modelspec.resolution" not in metadata_of(path)


def test_the_picture_lies_beside_both_files_as_their_preview(concept: Concept, tmp_path: Path):
    export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "heart")
    expected = (concept.picture[0].numpy() * 255).round()
    for folder in ("e", "l"):
        with Image.open(tmp_path / folder / "heart.preview.png") as preview:
            assert preview.format == "PNG" and np.array_equal(np.asarray(preview), expected)


def test_a_preview_that_is_there_stays(stage1: Concept, tmp_path: Path):
    (tmp_path / "heart.preview.png").write_bytes(b"the artist's own")
    export_for_other_tools(stage1, tmp_path, tmp_path, "heart")
    assert (tmp_path / "heart.preview.png").read_bytes() == b"the artist's own"


@pytest.mark.parametrize("picture", [True, False])
def test_a_private_picture_is_no_preview(picture: bool, stage1: Concept, tmp_path: Path):
    concept = stage1 if picture else dataclasses.replace(stage1, picture=None)
    export_for_other_tools(concept, tmp_path, tmp_path, "heart", ExportSettings(preview=not picture))
    assert files(tmp_path) == ["heart.safetensors"]


def test_fp16_holds_the_nearest_numbers_in_half_the_bytes(concept: Concept, tmp_path: Path):
    half = ExportSettings(precision="fp16")
    paths = export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "heart", half)
    assert all(tensor.dtype == torch.float16 for path in paths for tensor in load_file(path).values())
    assert torch.equal(load_file(paths[0])["emb_params"], concept.embedding.half())
    assert all(torch.equal(tensor, concept.lora[name].half()) for name, tensor in load_file(paths[1]).items())
    assert same_export(concept, paths[0], "fp16") and same_export(concept, paths[1], "fp16")
    assert not same_export(concept, paths[0]) and not same_export(concept, paths[1])


def test_what_fp16_cannot_hold_is_refused(stage1: Concept, tmp_path: Path):
    large = dataclasses.replace(stage1, embedding=torch.full((1, 32), 7e4))
    with pytest.raises(InputError, match="too large for fp16: set `export_precision` to fp32"):
        export_for_other_tools(large, tmp_path, tmp_path, "heart", ExportSettings(precision="fp16"))
    assert files(tmp_path) == []


def test_another_precision_is_refused():
    with pytest.raises(InputError, match="`export_precision` is 'fp8'; expected one of fp32, fp16"):
        ExportSettings(precision="fp8")


def test_several_words(stage1: Concept, tmp_path: Path):
    words = dataclasses.replace(stage1, embedding=random(3, 32))
    (path,) = export_for_other_tools(words, tmp_path, tmp_path, "heart")
    assert load_file(path)["emb_params"].shape == (3, 32)


def test_exporting_twice_changes_nothing(concept: Concept, tmp_path: Path):
    paths = export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "heart")
    times = [path.stat().st_mtime_ns for path in paths]
    assert export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "heart") == paths
    assert [path.stat().st_mtime_ns for path in paths] == times


def test_anothers_file_stays_and_nothing_half_is_left(concept: Concept, tmp_path: Path):
    other = tmp_path / "l" / "heart.safetensors"
    other.parent.mkdir()
    save_file({"x": torch.zeros(1)}, other)
    with pytest.raises(FileTaken, match="not overwritten"):
        export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "heart")
    assert files(tmp_path) == ["l/heart.safetensors"]
    assert set(load_file(other)) == {"x"}


def test_a_bad_name_writes_nothing(concept: Concept, tmp_path: Path):
    with pytest.raises(InputError, match="another folder"):
        export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "../heart")
    assert files(tmp_path) == []


def test_same_export_compares_bits_and_dtype(concept: Concept, tmp_path: Path):
    embedding, lora = export_for_other_tools(concept, tmp_path / "e", tmp_path / "l", "heart")
    assert same_export(concept, embedding) and same_export(concept, lora)
    near = dataclasses.replace(concept, embedding=concept.embedding + 1e-6, lora=make_lora(alpha=3))
    assert not same_export(near, embedding) and not same_export(near, lora)
    half = dataclasses.replace(concept, lora={name: tensor.half() for name, tensor in concept.lora.items()})
    assert not same_export(half, lora)
    (tmp_path / "text.safetensors").write_text("no")
    assert not same_export(concept, tmp_path / "text.safetensors")


def test_a_stage1_concept_does_not_take_an_empty_file_for_its_lora(stage1: Concept, tmp_path: Path):
    save_file({}, tmp_path / "x.safetensors")
    assert not same_export(stage1, tmp_path / "x.safetensors")
