"""Writing: all or nothing, and never over another file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import load_concept, save_concept
from single_image_studio.support import writing
from single_image_studio.support.errors import InputError
from single_image_studio.support.writing import FileTaken, write_new, write_over

from ..helpers.samples import assert_same, make_concept


@pytest.fixture
def concept() -> Concept:
    return make_concept()


def test_never_overwrites(concept: Concept, tmp_path: Path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"someone's work")
    with pytest.raises(FileTaken, match=r"x\.safetensors already exists.*not overwritten"):
        save_concept(concept, path)
    assert path.read_bytes() == b"someone's work"
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "x.safetensors"
    write_through = writing._write_through

    def slow(target: Path, payload: bytes) -> None:
        write_through(target, payload)
        path.write_bytes(b"faster")

    monkeypatch.setattr(writing, "_write_through", slow)
    with pytest.raises(FileTaken):
        save_concept(concept, path)
    assert path.read_bytes() == b"faster"
    assert os.listdir(tmp_path) == ["x.safetensors"]


def fail_with(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("call", ["fsync", "link"])
@pytest.mark.skipif(os.name == "nt", reason="Windows renames instead of linking")
def test_disk_full_says_so_and_leaves_nothing(
    call: str, concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "other.safetensors").write_bytes(b"untouched")
    monkeypatch.setattr(os, call, fail_with(errno.ENOSPC))
    with pytest.raises(
        InputError,
        match=(
            "the disk that holds .* is full.*nothing was overwritten.*still on the wire: free [1-9][0-9]* MB and queue"
            " again"
        ),
    ):
        save_concept(concept, tmp_path / "x.safetensors")
    assert os.listdir(tmp_path) == ["other.safetensors"]
    assert (tmp_path / "other.safetensors").read_bytes() == b"untouched"


def test_disk_full_while_the_folder_is_made(concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "mkdir", fail_with(errno.ENOSPC))
    with pytest.raises(InputError, match="is full"):
        save_concept(concept, tmp_path / "new" / "x.safetensors")


def test_the_message_counts_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    megabytes = {"w": torch.zeros(3 * 2**20, dtype=torch.uint8)}
    monkeypatch.setattr(os, "fsync", fail_with(errno.ENOSPC))
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: writing.shutil._ntuple_diskusage(10, 9, 2**20))
    with pytest.raises(InputError, match="free 3 MB"):  # 3 MB and a header, less the one that is free
        write_new(megabytes, {}, tmp_path / "x.safetensors")


def test_a_folder_that_cannot_be_written(concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "fsync", fail_with(errno.EROFS))
    with pytest.raises(InputError, match=r"could not be written.*writable"):
        save_concept(concept, tmp_path / "x.safetensors")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="could not be written"):
        save_concept(concept, tmp_path / "file" / "x.safetensors")
    assert os.listdir(tmp_path) == ["file"]


def test_a_cancel_leaves_nothing(concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def cancel(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", cancel)
    with pytest.raises(KeyboardInterrupt):
        save_concept(concept, tmp_path / "x.safetensors")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows renames instead of linking")
def test_a_drive_without_links(concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    path = save_concept(concept, tmp_path / "x.safetensors")
    assert_same(load_concept(path), concept)
    with pytest.raises(FileTaken):
        save_concept(concept, path)
    assert_same(load_concept(path), concept)
    assert os.listdir(tmp_path) == ["x.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="Windows renames instead of linking")
def test_a_drive_without_links_that_fills_up_half_way(
    concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fsync, calls = os.fsync, []

    def full_the_second_time(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        fsync(handle)

    monkeypatch.setattr(os, "link", fail_with(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "fsync", full_the_second_time)
    with pytest.raises(InputError, match="is full"):
        save_concept(concept, tmp_path / "x.safetensors")
    assert os.listdir(tmp_path) == []


def test_temporary_files_are_never_listed_as_models(concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(os.listdir(tmp_path)))
    save_concept(concept, tmp_path / ("x" * 64 + ".safetensors"))
    assert seen[0].startswith(".") and seen[0].endswith(".tmp")


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    import os
    import time

    old, new = (tmp_path / f".concept.{digits}.tmp" for digits in ("0123456789ab", "ba9876543210"))
    others = [
        tmp_path / name for name in (".concept.tmp", "x.0123456789ab.tmp", ".concept.0123456789ab.tmp.safetensors")
    ]
    for path in (old, new, *others):
        path.write_bytes(b"half")
    for path in (old, *others):
        os.utime(path, (0, time.time() - 3600))
    writing.write_new_bytes(b"whole", tmp_path / "y.safetensors")
    assert not old.exists() and new.exists() and all(path.exists() for path in others)


def test_what_is_written_over_is_read_by_safetensors_itself(tmp_path: Path) -> None:
    tensors = {
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 3),
        "half": torch.randn(3, 2).to(torch.bfloat16),
        "turned": torch.randn(4, 5).t(),
        "double": torch.tensor([float("nan"), 1e-300], dtype=torch.float64),
        "bytes": torch.arange(7, dtype=torch.uint8),
        "ünïcode": torch.tensor([2**62]),
    }
    path = tmp_path / "new" / "file.safetensors"
    write_over(tensors, {"a": "ü\n"}, path)
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"a": "ü\n"}
        assert set(file.keys()) == set(tensors)
        for name, tensor in tensors.items():
            read = file.get_tensor(name)
            assert read.dtype == tensor.dtype and read.shape == tensor.shape
            assert read.reshape(-1).view(torch.uint8).tolist() == tensor.reshape(-1).view(torch.uint8).tolist()
    write_over({"other": torch.ones(2)}, {}, path)
    assert [entry.name for entry in path.parent.iterdir()] == ["file.safetensors"]
    assert list(load_file(path)) == ["other"]
