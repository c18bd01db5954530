"""Which pictures of a batch are kept, and what tells one from another."""

from __future__ import annotations

import pathlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from single_image_studio.host.identity import Untold, digest_of
from single_image_studio.pipelines.finished_pictures import Finished, FinishedPictures, Form
from single_image_studio.support.bounded_folder import BoundedFolder

FORM: Form[float] = Form(
    lambda value: Finished({"value": torch.tensor([value], dtype=torch.float64)}, {"value": value}),
    lambda kept: float(kept.tensors["value"]),
)


@dataclass
class Pair:
    one: Any
    other: Any


def a_batch(path: pathlib.Path, seconds: float, run: str = "run") -> FinishedPictures[float]:
    """Its pictures take so long."""
    now = iter(seconds * i for i in range(100))
    folder = BoundedFolder(path / "pictures", most_files=8, most_bytes=2**20, days=1, left_free=0)
    return FinishedPictures(folder, run, FORM, lambda: next(now))


@pytest.mark.parametrize(("seconds", "made_again"), [(4.9, True), (5.0, False)])
def test_only_what_takes_long_is_kept(tmp_path: pathlib.Path, seconds: float, made_again: bool) -> None:
    values = iter((0.5, 0.25))
    first, second = (
        a_batch(tmp_path, seconds).get((torch.ones(2), "words"), lambda: next(values), lambda: None) for _ in "12"
    )
    assert first == 0.5 and second == (0.25 if made_again else 0.5)


def test_a_batch_larger_than_the_folder_keeps_what_fits(tmp_path: pathlib.Path) -> None:
    """An earlier batch goes for it; of its own, the first eight stay, and are found."""

    def walk(names: str) -> tuple[str, int]:
        made: list[int] = []

        def make(i: int) -> float:
            made.append(i)
            return float(i)

        batch = a_batch(tmp_path, 9.0)
        batch.all(len(names), lambda i: (names[i],), make, lambda *_: None, 1)
        return "".join(names[i] for i in made), batch.found

    assert walk("xyz") == ("xyz", 0)
    assert walk("abcdefghijkl") == ("abcdefghijkl", 0)
    assert walk("abcdefghijkl") == walk("abcdefghijkl") == ("ijkl", 8)
    assert walk("Xbcdefghijkl") == ("Xijkl", 7)
    assert walk("xyz") == ("xyz", 0)


def test_nothing_is_kept_or_found_without_a_run(tmp_path: pathlib.Path) -> None:
    batch = a_batch(tmp_path, 9.0, "")
    assert batch.get(("picture",), lambda: 1.0, lambda: None) == 1.0 and not (tmp_path / "pictures").exists()


def test_a_file_of_another_kind_is_not_read(tmp_path: pathlib.Path) -> None:
    batch = a_batch(tmp_path, 9.0)
    batch.get(("picture",), lambda: 1.0, lambda: None)
    (file,) = (tmp_path / "pictures").iterdir()
    batch.folder.keep(file.stem, {"other": torch.zeros(1)}, {"format": "single_image_studio.finished_picture"})
    assert batch.get(("picture",), lambda: 2.0, lambda: None) == 2.0 and batch.found == 0


ALIKE = [
    ([1, 2.5, "x", None, True], (1, 2.5, "x", None, True)),
    ({"a": torch.ones(2)}, OrderedDict(a=torch.ones(2))),
    (Pair(1, [2]), {"one": 1, "other": [2]}),
]
UNLIKE = [
    (1, 1.0),
    (1, True),
    ("1", 1),
    ([[1], 2], [[1, 2]]),
    (["ab", "c"], ["a", "bc"]),
    (torch.zeros(2), torch.zeros(2, 1)),
    (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
    (torch.zeros(2), -torch.zeros(2)),
    ({"a": 1}, {"b": 1}),
    (None, "None"),
]


def test_values_are_told_apart_by_all_their_numbers() -> None:
    assert all(digest_of(one) == digest_of(other) for one, other in ALIKE)
    assert all(digest_of(one) != digest_of(other) for one, other in UNLIKE)


@pytest.mark.parametrize("value", [object(), [lambda: 0], {"control": Pair(1, object())}, {1, 2}, Pair])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(Untold):
        digest_of(value)
