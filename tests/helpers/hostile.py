"""Nonsense for every kind of input, and what a node may say of it: `hypothesis` draws from these."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import Tensor

from single_image_studio.support.errors import InputError

LONGEST_SENTENCE = 700
MANY = int(os.environ.get("SIS_FUZZ_EXAMPLES", "0"))
"""Examples of each test in the long form, which draws others each time; 0 for the short one, always the same."""


def fuzzed(short: int) -> Any:
    """Settings of a test that draws `short` examples in the short form."""
    checks = list(HealthCheck)
    return settings(
        max_examples=MANY or short, derandomize=not MANY, deadline=None, database=None, suppress_health_check=checks
    )


def given_or_refused(run: Callable[[], Any]) -> Any:
    """A result, or None after one sentence. All else is a fault."""
    try:
        return run()
    except InputError as error:
        said = str(error)
        assert said and len(said) < LONGEST_SENTENCE and "\n" not in said, said[:300]
        return None


_ODD = [0, -1, 1, 2, 0.5, -5.0, 1e38, -1e38, 1e-45, 10**400, 2**64, math.nan, math.inf, -math.inf, True, None, "x", [1]]
NUMBERS = st.one_of(st.sampled_from(_ODD), st.floats(), st.integers(-5, 5))
_WORDS = ["", " ", "*", "* *", "<x>", "\0", "\ud800", "../x", "x" * 5000, "0.1,nan", "1e400", "0,0,0", None, 5, ["a"]]
TEXTS = st.one_of(st.sampled_from(_WORDS), st.text(max_size=20))
FLAGS = st.sampled_from([True, False, None, 1, "yes"])
_SHAPES = [
    *[(), (0,), (1,), (1, 1), (8, 8), (1, 8, 8), (1, 64, 64), (1, 4, 8, 8), (2, 4, 8, 8), (1, 16, 8, 8), (1, 4, 0, 8)],
    *[(1, 64, 64, 3), (1, 64, 64, 4), (2, 64, 64, 3), (1, 1, 37, 3), (0, 64, 64, 3), (1, 77, 64), (1, 0, 64)],
    *[(1, 77, 96), (1, 77, 768), (1, 4, 1, 8, 8)],
]
SHAPES = st.one_of(st.sampled_from(_SHAPES), st.lists(st.integers(0, 5), max_size=5).map(tuple))
_FLOATS = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn]
DTYPES = st.sampled_from([*_FLOATS, torch.int64, torch.uint8, torch.bool, torch.complex64])
FILLS = st.sampled_from([0.0, 1.0, 0.5, -3.0, math.nan, math.inf, 1e38])


@st.composite
def tensors(draw: Any) -> Tensor:
    dtype = draw(DTYPES)
    fill = draw(FILLS) if dtype in _FLOATS else 1.0
    return torch.full(draw(SHAPES), fill).to(dtype)


def nonsense(kind: str) -> st.SearchStrategy[Any]:
    """What may come over an input of a kind."""
    some = st.one_of(tensors(), st.sampled_from([None, "x", {}, [], 5]))
    entry = st.tuples(tensors(), st.just({})).map(list)
    latents = st.one_of(
        tensors().map(lambda t: {"samples": t}),
        tensors().map(lambda t: {"samples": torch.zeros(1, 4, 8, 8), "noise_mask": t}),
    )
    kinds = {
        "number": NUMBERS,
        "text": TEXTS,
        "flag": FLAGS,
        "tensor": some,
        "latent": st.one_of(some, latents),
        "conditioning": st.one_of(some, st.lists(entry, max_size=2)),
    }
    return kinds[kind]


def changed(whole: Any, draw: Any) -> Any:
    """A dataclass of the pack with one field that is nonsense, or None where it was refused."""
    name = draw(st.sampled_from([field.name for field in dataclasses.fields(whole) if field.name != "uncond"]))
    value = draw(st.one_of(tensors(), NUMBERS, TEXTS, st.sampled_from([{}, {"a": {"b": "c"}}])))
    return given_or_refused(lambda: dataclasses.replace(whole, **{name: value}))


_METADATA = ["", "9" * 5000, "-1", "nan", "inf", "1e38", "0", "null", "[]", "{}", "[" * 2000, "\ud800"]
_METADATA += ['{"stage1": 1}', '{"stage1": {"loss": [{}]}}']
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "dtype": st.sampled_from(["I32", "U8", "F8_E4M3", "XX", 5]),
    "shape": st.lists(st.integers(-1, 99), max_size=4),
    "data_offsets": st.lists(st.integers(-1, 10**6), max_size=3),
}


@st.composite
def damaged(draw: Any, good: bytes) -> bytes:
    """A safetensors file's bytes with one thing wrong: in its bytes, its metadata, or its table of tensors."""
    how = draw(st.sampled_from(["bytes", "cut", "metadata", "tensor", "header"]))
    if how == "bytes":
        place, value = draw(st.integers(0, len(good) - 1)), draw(st.integers(0, 255))
        return good[:place] + bytes([value]) + good[place + 1 :]
    if how == "cut":
        return good[: draw(st.integers(0, len(good)))]
    size = struct.unpack("<Q", good[:8])[0]
    table, data = json.loads(good[8 : 8 + size]), good[8 + size :]
    if how == "metadata":
        name = draw(st.sampled_from(sorted(table["__metadata__"])))
        table["__metadata__"][name] = draw(st.one_of(st.sampled_from(_METADATA), st.text(max_size=9)))
    elif how == "tensor":
        entry = table[draw(st.sampled_from(sorted(set(table) - {"__metadata__"})))]
        field = draw(st.sampled_from(sorted(_FIELDS)))
        entry[field] = draw(_FIELDS[field])
    else:
        table = draw(st.sampled_from([[], {}, {"__metadata__": 5}, {"a": None}, "x", {**table, "extra": {}}]))
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + data


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
