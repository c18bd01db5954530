"""Concepts live in a registered model folder, so that the host's extra model paths work."""

from __future__ import annotations

import pathlib
import unicodedata
from typing import Any

import pytest
import torch

from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept
from single_image_studio.support.errors import InputError


@pytest.fixture
def folders(host, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    import folder_paths

    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths))
    folder_paths.folder_names_and_paths.pop("single_image_studio_concepts", None)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    from single_image_studio.host import folders

    return folders


def make(folder: pathlib.Path, name: str) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    return save_concept(Concept(torch.ones(1, 96), "heart"), folder / f"{name}.safetensors")


def test_default_folder_and_extra_paths_are_searched(folders, host, tmp_path) -> None:
    import folder_paths

    # what an extra path does
    folder_paths.add_model_folder_path("single_image_studio_concepts", str(tmp_path / "elsewhere"))
    folders.register()
    folders.register()  # a second time changes nothing
    assert folders.save_folders()[0][0] == host / "models" / "single_image_studio" / "concepts"
    path = make(tmp_path / "elsewhere", "far_one")
    (tmp_path / "elsewhere" / "notes.txt").write_text("not a concept")
    assert "far_one" in folders.CONCEPTS.names() and "notes" not in " ".join(folders.CONCEPTS.names())
    assert folders.CONCEPTS.file("far_one") == path
    assert len(folders.save_folders()[0]) == 2


@pytest.mark.parametrize(
    "name", ["anna", "anna.safetensors", "people/cara", "people\\cara", "people\\cara.safetensors"]
)
def test_a_name_with_its_ending_or_the_other_separator_is_found(folders, host, name: str) -> None:
    folders.register()
    root = folders.save_folders()[0][0]
    anna, cara = make(root, "anna"), make(root / "people", "cara")
    try:
        assert folders.CONCEPTS.file(name) == (cara if "cara" in name else anna)
        assert folders.CONCEPTS.stamp(name) == folders.CONCEPTS.stamp("people/cara" if "cara" in name else "anna") != ""
        with pytest.raises(InputError, match="no concept"):
            folders.CONCEPTS.file("cara")  # a folder is part of the name
    finally:
        anna.unlink()
        cara.unlink()


@pytest.mark.parametrize("shelf", ["CONCEPTS", "INVERSIONS"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_a_name_is_found_however_its_accents_are_spelled_and_first_as_it_is(
    folders, host, tmp_path, monkeypatch: pytest.MonkeyPatch, shelf: str, written: Any
) -> None:
    import folder_paths

    shelf = getattr(folders, shelf)
    monkeypatch.setitem(folder_paths.folder_names_and_paths, shelf.kind, ([str(tmp_path)], {".safetensors"}))
    name = unicodedata.normalize(written, "café")
    other = tmp_path / f"{unicodedata.normalize('NFD' if written == 'NFC' else 'NFC', name)}.safetensors"
    other.write_bytes(b"other")
    if (tmp_path / f"{name}.safetensors").exists():
        pytest.skip("this disk takes both spellings for one")
    for asked in (name, f"{name}.safetensors"):
        assert shelf.file(asked) == other and shelf.stamp(asked) and shelf.meant(asked) == other.stem
    own = tmp_path / f"{name}.safetensors"
    own.write_bytes(b"own")
    folder_paths.filename_list_cache.clear()
    for asked in (name, f"{name}.safetensors"):
        assert shelf.file(asked) == own and shelf.meant(asked) == name
    with pytest.raises(InputError, match="there is no"):
        shelf.file("cafe")


def test_a_missing_concept_names_the_folders(folders, host) -> None:
    folders.register()
    with pytest.raises(InputError, match=r"no concept 'nobody' in .*concepts"):
        folders.CONCEPTS.file("nobody")
