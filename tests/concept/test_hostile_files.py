"""Concept files of unknown origin: each is a concept, or is refused in one short sentence, by its header and by its
load."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import load_concept, read_info, save_concept
from single_image_studio.support.errors import InputError

from ..helpers.samples import LAYER, make_concept, rewrite

LONGEST_SENTENCE = 500


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return save_concept(make_concept(), tmp_path / "good.safetensors")


def refusal(read: Any, path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    said = str(caught.value)
    assert path.name in said and str(path.parent) not in said and "\n" not in said and len(said) < LONGEST_SENTENCE
    return said


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("format_version", "9" * 5000, "format version"),
        ("format_version", "-1", "format version"),
        ("format_version", "٣", "format version"),
        ("stage", "3", "stage is 3"),
        ("stage", "1" * 5000, "metadata"),
        ("stage", "0", "stage is 0"),
        ("class_word", "w" * 2_000_000, "class word"),
        ("class_word", " ", "class word"),
        ("class_word", "a\0b", "class word"),
        ("base_model", "b" * 500, "base model"),
        ("created", "yesterday, about noon", "`created`"),
        ("fingerprint", "f" * 500, "`fingerprint`"),
        ("settings", "[]", "settings"),
        ("settings", '{"stage1": 5}', "settings"),
        ("settings", '{"stage1": {"x": "\\ud800"}}', "settings"),
        ("settings", json.dumps({"note": "x" * 2_000_000}), "settings"),
        ("settings", "[" * 100_000, "metadata"),
        ("losses", '{"stage1": [1]}', "losses"),
        ("losses", '{"stage1": {"loss": ["a"]}}', "losses"),
        ("losses", '{"stage1": {"loss": [true]}}', "losses"),
    ],
)
def test_each_field_is_checked_by_the_header_alone(good: Path, field: str, value: str, named: str) -> None:
    bad = rewrite(good, good.with_name("bad.safetensors"), **{field: value})
    assert named in refusal(read_info, bad)
    if field != "created":  # only shown
        refusal(load_concept, bad)


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({"embedding": torch.zeros(76, 32)}, "list of words"),
        ({"embedding": torch.zeros(1, 20_000)}, "list of words"),
        ({"embedding": torch.full((1, 32), 1e38)}, "embedding holds numbers above"),
        ({f"lora.{LAYER}.alpha": torch.tensor(1e38)}, "alpha' holds|alpha holds"),
        ({f"lora.{LAYER}.alpha": torch.ones(3)}, "3 numbers; expected one"),
        ({f"lora.{LAYER}.lora_up.weight": torch.rand(32, 7)}, "does not fit its other half"),
        ({f"lora.{LAYER}.lora_up.weight": torch.rand(32, 4).to(torch.float8_e4m3fn)}, "float8"),
        ({f"lora.{LAYER}.lora_up.weight": torch.ones(32, 4, dtype=torch.int32)}, "int32"),
        ({"picture_png": torch.zeros(4, dtype=torch.float32)}, "picture is damaged"),
    ],
)
def test_each_tensor_is_checked(good: Path, tensors: dict[str, torch.Tensor], named: str) -> None:
    import re

    assert re.search(named, refusal(load_concept, rewrite(good, good.with_name("bad.safetensors"), tensors)))


def png(width: int, height: int) -> bytes:
    """A whole PNG of black grey levels: a few kilobytes, whatever its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, rows = zlib.compressobj(9), io.BytesIO()
    for _ in range(height):
        rows.write(packer.compress(bytes(1 + width)))
    rows.write(packer.flush())
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows.getvalue()) + chunk(b"IEND", b"")


def test_a_picture_made_to_fill_the_memory_is_known_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    good = save_concept(make_concept(picture=None), tmp_path / "good.safetensors")
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("its pixels were unpacked"))
    bomb = torch.frombuffer(bytearray(png(13_000, 13_000)), dtype=torch.uint8)
    said = refusal(load_concept, rewrite(good, good.with_name("bad.safetensors"), {"mask_png": bomb}))
    assert "13000x13000" in said


def test_a_picture_of_another_kind_of_pixels_is_named(good: Path) -> None:
    grey = torch.frombuffer(bytearray(png(64, 40)), dtype=torch.uint8)
    said = refusal(load_concept, rewrite(good, good.with_name("bad.safetensors"), {"picture_png": grey}))
    assert "a PNG of the kind L; expected RGB" in said


def header_only(path: Path, entries: dict[str, Any], data: bytes = b"") -> Path:
    text = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_two_hundred_thousand_empty_tensors_are_not_read_one_by_one(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    path = header_only(tmp_path / "many.safetensors", {f"t{i}": entry for i in range(200_000)})
    for read in (read_info, load_concept):
        assert "200,000 tensors" in refusal(read, path)


def test_a_header_is_not_read_beyond_what_programs_write(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 90_000_000) + b"{")
        file.truncate(90_000_009)
    assert "a header of 90,000,000 bytes" in refusal(read_info, path)


def test_a_shape_that_its_bytes_do_not_have_is_damage(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [1, 10**9], "data_offsets": [0, 4]}
    meta = {"format": "single_image_studio.concept", "format_version": "1", "class_word": "x", "stage": "1"}
    path = header_only(tmp_path / "thin.safetensors", {"__metadata__": meta, "embedding": entry}, bytes(4))
    assert "header of thin.safetensors is damaged" in refusal(read_info, path)


def test_what_earlier_versions_wrote_is_still_read(good: Path) -> None:
    """A whole alpha, as other trainers write it, and files without the younger fields."""
    whole = rewrite(good, good.with_name("whole.safetensors"), {f"lora.{LAYER}.alpha": torch.tensor(4)}, fingerprint="")
    with pytest.raises(InputError, match="fingerprint does not fit"):
        load_concept(whole)
    concept = make_concept(lora={**make_concept().lora, f"{LAYER}.alpha": torch.tensor(4)}, base_model="", losses={})
    path = save_concept(concept, good.with_name("old.safetensors"))
    assert load_concept(path).lora[f"{LAYER}.alpha"].dtype == torch.int64
    assert set(load_file(path)) and isinstance(load_concept(path), Concept)
