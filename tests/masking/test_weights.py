"""Weight files of unknown origin."""

from __future__ import annotations

import argparse
import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from single_image_studio.masking.weights import read_folder_weights, read_weights
from single_image_studio.support.errors import InputError

from ..helpers.masking import Trap


def test_tensors_come_back_in_float32_without_wrapper_and_prefix(tmp_path) -> None:
    wanted = {"a.weight": torch.randn(3, 2), "b": torch.arange(4)}
    torch.save(
        {"model": {f"module.{k}": v.half() if v.is_floating_point() else v for k, v in wanted.items()}, "epoch": 3},
        tmp_path / "w.pth",
    )
    torch.save(wanted, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(wanted, tmp_path / "w.safetensors")
    for name, error in (("w.pth", 1e-3), ("old.pth", 0), ("w.safetensors", 0)):
        found = read_weights(tmp_path / name)
        assert found["a.weight"].dtype == torch.float32 and torch.equal(found["b"], wanted["b"])
        assert (found["a.weight"] - wanted["a.weight"]).abs().max() <= error


def test_a_command_line_beside_the_weights_is_harmless(tmp_path) -> None:
    torch.save({"model": {"a": torch.ones(1)}, "args": argparse.Namespace(lr=0.1, out="x")}, tmp_path / "w.pth")
    assert list(read_weights(tmp_path / "w.pth")) == ["a"]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("wrapped", [False, True])
def test_code_in_a_pickle_does_not_run(tmp_path, protocol: int, wrapped: bool) -> None:
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Trap(mark), protocol))  # noqa: S301  the trap works
    assert mark.exists()
    mark.unlink()
    for name in ("raw.pth", "zip.pth", "raw.safetensors"):
        content = {"model": {"a": torch.ones(1), "b": Trap(mark)}} if wrapped else Trap(mark)
        if name.startswith("zip"):
            torch.save(content, tmp_path / name, pickle_protocol=max(protocol, 2))
        else:
            (tmp_path / name).write_bytes(pickle.dumps(content, protocol))
        with pytest.raises(InputError, match=f"{name} (holds more than weights|is cut short, damaged)"):
            read_weights(tmp_path / name)
        assert not mark.exists(), name


def test_damaged_files_are_named(tmp_path) -> None:
    torch.save({"a": torch.randn(1000)}, tmp_path / "whole.pth")
    save_file({"a": torch.randn(1000)}, tmp_path / "whole.safetensors")
    for ending in ("pth", "safetensors"):
        whole = (tmp_path / f"whole.{ending}").read_bytes()
        for name, content in (
            ("short", whole[:-500]),
            ("tiny", whole[:20]),
            ("noise", bytes(range(256)) * 20),
            ("empty", b""),
            ("page", b"<!DOCTYPE html><html>"),
            ("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0"),
        ):
            path = tmp_path / f"{name}.{ending}"
            path.write_bytes(content)
            with pytest.raises(InputError, match=rf"{name}\.{ending} (is|holds).*download it again"):
                read_weights(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_weights(tmp_path / "nowhere.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="holds no weights"):
        read_weights(tmp_path / "list.pth")


def test_folders_in_parts(tmp_path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "model-1.safetensors")
    save_file({"b": torch.ones(2)}, tmp_path / "model-2.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}))
    assert sorted(read_folder_weights(tmp_path)) == ["a", "b"]
    index.write_text(json.dumps({"weight_map": {"a": "../model-1.safetensors"}}))
    with pytest.raises(InputError, match="outside its folder"):
        read_folder_weights(tmp_path)
    index.unlink()
    with pytest.raises(InputError, match=r"holds no model\.safetensors"):
        read_folder_weights(tmp_path)


def test_reading_ends_between_two_tensors(tmp_path) -> None:
    weights = {name: torch.ones(2) for name in "abcdef"}
    save_file(weights, tmp_path / "w.safetensors")
    torch.save(weights, tmp_path / "w.pth")

    def third() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    for name in ("w.safetensors", "w.pth"):
        calls: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            read_weights(tmp_path / name, third)
        assert len(calls) == 3
