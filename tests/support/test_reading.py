"""Reading: what is no concept is refused in one sentence, and nothing foreign is ever run."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import load_concept, read_info, read_thumbnail, save_concept
from single_image_studio.support.errors import InputError

from ..helpers.samples import LAYER, assert_same, make_concept, rewrite


@pytest.fixture
def concept() -> Concept:
    return make_concept()


class Trap:
    """Unpickling it would make a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def assert_refused(path: Path, match: str) -> None:
    for read in (load_concept, read_info, read_thumbnail):
        with pytest.raises(InputError, match=match) as error:
            read(path)
        assert path.name in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_named_and_never_run(protocol: int, tmp_path: Path):
    trap = tmp_path / "it ran"
    path = tmp_path / "x.safetensors"
    path.write_bytes(pickle.dumps(Trap(trap), protocol))
    assert_refused(path, "Python pickle renamed.*was not loaded")
    assert not trap.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_is_named_and_never_run(zipped: bool, tmp_path: Path):
    trap = tmp_path / "it ran"
    path = tmp_path / "x.safetensors"
    torch.save({"emb_params": Trap(trap)}, path, _use_new_zipfile_serialization=zipped)
    assert_refused(path, "zip archive" if zipped else "Python pickle")
    assert not trap.exists()


def test_other_files_that_are_no_safetensors(concept: Concept, tmp_path: Path):
    path = tmp_path / "x.safetensors"
    for content, match in [
        (b"", "is empty"),
        (b"short", "not a safetensors file"),
        (b"hello, this is text", "not a safetensors file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "not a safetensors file"),
        (b"\n<!DOCTYPE html><html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (bytes(100), "not a safetensors file"),
    ]:
        path.write_bytes(content)
        assert_refused(path, match)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")
    assert_refused(path, "zip archive")


def test_a_missing_file_and_a_folder(tmp_path: Path):
    assert_refused(tmp_path / "gone.safetensors", "cannot be read.*choose another")
    (tmp_path / "folder.safetensors").mkdir()
    assert_refused(tmp_path / "folder.safetensors", "cannot be read")


def test_cut_short_at_every_length(concept: Concept, tmp_path: Path):
    whole = save_concept(concept, tmp_path / "whole.safetensors").read_bytes()
    path = tmp_path / "x.safetensors"
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for length in (9, 200, header - 1, header, header + 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert_refused(path, "cut short")
    for length in range(9):
        path.write_bytes(whole[:length])
        assert_refused(path, "is empty|not a safetensors file")


def test_damage_anywhere_is_refused_or_harmless(concept: Concept, tmp_path: Path):
    """Flips one byte at many places: a file is either refused in one sentence or holds the same concept."""
    whole = bytearray(save_concept(make_concept(picture=None, mask=None), tmp_path / "whole.safetensors").read_bytes())
    path = tmp_path / "whole.safetensors"
    refused = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            assert load_concept(path).fingerprint() == concept.fingerprint()
        except InputError:
            refused += 1
    assert refused > len(whole) // 7 // 2


def test_trailing_bytes_are_refused(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(InputError, match="is damaged"):
        load_concept(path)


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"[]",
        b"{]",
        b'{"a": 3}',
        b'{"a": {"dtype": "F32"}}',
        b'{"__metadata__": 3}',
        b'{"a": {"dtype":"F32","shape":[1],"data_offsets":[4]}}',
        b'{"a": {"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}',
        b'{"a": {"dtype":"F32","shape":["x"],"data_offsets":[0,4]}}',
        b'{"a":' * 20000,
        b"{\xff\xfe}",
    ],
)
def test_a_header_that_no_writer_makes(header: bytes, tmp_path: Path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    assert_refused(path, "header of|not a safetensors file")


def test_changed_content_is_noticed(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "a.safetensors")
    changed = rewrite(path, tmp_path / "b.safetensors", {"embedding": concept.embedding * 1.01})
    with pytest.raises(InputError, match="fingerprint"):
        load_concept(changed)


def test_a_damaged_picture(concept: Concept, tmp_path: Path):
    path = save_concept(concept, tmp_path / "a.safetensors")
    png = load_file(path)["picture_png"]
    for index, data in enumerate([png[:50], torch.zeros(40, dtype=torch.uint8), torch.zeros(4).bfloat16()]):
        with pytest.raises(InputError, match=r"cannot be used: its picture is damaged"):
            load_concept(rewrite(path, tmp_path / f"{index}.safetensors", {"picture_png": data}))


def test_only_png_is_decoded(concept: Concept, tmp_path: Path):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 40)).save(buffer, "BMP")
    data = torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)
    path = save_concept(concept, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="damaged"):
        load_concept(rewrite(path, tmp_path / "b.safetensors", {"picture_png": data}))


def test_a_newer_version(concept: Concept, tmp_path: Path):
    path = rewrite(save_concept(concept, tmp_path / "a.safetensors"), tmp_path / "b.safetensors", format_version="7")
    assert_refused(path, r"newer version of Single Image Studio \(format 7; this one reads 1\): update the pack")


@pytest.mark.parametrize("version", ["", "0", "-1", "one", "1.5"])
def test_an_impossible_version(version: str, concept: Concept, tmp_path: Path):
    assert_refused(
        rewrite(save_concept(concept, tmp_path / "a.safetensors"), tmp_path / "b.safetensors", format_version=version),
        "format version",
    )


@pytest.mark.parametrize(
    ("metadata", "match"),
    [
        ({"settings": "{"}, "metadata"),
        ({"losses": "[]"}, "metadata"),
        ({"stage": "x"}, "metadata"),
        ({"settings": "[" * 100_000}, "metadata"),
    ],
)
def test_damaged_metadata(metadata: dict[str, str], match: str, concept: Concept, tmp_path: Path):
    path = rewrite(save_concept(concept, tmp_path / "a.safetensors"), tmp_path / "b.safetensors", **metadata)
    for read in (load_concept, read_info):
        with pytest.raises(InputError, match=match):
            read(path)


@pytest.mark.parametrize(
    ("tensors", "match"),
    [
        ({"lora_unet_x.lora_up.weight": torch.zeros(1)}, "a LoRA, which Load LoRA takes"),
        ({"unet.a.lora_A.weight": torch.zeros(1)}, "a LoRA"),
        ({"emb_params": torch.zeros(1, 768)}, "embedding:NAME"),
        ({"model.diffusion_model.x": torch.zeros(1)}, "a checkpoint, which Load Checkpoint takes"),
        ({"x": torch.zeros(1)}, "no concept"),
        ({}, "no concept"),
    ],
)
def test_a_safetensors_file_of_another_kind(tensors: dict[str, Tensor], match: str, tmp_path: Path):
    path = tmp_path / "x.safetensors"
    save_file(tensors, path)
    assert_refused(path, match + ".*Save Concept")


@pytest.mark.parametrize("shape", [(32,), (1, 1, 32), ()])
def test_an_embedding_that_is_no_list_of_words(shape: tuple[int, ...], concept: Concept, tmp_path: Path):
    path = rewrite(
        save_concept(concept, tmp_path / "a.safetensors"), tmp_path / "b.safetensors", {"embedding": torch.zeros(shape)}
    )
    assert_refused(path, "embedding in b.safetensors is no list of words")


@pytest.mark.parametrize("name", ["embedding", f"lora.{LAYER}.lora_up.weight"])
def test_numbers_that_are_not_finite(name: str, concept: Concept, tmp_path: Path):
    broken = rewrite(
        save_concept(concept, tmp_path / "a.safetensors"),
        tmp_path / "b.safetensors",
        {name: torch.full((1, 32), torch.nan)},
    )
    with pytest.raises(InputError, match=r"b\.safetensors cannot be used: .* not finite"):
        load_concept(broken)


def test_names_of_a_later_minor_change_are_passed_over(concept: Concept, tmp_path: Path):
    path = rewrite(
        save_concept(concept, tmp_path / "a.safetensors"),
        tmp_path / "b.safetensors",
        {"depth": torch.zeros(2)},
        mood="good",
    )
    assert_same(load_concept(path), concept)
