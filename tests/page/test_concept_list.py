"""What the concept picker is told: by functions, and over HTTP by a real host."""

from __future__ import annotations

import io
import json
import os
import pathlib
import urllib.parse
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from lab.hosting.client import Client, HostError
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept

from ..helpers.samples import rewrite

PICKLE = b"\x80\x04cposix\nsystem\n(S'touch trap'\ntR."


def concept(word: str = "heart", **changes: Any) -> Concept:
    picture = torch.zeros(1, 64, 64, 3)
    picture[..., 0] = 1
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1
    return Concept(torch.ones(1, 96), word, **({"picture": picture, "mask": mask} | changes))


@pytest.fixture
def routes(host: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Any:
    """The module, with tmp_path as the only folder of concepts."""
    import folder_paths

    from single_image_studio.page import concept_list

    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    folder_paths.folder_names_and_paths["single_image_studio_concepts"] = ([str(tmp_path)], {".safetensors"})
    return concept_list


def test_the_list_says_what_a_picker_shows(routes: Any, tmp_path: pathlib.Path) -> None:
    save_concept(concept(), tmp_path / "mine.safetensors")
    save_concept(concept("ünï 犬", stage=2), tmp_path / "more" / "yours.safetensors")
    entries = {entry["name"].replace("\\", "/"): entry for entry in routes.concept_entries()}
    assert set(entries) == {"mine", "more/yours"}
    mine = entries["mine"]
    assert (
        mine["class_word"] == "heart"
        and mine["stage"] == 1
        and mine["phrase"] == "<mine> heart"
        and mine["fingerprint"] == concept().fingerprint()
    )
    assert (
        mine["bytes"] == (tmp_path / "mine.safetensors").stat().st_size
        and mine["created"].startswith("20")
        and "losses" not in mine
    )
    assert entries["more/yours"]["phrase"] == "<yours> ünï 犬" and entries["more/yours"]["stage"] == 2


def test_the_newest_come_first_and_damaged_files_last(
    routes: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from single_image_studio.concept import file

    for name, created in (
        ("b", "2026-01-02T00:00:00+00:00"),
        ("a", "2026-01-01T00:00:00+00:00"),
        ("c", "2026-01-02T00:00:00+00:00"),
    ):
        monkeypatch.setattr(
            file,
            "_metadata",
            lambda made, stem, old=file._metadata, created=created: old(made, stem) | {"created": created},
        )
        save_concept(concept(), tmp_path / f"{name}.safetensors")
    (tmp_path / "0_pickle.safetensors").write_bytes(PICKLE)
    (tmp_path / "0_torn.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-5])
    entries = routes.concept_entries()
    assert [entry["name"] for entry in entries] == ["b", "c", "a", "0_pickle", "0_torn"]
    assert "pickle" in entries[3]["error"] and "cut short" in entries[4]["error"] and "class_word" not in entries[4]


def test_one_bad_file_never_takes_the_list_down(
    routes: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = save_concept(concept(), tmp_path / "good.safetensors")
    for name, field, value in (
        ("1", "format_version", "9" * 5000),
        ("2", "stage", "3"),
        ("3", "class_word", "w" * 10**6),
    ):
        rewrite(good, tmp_path / f"{name}.safetensors", **{field: value})
    save_concept(concept(), tmp_path / "trap.safetensors")
    real = routes.read_info

    def trapped(path: pathlib.Path) -> Any:
        if path.stem == "trap":
            raise RuntimeError("of a kind that nobody thought of")
        return real(path)

    monkeypatch.setattr(routes, "read_info", trapped)
    entries = routes.concept_entries()
    assert [entry["name"] for entry in entries] == ["good", "1", "2", "3", "trap"]
    assert all(entry["error"] and str(tmp_path) not in entry["error"] for entry in entries[1:])
    assert len(json.dumps(entries)) < 5000


def test_a_list_that_takes_long_comes_in_parts(routes: Any, tmp_path: pathlib.Path) -> None:
    for number in range(3):
        save_concept(concept(), tmp_path / f"sub{number}" / f"c{number}.safetensors")
    first = routes.concept_entries(seconds=-1)
    assert [set(entry) for entry in first] == [{"name", "version", "pending"}] * 3
    assert not any("pending" in entry for entry in routes.concept_entries())
    assert [entry["class_word"] for entry in routes.concept_entries(seconds=-1)] == ["heart"] * 3  # all are known now


def test_a_thumbnail_is_the_subject_and_follows_its_file(routes: Any, tmp_path: pathlib.Path) -> None:
    path = save_concept(concept(), tmp_path / "mine.safetensors")
    image = Image.open(io.BytesIO(routes.thumbnail_png("mine")))
    assert image.size == (96, 96) and image.mode == "RGBA"
    assert image.getpixel((48, 48)) == (255, 0, 0, 255) and image.getpixel((4, 4))[3] == 0
    version = routes.concept_entries()[0]["version"]
    path.unlink()
    save_concept(concept(picture=torch.full((1, 64, 64, 3), 1.0)), path)
    os.utime(path, ns=(1, 1))
    assert Image.open(io.BytesIO(routes.thumbnail_png("mine"))).getpixel((48, 48)) == (255, 255, 255, 255)
    assert routes.concept_entries()[0]["version"] != version


def test_an_unchanged_file_is_read_once(routes: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_concept(concept(), tmp_path / "mine.safetensors")
    read: list[pathlib.Path] = []

    def counted(real: Any) -> Any:
        def count(path: pathlib.Path) -> Any:
            read.append(path)
            return real(path)

        return count

    for name in ("read_info", "read_thumbnail"):
        monkeypatch.setattr(routes, name, counted(getattr(routes, name)))
    for _ in range(3):
        routes.concept_entries()
        routes.thumbnail_png("mine")
    assert len(read) == 2


@pytest.mark.parametrize(
    "content", [PICKLE, b"", b"\x10\x00\x00\x00\x00\x00\x00\x00{}", b"<html>"], ids=["pickle", "empty", "torn", "page"]
)
def test_a_damaged_file_gets_a_placeholder(routes: Any, tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    assert routes.thumbnail_png("bad") == routes.placeholder()
    assert not pathlib.Path("trap").exists()


def test_a_concept_without_a_thumbnail_gets_a_placeholder(routes: Any, tmp_path: pathlib.Path) -> None:
    save_concept(concept(picture=None, mask=None), tmp_path / "bare.safetensors")
    assert routes.thumbnail_png("bare") == routes.placeholder()
    assert np.asarray(Image.open(io.BytesIO(routes.placeholder())))[..., 3].any()


@pytest.mark.parametrize(
    "name", ["", "nobody", "../secret", "..\\secret", "/etc/passwd", "mine.safetensors", "mine\0", "sub/../mine"]
)
def test_only_listed_names_reach_the_disk(routes: Any, tmp_path: pathlib.Path, name: str) -> None:
    save_concept(concept(), tmp_path / "mine.safetensors")
    save_concept(concept(), tmp_path.parent / "secret.safetensors")
    assert routes.thumbnail_png(name) is None and routes.concept_bytes(name) is None
    (tmp_path.parent / "secret.safetensors").unlink()


def test_a_file_is_given_out_only_if_it_is_a_concept(routes: Any, tmp_path: pathlib.Path) -> None:
    path = save_concept(concept(), tmp_path / "mine.safetensors")
    save_file({"weights": torch.zeros(4)}, tmp_path / "private_lora.safetensors")
    (tmp_path / "pickle.safetensors").write_bytes(PICKLE)
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:-1])
    assert routes.concept_bytes("mine") == path.read_bytes()
    assert [routes.concept_bytes(name) for name in ("private_lora", "pickle", "cut")] == [None] * 3


def test_the_routes_of_a_real_host(server: Client) -> None:
    assert server.base is not None
    folder = server.base / "models" / "single_image_studio" / "concepts"
    path = save_concept(concept(), folder / "over http.safetensors")
    broken = folder / "broken.safetensors"
    broken.write_bytes(PICKLE)
    try:
        entries = {entry["name"]: entry for entry in server.get("/api/single_image_studio/concepts")}
        assert entries["over http"]["class_word"] == "heart" and "pickle" in entries["broken"]["error"]

        def thumbnail(name: str) -> Image.Image:
            return Image.open(
                io.BytesIO(
                    server.request(
                        "/api/single_image_studio/concepts/thumbnail?" + urllib.parse.urlencode({"name": name})
                    )
                )
            )

        assert thumbnail("over http").getpixel((48, 48)) == (255, 0, 0, 255)
        assert thumbnail("broken").size == (96, 96)
        file = "/api/single_image_studio/concepts/file?"
        assert server.request(file + urllib.parse.urlencode({"name": "over http"})) == path.read_bytes()
        for name in ("../../../checkpoints/sis_demo_sd15", "nobody", ""):
            with pytest.raises(HostError, match="404"):
                thumbnail(name)
        for name in ("../../../checkpoints/sis_demo_sd15", "nobody", "", "broken"):
            with pytest.raises(HostError, match="404 There is no such concept"):
                server.request(file + urllib.parse.urlencode({"name": name}))
        for method in ("POST", "PUT", "DELETE"):
            with pytest.raises(HostError, match="405"):
                server.request(file + urllib.parse.urlencode({"name": "over http"}), {}, method)
        assert not (server.base / "trap").exists()
    finally:
        path.unlink()
        broken.unlink()
