"""A table of families finds the one that a file belongs to, however many there are."""

from __future__ import annotations

import json
import pathlib

import pytest
import torch
from safetensors.torch import save_file

from single_image_studio.masking.family import Family, FamilyTable, OriginalFormat
from single_image_studio.support.errors import InputError


def family(letter: str, original: bool = False) -> Family[str]:
    """A family whose models are sentences that say how they were made."""
    return Family(
        name=f"a {letter}",
        model_type=letter,
        key_weight=f"{letter}.width",
        published_config=lambda weights: {"size": 2} if len(weights[f"{letter}.width"]) == 2 else None,
        build=lambda source: f"{letter} {source.name} {dict(source.config)} {source.folder is not None}",
        original=OriginalFormat(
            lambda weights: f"{letter}.old" in weights,
            lambda weights, name: f"original {letter} {name}",
            f"{letter}-py",
            lambda weights, name: f"{letter}-py {letter} {name}",
        )
        if original
        else None,
    )


TABLE = FamilyTable("detector", "detectors", (family("a", original=True), family("b"), family("c", original=True)))


def file(folder: pathlib.Path, weight: str, length: int = 2) -> pathlib.Path:
    path = folder / "weights.safetensors"
    save_file({weight: torch.zeros(length)}, path)
    return path


@pytest.mark.parametrize("letter", ["a", "b", "c"])
def test_folders_and_bare_weights_find_their_family(tmp_path, letter: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": letter}))
    file(tmp_path, f"{letter}.width").rename(tmp_path / "model.safetensors")
    assert TABLE.load(tmp_path) == f"{letter} {tmp_path.name} {{'model_type': '{letter}'}} True"
    assert TABLE.load(file(tmp_path, f"{letter}.width")) == f"{letter} weights.safetensors {{'size': 2}} False"


def test_original_checkpoints_run_in_the_package_that_can_read_them(tmp_path) -> None:
    path = file(tmp_path, "c.old")
    assert TABLE.packages() == ["a-py", "c-py"]
    assert TABLE.load(path) == "original c weights.safetensors"
    assert TABLE.load(path, "c-py") == "c-py c weights.safetensors"
    with pytest.raises(InputError, match="which a-py cannot read"):
        TABLE.load(path, "a-py")


def test_files_of_no_family_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"not a a nor a b nor a c checkpoint \(no a.width nor b.width nor c.width\)"):
        TABLE.load(file(tmp_path, "d.width"))
    with pytest.raises(InputError, match="`detector`: weights.safetensors is of no published size"):
        TABLE.load(file(tmp_path, "b.width", 3))
    with pytest.raises(InputError, match="Hugging Face's format, which c-py cannot read"):
        TABLE.load(file(tmp_path, "b.width"), "c-py")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="holds a nameless model and not a a nor a b nor a c: choose another"):
        TABLE.load(tmp_path)
