"""Names that are free everywhere, and all of a concept's files under one name."""

from __future__ import annotations

import dataclasses
import errno
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from single_image_studio.concept import export, saving
from single_image_studio.concept.data import Concept
from single_image_studio.concept.export import ExportSettings
from single_image_studio.concept.file import free_name, load_concept, same_concept, save_concept
from single_image_studio.concept.saving import Folders, save_everywhere
from single_image_studio.support import writing
from single_image_studio.support.errors import InputError
from single_image_studio.support.writing import FileTaken

from ..helpers.samples import files, make_concept


@pytest.fixture
def concept() -> Concept:
    return make_concept()


def test_free_name_counts_up_and_keeps_the_same_concept(concept: Concept, tmp_path: Path):
    folders = [tmp_path / "concepts", tmp_path / "not made yet"]
    other = make_concept(class_word="dog")
    assert free_name(folders, " bear.safetensors", concept) == "bear"
    save_concept(concept, folders[0] / "bear.safetensors")
    assert free_name(folders, "bear", concept) == "bear"
    assert free_name(folders, "bear", other) == "bear_2"
    save_concept(other, folders[0] / "bear_2.safetensors")
    assert free_name(folders, "bear", other) == "bear_2"
    assert free_name(folders, "bear", make_concept(class_word="cat")) == "bear_3"


def test_free_name_looks_at_settings_and_the_picture(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "bear.safetensors")
    assert same_concept(make_concept(losses={}), path)
    assert free_name([tmp_path], "bear", make_concept(settings={"stage1": {"seed": 1}})) == "bear_2"
    assert free_name([tmp_path], "bear", concept, include_picture=False) == "bear_2", (
        "asked for a file without the picture"
    )
    bare = save_concept(concept, tmp_path / "bare.safetensors", include_picture=False)
    assert same_concept(concept, bare, include_picture=False)
    assert not same_concept(concept, bare), "the picture would be lost"


def test_free_name_needs_all_folders_free(concept: Concept, tmp_path: Path):
    concepts, embeddings, loras = (tmp_path / name for name in ("concepts", "embeddings", "loras"))
    loras.mkdir()
    (loras / "bear.safetensors").write_bytes(b"another's LoRA")
    assert free_name([concepts, embeddings, loras], "bear", concept) == "bear_2"
    assert free_name([concepts], "bear", concept) == "bear"


@pytest.mark.parametrize("ending", [".pt", ".bin", ".safetensors"])
def test_free_name_does_not_hide_another_file_from_prompts(ending: str, concept: Concept, tmp_path: Path):
    (tmp_path / f"bear{ending}").write_bytes(b"an embedding of before")
    assert free_name([tmp_path], "bear", concept) == "bear_2"


def test_free_name_counts_links_that_lead_nowhere(concept: Concept, tmp_path: Path):
    try:
        (tmp_path / "bear.safetensors").symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("no symbolic links here")
    assert free_name([tmp_path], "bear", concept) == "bear_2"


def test_free_name_of_the_longest_name_still_is_a_name(concept: Concept, tmp_path: Path):
    (tmp_path / ("x" * 64 + ".safetensors")).write_bytes(b"")
    assert free_name([tmp_path], "x" * 64, concept) == "x" * 62 + "_2"


def test_free_name_checks_the_name(concept: Concept, tmp_path: Path):
    with pytest.raises(InputError, match="another folder"):
        free_name([tmp_path], "../bear", concept)


# ---- saving everything under one name


def safetensors(folder: Path) -> list[str]:
    return [name for name in files(folder) if name.endswith(".safetensors")]


@pytest.fixture
def stage1(concept: Concept) -> Concept:
    return dataclasses.replace(concept, lora={}, stage=1)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders([tmp_path / "concepts"], [tmp_path / "embeddings"], [tmp_path / "loras"])


def test_save_everywhere(concept: Concept, folders: Folders, tmp_path: Path):
    saved = save_everywhere(concept, "heart", folders)
    assert saved.name == "heart" and saved.path == tmp_path / "concepts/heart.safetensors" and len(saved.exports) == 2
    assert load_concept(saved.path).fingerprint() == concept.fingerprint()
    assert files(tmp_path) == [
        "concepts/heart.safetensors",
        "embeddings/heart.preview.png",
        "embeddings/heart.safetensors",
        "loras/heart.preview.png",
        "loras/heart.safetensors",
    ]
    assert save_everywhere(concept, "heart", folders) == saved
    assert len(files(tmp_path)) == 5


def save_many(concept: Concept, folders: Folders, first: int) -> None:
    for number in range(first, first + 8):
        save_everywhere(dataclasses.replace(concept, embedding=concept.embedding + number), "heart", folders)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that begin where this one is")
def test_two_programs_that_save_one_name_lose_nothing(concept: Concept, folders: Folders, tmp_path: Path):
    fork = multiprocessing.get_context("fork")
    programs = [fork.Process(target=save_many, args=(concept, folders, first)) for first in (1, 101)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(60)
    assert [program.exitcode for program in programs] == [0, 0]
    names = ["heart", *(f"heart_{i}" for i in range(2, 17))]
    assert sorted(path.stem for path in (tmp_path / "concepts").iterdir()) == sorted(names)
    found = []
    for name in names:
        embedding = load_concept(tmp_path / "concepts" / f"{name}.safetensors").embedding
        exported = load_file(tmp_path / "embeddings" / f"{name}.safetensors")["emb_params"]
        assert torch.equal(embedding, exported), name
        found.append(round(float((embedding - concept.embedding).mean())))
    assert sorted(found) == [*range(1, 9), *range(101, 109)]


def test_a_name_that_is_taken_after_the_look_is_not_shared(concept: Concept, folders: Folders, monkeypatch):
    """Another program saves its concept between our look for a free name and our writing."""
    other, look = dataclasses.replace(concept, embedding=concept.embedding + 1), saving.free_name

    def late(*wanted: Any) -> str:
        name = look(*wanted)
        monkeypatch.setattr(saving, "free_name", look)
        assert save_everywhere(other, "heart", folders, export=None).name == name
        return name

    monkeypatch.setattr(saving, "free_name", late)
    saved = save_everywhere(concept, "heart", folders)
    assert saved.name == "heart_2" and load_concept(saved.path).fingerprint() == concept.fingerprint()


def test_another_precision_gets_a_name_of_its_own(concept: Concept, folders: Folders):
    half = ExportSettings(precision="fp16")
    assert save_everywhere(concept, "heart", folders).name == "heart"
    assert save_everywhere(concept, "heart", folders, half).name == "heart_2"
    assert save_everywhere(concept, "heart_2", folders, half).name == "heart_2"
    assert save_everywhere(concept, "heart", folders).name == "heart"


def test_stage2_gets_a_name_of_its_own(concept: Concept, stage1: Concept, folders: Folders, tmp_path: Path):
    assert save_everywhere(stage1, "heart", folders).name == "heart"
    assert save_everywhere(concept, "heart", folders).name == "heart_2"
    assert save_everywhere(stage1, "heart", folders).name == "heart"
    assert len(safetensors(tmp_path)) == 5


def test_without_export_and_then_with(concept: Concept, folders: Folders, tmp_path: Path):
    assert save_everywhere(concept, "heart", folders, export=None).exports == ()
    assert files(tmp_path) == ["concepts/heart.safetensors"]
    assert save_everywhere(concept, "heart", folders).name == "heart"
    assert len(safetensors(tmp_path)) == 3


def test_with_and_without_the_picture_are_two_files(concept: Concept, folders: Folders):
    assert save_everywhere(concept, "heart", folders).name == "heart"
    bare = save_everywhere(concept, "heart", folders, include_picture=False)
    assert bare.name == "heart_2"
    assert load_concept(bare.path).picture is None


def test_folders_that_the_host_also_searches(concept: Concept, tmp_path: Path):
    also = tmp_path / "shared embeddings"
    also.mkdir()
    (also / "heart.pt").write_bytes(b"older")
    folders = Folders([tmp_path / "c"], [tmp_path / "e", also], [tmp_path / "l"])
    assert save_everywhere(concept, "heart", folders).name == "heart_2"


def test_a_name_taken_meanwhile_moves_on(
    concept: Concept, folders: Folders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    real, calls = export.write_new, []

    def race(tensors: dict, metadata: dict, path: Path) -> Path:
        calls.append(path)
        if len(calls) == 1:
            path.parent.mkdir()
            save_file({"x": torch.zeros(1)}, path)
        return real(tensors, metadata, path)

    monkeypatch.setattr(export, "write_new", race)
    assert save_everywhere(concept, "heart", folders).name == "heart_2"
    assert safetensors(tmp_path) == [
        "concepts/heart_2.safetensors",
        "embeddings/heart.safetensors",
        "embeddings/heart_2.safetensors",
        "loras/heart_2.safetensors",
    ]


def test_it_gives_up_instead_of_trying_for_ever(concept: Concept, folders: Folders, monkeypatch: pytest.MonkeyPatch):
    def taken(*_: object) -> Path:
        raise FileTaken("taken")

    monkeypatch.setattr(saving, "save_concept", taken)
    with pytest.raises(FileTaken, match="`name`"):
        save_everywhere(concept, "heart", folders)


@pytest.mark.parametrize("failing", [1, 2, 3, 4, 5])
def test_disk_full_half_way_leaves_nothing(
    failing: int, concept: Concept, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    publish, calls = writing._publish, []

    def full(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        publish(*arguments)

    monkeypatch.setattr(writing, "_publish", full)
    with pytest.raises(InputError, match="is full"):
        save_everywhere(concept, "heart", folders)
    assert files(tmp_path) == []


def test_a_failed_export_leaves_the_concept_that_was_there(
    concept: Concept, folders: Folders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    save_everywhere(concept, "heart", folders, export=None)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(writing, "_publish", full)
    with pytest.raises(InputError, match="is full"):
        save_everywhere(concept, "heart", folders)
    assert files(tmp_path) == ["concepts/heart.safetensors"]
