"""Renaming and deleting saved concepts: by functions, and over HTTP by a real host. Nothing else can be reached."""

from __future__ import annotations

import json
import os
import pathlib
import urllib.error
import urllib.request
from typing import Any

import pytest
import torch

from lab.hosting.client import Client
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept
from single_image_studio.support.errors import InputError


@pytest.fixture
def changes(host: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Any:
    """The module, with tmp_path/own as our folder of concepts, and tmp_path/extra as one of extra model paths."""
    import folder_paths

    from single_image_studio.page import concept_changes

    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    both = [str(tmp_path / "own"), str(tmp_path / "extra")]
    folder_paths.folder_names_and_paths["single_image_studio_concepts"] = (both, {".safetensors"})
    return concept_changes


def saved(path: pathlib.Path) -> pathlib.Path:
    return save_concept(Concept(torch.ones(1, 96), "heart"), path)


def test_a_concept_gets_another_name_and_goes(changes: Any, tmp_path: pathlib.Path) -> None:
    from single_image_studio.page.concept_list import concept_entries

    path = saved(tmp_path / "own" / "mine.safetensors")
    content = path.read_bytes()
    saved(tmp_path / "own" / "more" / "yours.safetensors")
    assert changes.rename_concept("mine", " better.safetensors ") == "better"
    assert (path.with_name("better.safetensors")).read_bytes() == content and not path.exists()
    assert changes.rename_concept(os.path.join("more", "yours"), "ours") == "more/ours"
    assert {entry["phrase"] for entry in concept_entries()} == {"<better> heart", "<ours> heart"}
    changes.delete_concept("better")
    assert sorted(p.name for p in (tmp_path / "own").rglob("*.safetensors")) == ["ours.safetensors"]


@pytest.mark.parametrize("new_name", ["", "a/b", "../up", "..", "con", "two words", "taken", "x" * 300])
def test_a_name_that_cannot_be_used_changes_nothing(changes: Any, tmp_path: pathlib.Path, new_name: str) -> None:
    files = [saved(tmp_path / "own" / f"{name}.safetensors") for name in ("mine", "taken")]
    before = [path.read_bytes() for path in files]
    with pytest.raises(InputError, match="^(The new name is|There is a concept called) '.*: use .") as refusal:
        changes.rename_concept("mine", new_name)
    assert "`" not in str(refusal.value)  # the page shows it beside a field of no such name
    assert [path.read_bytes() for path in files] == before


@pytest.mark.parametrize(
    "name",
    ["", "nobody", "../secret", "..\\secret", "mine.safetensors", "mine\0", "more/../mine", "theirs", "led", None],
)
def test_nothing_else_can_be_reached(changes: Any, tmp_path: pathlib.Path, name: Any) -> None:
    """Nor what extra model paths or a linked folder bring into the list."""
    saved(tmp_path / "own" / "mine.safetensors")
    others = [saved(tmp_path / "secret.safetensors"), saved(tmp_path / "extra" / "theirs.safetensors")]
    others.append(saved(tmp_path / "elsewhere" / "led.safetensors"))
    (tmp_path / "own" / "linked").symlink_to(tmp_path / "elsewhere")
    for one in (name, f"linked/{name}"):
        for change in (changes.delete_concept, lambda which: changes.rename_concept(which, "new")):
            with pytest.raises(InputError, match="There is no concept "):
                change(one)
    assert all(path.is_file() for path in others) and (tmp_path / "own" / "mine.safetensors").is_file()


def ask(server: Client, action: str, body: Any, headers: dict[str, str]) -> int:
    address = f"{server.url}/single_image_studio/concepts/{action}"
    sent = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(address, json.dumps(body).encode(), sent, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_another_site_is_refused(server: Client, headers: dict[str, str]) -> None:
    assert server.base is not None
    folder = server.base / "models" / "single_image_studio" / "concepts"
    path = saved(folder / "guarded.safetensors")
    try:
        assert ask(server, "delete", {"name": "guarded"}, headers) == 403
        assert ask(server, "rename", {"name": "guarded", "new_name": "taken"}, headers) == 403
        assert path.is_file()
    finally:
        path.unlink(missing_ok=True)


def test_the_page_itself_is_served_and_get_is_not(server: Client) -> None:
    assert server.base is not None
    folder = server.base / "models" / "single_image_studio" / "concepts"
    path = saved(folder / "served.safetensors")
    own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    with pytest.raises(urllib.error.HTTPError, match="405|404"):
        urllib.request.urlopen(f"{server.url}/single_image_studio/concepts/delete?name=served", timeout=60)
    assert ask(server, "rename", {"name": "served", "new_name": "served_again"}, own) == 200
    assert not path.exists()
    assert ask(server, "delete", {"name": "../served_again"}, own) == 400
    assert ask(server, "delete", ["served_again"], own) == 400
    assert ask(server, "delete", {"name": "served_again"}, own) == 200
    assert not path.with_name("served_again.safetensors").exists()
