"""The base directory that a host is started on."""

from __future__ import annotations

import pathlib

import pytest

from lab import DevError
from lab.hosting import base_folder


def small_root(folder: pathlib.Path) -> pathlib.Path:
    masking = [
        f"lab/weights/{folder}/{name}"
        for folder in base_folder.MASKING
        for name in ("config.json", "model.safetensors")
    ]
    for name in (
        "lab/hosting/host_extension/__init__.py",
        "lab/weights/sis_demo_sd15.safetensors",
        *masking,
        "lab/world/concepts/heart.png",
        "__init__.py",
        ".venv/big",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("links", [True, False])
def test_a_base_directory_is_furnished_and_refreshed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    root, base = small_root(tmp_path / "root"), tmp_path / "base"
    if not links:

        def refuse(*_: object, **__: object) -> None:
            raise OSError("a required privilege is not held by the client")

        monkeypatch.setattr(pathlib.Path, "symlink_to", refuse)
    for content in ("first", "second"):
        (root / "__init__.py").write_text(content)
        base_folder.furnish(base, root)
        assert (base / "custom_nodes" / "single-image-studio" / "__init__.py").read_text() == content
    assert (base / "custom_nodes" / "single-image-studio").is_symlink() == links
    assert (base / "custom_nodes" / "sis_demo_model" / "__init__.py").is_file()
    assert (base / "models" / "checkpoints" / "sis_demo_sd15.safetensors").is_file()
    assert (base / "models" / "grounding-dino" / "sis_demo_dino" / "model.safetensors").is_file()
    assert (base / "models" / "sams" / "sis_demo_sam" / "model.safetensors").is_file()
    assert (base / "input" / "heart.png").is_file()
    if not links:
        assert not (base / "custom_nodes" / "single-image-studio" / ".venv").exists()


def test_a_host_that_two_checkouts_share_is_told_of(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        (root / "lab" / "hosting" / "host_extension").mkdir(parents=True)
        base_folder.furnish(tmp_path / "base", root)
        base_folder.furnish(tmp_path / "base", root)
    assert capsys.readouterr().err.count(f"showed the checkout in {first.resolve()}") == 1


def test_a_moved_project_gets_new_links(tmp_path: pathlib.Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        base_folder.link(folder, tmp_path / "shown")
    assert (tmp_path / "shown").resolve() == new.resolve()


@pytest.mark.parametrize(
    ("missing", "script"),
    [
        ("sis_demo_sd15.safetensors", "train_model"),
        ("grounding-dino/sis_demo_dino", "train_detector"),
        ("sams/sis_demo_sam", "train_segmenter"),
    ],
)
def test_missing_weights_are_named(tmp_path: pathlib.Path, missing: str, script: str) -> None:
    root = small_root(tmp_path)
    base_folder.need_demo_model(root)
    (root / "lab" / "weights" / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(
        DevError, match=rf"weights are missing: restore .*{missing[-12:]} .*`python -m lab\.training\.{script}`"
    ):
        base_folder.need_demo_model(root)
