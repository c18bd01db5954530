"""Which concepts a folder's files name."""

from __future__ import annotations

import os
import pathlib
import sys

import pytest

from lab import DevError
from lab.learn_folder.pictures import find


def folder_of(tmp_path: pathlib.Path, *files: str) -> pathlib.Path:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "name", "class_word"),
    [
        ("dog/rex.png", "rex", "dog"),
        ("teddy_bear/ted.JPG", "ted", "teddy bear"),
        ("dog/old/rex.webp", "rex", "old"),
        ("rex_dog.png", "rex_dog", "dog"),
        ("my big_dog.png", "my_big_dog", "dog"),
        ("犬/レックス.png", "レックス", "犬"),
    ],
)
def test_a_subfolder_or_the_last_word_of_a_name_is_the_class_word(
    tmp_path: pathlib.Path, file: str, name: str, class_word: str
) -> None:
    (picture,), failures = find(folder_of(tmp_path, file))
    assert (picture.file, picture.name, picture.class_word, failures) == (file, name, class_word, [])


def test_a_given_class_word_is_of_the_pictures_beside_the_subfolders(tmp_path: pathlib.Path) -> None:
    pictures, _ = find(folder_of(tmp_path, "rex_1.png", "cat/tom.png"), "dog")
    assert [(picture.name, picture.class_word) for picture in pictures] == [("tom", "cat"), ("rex_1", "dog")]


def test_what_names_no_concept_is_told_with_its_file(tmp_path: pathlib.Path) -> None:
    files = ("IMG_123.png", "dog/a(1).png", "dog/rex.png", "cat/REX.jpg", "cat/tom.png", "notes.txt", ".x/y_dog.png")
    pictures, failures = find(folder_of(tmp_path, *files))
    assert [picture.file for picture in pictures] == ["cat/tom.png"]
    told = {failure.file: failure.reason for failure in failures}
    assert set(told) == {"IMG_123.png", "dog/a(1).png", "dog/rex.png", "cat/REX.jpg"}
    assert "no class word" in told["IMG_123.png"] and "IMG_123_dog.png" in told["IMG_123.png"]
    assert "has '('" in told["dog/a(1).png"]
    assert told["dog/rex.png"].startswith("cat/REX.jpg would have the same name")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_text_is_told_and_can_be_written_down(tmp_path: pathlib.Path) -> None:
    """As an archive of another system leaves it."""
    names = [os.fsdecode(b"caf\xe9_dog.png"), os.fsdecode(b"ch\xe8vre/rex.png")]
    pictures, failures = find(folder_of(tmp_path, "a_dog.png", *names))
    assert [picture.file for picture in pictures] == ["a_dog.png"]
    assert [failure.file for failure in failures] == ["caf\\udce9_dog.png", "ch\\udce8vre/rex.png"]
    assert all("not in UTF-8" in failure.reason and failure.reason.encode() for failure in failures)


@pytest.mark.parametrize("output", ["dog/out", ""])
def test_what_an_earlier_run_drew_is_nothing_to_learn_from(tmp_path: pathlib.Path, output: str) -> None:
    drawn = (f"{output}/pictures/rex_mask.png", f"{output}/pictures/rex_1.png", f"{output}/contact_sheet_1.jpg")
    folder = folder_of(tmp_path, "dog/rex.png", "dog/pictures/max.png", *(name.lstrip("/") for name in drawn))
    pictures, failures = find(folder, "dog", folder / output)
    assert [picture.file for picture in pictures] == ["dog/pictures/max.png", "dog/rex.png"] and not failures


@pytest.mark.parametrize("output", ["cat/../out", "link"])
def test_nor_is_it_where_the_output_folder_is_written_otherwise(tmp_path: pathlib.Path, output: str) -> None:
    folder = folder_of(tmp_path, "dog/rex.png", "cat/tom.png", "out/pictures/rex_1.png")
    (folder / "link").symlink_to(folder / "out")
    pictures, failures = find(folder, "dog", folder / output)
    assert [picture.file for picture in pictures] == ["cat/tom.png", "dog/rex.png"] and not failures


def test_a_folder_without_pictures_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DevError, match="has no pictures"):
        find(folder_of(tmp_path, "notes.txt"))
    with pytest.raises(DevError, match="no folder"):
        find(tmp_path / "nowhere")
