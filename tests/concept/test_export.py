"""The files for other tools: their names and tensors, and that nothing of another's is touched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from single_image_studio.concept.data import Concept
from single_image_studio.concept.export import export_for_other_tools, lora_metadata, same_export
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
        picture=torch.zeros(1, 8, 8, 3),
        mask=torch.ones(1, 8, 8),
        stage=2,
    )


@pytest.fixture
def stage1(concept: Concept) -> Concept:
    return dataclasses.replace(concept, lora={}, stage=1)


def test_both_files(concept: Concept, tmp_path: Path):
    embedding, lora = export_for_other_tools(concept, tmp_path / "embeddings", tmp_path / "loras", "heart")
    assert (embedding, lora) == (tmp_path / "embeddings/heart.safetensors", tmp_path / "loras/heart.safetensors")
    found = load_file(embedding)
    assert set(found) == {"emb_params"}
    assert found["emb_params"].dtype == torch.float32 and torch.equal(found["emb_params"], concept.embedding)
    found = load_file(lora)
    assert found.keys() == concept.lora.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in concept.lora.items())
    with safe_open(lora, "pt") as file:
        metadata = file.metadata()
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
    assert files(tmp_path) == ["e/heart.safetensors"]


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
