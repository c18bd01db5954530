"""A folder of files that may be lost stays within its bounds, and what it cannot take costs nothing else."""

from __future__ import annotations

import errno
import os
import pathlib
import time

import pytest
import torch

from single_image_studio.support.bounded_folder import DAY, BoundedFolder
from single_image_studio.support.errors import InputError

A = "a" * 32
KILOBYTE = {"weights": torch.arange(256, dtype=torch.float32)}


def folder(path: pathlib.Path, files: int = 4, size: int = 10_000, days: float = 7, free: int = 0) -> BoundedFolder:
    return BoundedFolder(path / "kept", most_files=files, most_bytes=size, days=days, left_free=free)


def keep(shelf: BoundedFolder, key: str, age: float = 0) -> None:
    """Keeps a kilobyte under a key, as if so many seconds ago."""
    shelf.keep(key * 32, KILOBYTE, {"key": key})
    then = time.time() - age
    os.utime(shelf.path / f"{key * 32}.safetensors", (then, then))


def names(shelf: BoundedFolder) -> set[str]:
    """The files there, the kept ones by their key's first digit."""
    return {path.stem[0] if len(path.stem) == 32 else path.stem for path in shelf.path.iterdir()}


def test_what_is_kept_comes_back(tmp_path: pathlib.Path) -> None:
    shelf = folder(tmp_path)
    assert shelf.header(A) is None
    keep(shelf, "a")
    header = shelf.header(A)
    assert header is not None and header.metadata == {"key": "a"}
    assert torch.equal(shelf.tensors(A)["weights"], KILOBYTE["weights"])


def test_a_key_that_is_kept_anew_replaces_its_file(tmp_path: pathlib.Path) -> None:
    shelf = folder(tmp_path, files=1, size=2000)
    keep(shelf, "a")
    shelf.keep(A, {"other": torch.zeros(3)}, {})
    assert names(shelf) == {"a"} and list(shelf.tensors(A)) == ["other"]


def test_the_oldest_are_given_up_for_a_new_one(tmp_path: pathlib.Path) -> None:
    by_number, by_bytes = folder(tmp_path / "n", files=3), folder(tmp_path / "b", size=3500)
    for shelf in (by_number, by_bytes):
        for age, key in enumerate("edcb"):
            keep(shelf, key, 100 - age)
        keep(shelf, "a")
        assert names(shelf) == {"a", "b", "c"}


def test_what_belongs_beside_a_new_one_stays_or_the_new_one_is_not_kept(tmp_path: pathlib.Path) -> None:
    by_number, by_bytes = folder(tmp_path / "n", files=3), folder(tmp_path / "b", size=3500)
    for shelf in (by_number, by_bytes):
        for age, key in enumerate("edc"):
            keep(shelf, key, 100 - age)
        shelf.keep("b" * 32, KILOBYTE, {}, {"e" * 32, "d" * 32})
        assert names(shelf) == {"e", "d", "b"}
        with pytest.raises(OSError) as full:
            shelf.keep(A, KILOBYTE, {}, [key * 32 for key in "edb"])
        assert full.value.errno == errno.ENOSPC and names(shelf) == {"e", "d", "b"}
        shelf.keep("d" * 32, KILOBYTE, {}, [key * 32 for key in "edb"])  # one of them anew
        assert names(shelf) == {"e", "d", "b"}


def test_what_is_old_goes(tmp_path: pathlib.Path) -> None:
    shelf = folder(tmp_path, days=2)
    keep(shelf, "a", 3 * DAY)
    keep(shelf, "b", 1 * DAY)
    shelf.sweep()
    assert names(shelf) == {"b"}


def test_others_files_stay(tmp_path: pathlib.Path) -> None:
    shelf = folder(tmp_path, files=1)
    keep(shelf, "a")
    (shelf.path / "lora.safetensors").write_text("mine")
    (shelf.path / f"{'c' * 32}.safetensors").mkdir()
    keep(shelf, "b")
    assert names(shelf) == {"b", "lora", "c"}


def test_what_is_larger_than_the_folder_may_be_is_not_kept(tmp_path: pathlib.Path) -> None:
    shelf = folder(tmp_path, size=1500)
    keep(shelf, "a")
    with pytest.raises(OSError) as full:
        shelf.keep(A, {"weights": torch.zeros(2000)}, {})
    assert full.value.errno == errno.ENOSPC
    assert names(shelf) == {"a"}


def test_a_disk_is_never_filled(tmp_path: pathlib.Path) -> None:
    with pytest.raises(OSError) as full:
        folder(tmp_path, free=2**60).keep(A, KILOBYTE, {})
    assert full.value.errno == errno.ENOSPC
    assert not list((tmp_path / "kept").iterdir())


def test_a_writing_that_fails_leaves_the_older_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = folder(tmp_path)
    keep(shelf, "a")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        shelf.keep(A, {"other": torch.zeros(3)}, {})
    assert names(shelf) == {"a"} and list(shelf.tensors(A)) == ["weights"]


def test_a_folder_that_is_a_file_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "kept").write_text("")
    shelf = folder(tmp_path)
    shelf.sweep()
    assert shelf.header(A) is None
    with pytest.raises(OSError):
        shelf.keep(A, KILOBYTE, {})


def test_a_file_larger_than_any_that_was_kept_is_not_read(tmp_path: pathlib.Path) -> None:
    shelf = folder(tmp_path)
    keep(shelf, "a")
    with (shelf.path / f"{A}.safetensors").open("r+b") as file:
        file.truncate(2**33)  # of holes
    with pytest.raises(InputError, match="more than any that is kept"):
        shelf.header(A)
