"""Models of other makers in the host's folders, beside other packs."""

from __future__ import annotations

import json
import pathlib

import pytest

from single_image_studio.support.errors import InputError


@pytest.fixture
def files(host, monkeypatch: pytest.MonkeyPatch, tmp_path):  # type: ignore[no-untyped-def]
    """`model_files`, with the host's tables its own to change, and a "sams" folder that another pack has registered."""
    import folder_paths

    other = tmp_path / "other_pack"
    other.mkdir()
    monkeypatch.setattr(
        folder_paths,
        "folder_names_and_paths",
        dict(folder_paths.folder_names_and_paths) | {"sams": ([str(other)], {".onnx"})},
    )
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path / "models"))
    folder_paths.folder_names_and_paths.pop("grounding-dino", None)
    from single_image_studio.host import model_files

    return model_files


def test_other_packs_folders_and_endings_stay(files, tmp_path) -> None:
    import folder_paths

    files.register()
    files.register()
    paths, endings = folder_paths.folder_names_and_paths["sams"]
    assert paths == [str(tmp_path / "other_pack"), str(tmp_path / "models" / "sams")] and {
        ".onnx",
        ".pth",
        ".safetensors",
    } <= set(endings)
    assert files.DETECTOR_FOLDER.folders() == [tmp_path / "models" / "grounding-dino"]


def test_a_kind_that_another_pack_has_for_every_file_stays_so(files, tmp_path) -> None:
    import folder_paths

    folder_paths.add_model_folder_path("aesthetic", str(tmp_path / "other_pack"))  # the host then lists all files
    (tmp_path / "other_pack" / "a.onnx").touch()
    (tmp_path / "other_pack" / "b.pth").touch()
    files.register()
    files.register()
    assert folder_paths.get_filename_list("aesthetic") == ["a.onnx", "b.pth"]
    assert list(files.AESTHETIC_FOLDER.models()) == ["b.pth"]


def test_files_and_folders_are_found(files, tmp_path) -> None:
    files.register()
    root, other = tmp_path / "models" / "sams", tmp_path / "other_pack"
    for path in (
        root / "sam_vit_b.pth",
        root / "notes.txt",
        other / "mobile.onnx",
        other / "sub" / "mine.pth",
        root / "hf" / "model.safetensors",
        root / "hf" / "config.json",
        root / "maker" / "model-a" / "config.json",
        root / ".cache" / "x" / "config.json",
        root / "a" / "b" / "c" / "config.json",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    found = files.SEGMENTER_FOLDER.models()
    assert {name.replace("\\", "/"): path for name, path in found.items()} == {
        "hf": root / "hf",
        "maker/model-a": root / "maker" / "model-a",
        "sam_vit_b.pth": root / "sam_vit_b.pth",
        "sub/mine.pth": other / "sub" / "mine.pth",
    }
    before = files.stamp(root / "hf")
    (root / "hf" / "config.json").write_text("{ }")
    assert files.stamp(root / "hf") != before and files.stamp(root / "sam_vit_b.pth") != files.stamp(
        other / "sub" / "mine.pth"
    )


def test_an_original_checkpoint_stands_for_its_copy(files, tmp_path) -> None:
    """The shipped workflows name the copy, and who has the original needs no second download."""
    files.register()
    from single_image_studio.pipelines.mask_models import SEGMENTERS

    original, copied = "sam_vit_b_01ec64.pth", "sam_vit_b_01ec64.safetensors"
    folder = tmp_path / "models" / "sams"
    folder.mkdir(parents=True, exist_ok=True)
    assert SEGMENTERS.missing(copied) and f"{copied} (missing, 375 MB)" in SEGMENTERS.names()
    (folder / original).write_bytes(b"original")
    assert SEGMENTERS.path(copied) == SEGMENTERS.path(f"{copied} (missing, 375 MB)") == folder / original
    assert SEGMENTERS.missing(copied) is None and SEGMENTERS.names()[:3] == [
        original, f"{original} [segment-anything]", copied
    ]  # fmt: skip
    before = SEGMENTERS.stamp(copied)
    (folder / copied).write_bytes(b"copy")
    assert SEGMENTERS.path(copied) == folder / copied and SEGMENTERS.stamp(copied) != before
    (folder / original).unlink()
    assert SEGMENTERS.missing(original)  # not the other way round: nobody vouches for the copy


def test_choices_load_old_workflows_and_say_what_is_missing(files, tmp_path) -> None:
    files.register()
    from single_image_studio.pipelines.mask_models import DETECTORS, SEGMENTERS

    folder = tmp_path / "models" / "grounding-dino" / "my-dino"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({}))
    names = DETECTORS.names()
    assert names[0] == "my-dino" and "groundingdino_swint_ogc.pth (missing, 694 MB)" in names
    assert "groundingdino_swint_ogc.pth" not in names  # the page would take it for a file that is there
    assert not [name for name in SEGMENTERS.names() if "[" in name]
    (tmp_path / "models" / "sams").mkdir(exist_ok=True)
    checkpoint = tmp_path / "models" / "sams" / "sam_vit_h_4b8939.pth"
    checkpoint.write_bytes(b"")
    assert SEGMENTERS.names()[:2] == ["sam_vit_h_4b8939.pth", "sam_vit_h_4b8939.pth [segment-anything]"]
    for choice in ("sam_vit_h_4b8939.pth", "sam_vit_h_4b8939.pth (missing, 2,565 MB)"):
        assert SEGMENTERS.path(choice) == checkpoint and SEGMENTERS.missing(choice) is None
    with pytest.raises(InputError, match=r"`detector`: groundingdino_swinb_cogcoor\.pth \(938 MB\) is not in") as told:
        DETECTORS.path("groundingdino_swinb_cogcoor.pth [groundingdino-py]")
    assert str(folder.parent) in str(told.value)
    for evil in ("../../x.pth", "/etc/passwd", "", "my-dino/../../x"):
        with pytest.raises(InputError, match="choose another"):
            DETECTORS.path(evil)
    with pytest.raises(InputError, match="https://huggingface.co/facebook/sam-vit-base into"):
        SEGMENTERS.path("sam-vit-base")
    assert DETECTORS.path("my-dino") == pathlib.Path(folder)
