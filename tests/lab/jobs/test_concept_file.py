"""What the demo reads from a concept file."""

from __future__ import annotations

import json
import pathlib

import pytest

from lab import DevError
from lab.jobs import concept_file


def write_concept(path: pathlib.Path, metadata: dict[str, str]) -> pathlib.Path:
    header = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def test_loss_curves_come_from_the_concept_file(tmp_path: pathlib.Path) -> None:
    losses = {"stage1": {"loss": [2.0, 1.0]}, "stage2": {"semantic": [0.5], "loss": [1.0]}}
    file = write_concept(tmp_path / "c.safetensors", {"losses": json.dumps(losses)})
    assert concept_file.loss_curves(file) == [
        {"title": "Stage I", "series": {"total": [2.0, 1.0]}},
        {"title": "Stage II", "series": {"total": [1.0], "semantic": [0.5]}},
    ]
    assert list(concept_file.loss_curves(file)[1]["series"]) == ["total", "semantic"]


@pytest.mark.parametrize("content", [b"", b"not a concept file at all", b"\xff" * 16])
def test_other_files_are_no_concepts(tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "c.safetensors").write_bytes(content)
    with pytest.raises(DevError, match="is not a concept file"):
        concept_file.metadata(tmp_path / "c.safetensors")
