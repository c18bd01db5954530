"""The contact sheets, and where concepts go."""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import Any

import pytest
from PIL import Image

from lab import DevError
from lab.hosting.environment import Host
from lab.learn_folder import command, sheet
from lab.learn_folder.results import Results

from ...helpers.fake_host import fake_comfyui, fake_python


def results_of(tmp_path: pathlib.Path, count: int) -> Results:
    results = Results.opened(tmp_path / "out", tmp_path / "concepts")
    for number in range(count):
        name = f"n{number:03}"
        (tmp_path / "concepts" / f"{name}.safetensors").touch()
        row = {"name": name, "class_word": "dog", "file": f"dog/{name}.png", "pictures": [f"{name}_mask.png"]}
        results.by_name[name] = row
    return results


def test_each_concept_is_a_line_and_what_is_missing_an_empty_place(tmp_path: pathlib.Path) -> None:
    results = results_of(tmp_path, 3)
    (tmp_path / "concepts" / "n001.safetensors").unlink()
    (tmp_path / "dog").mkdir()
    Image.new("RGB", (40, 20), (200, 0, 0)).save(tmp_path / "dog" / "n000.png")
    (path,) = sheet.draw(results, tmp_path, [tmp_path / "no python", pathlib.Path(sys.executable)])
    with Image.open(path) as drawn:
        side, line = sheet.SIDE, sheet.SIDE + 22
        assert drawn.size == (8 + 2 * (side + 8), 8 + 2 * line), "two that are there"
        red, *white = (drawn.getpixel(at) for at in ((8 + side // 2, 8 + side // 2), (8 + side // 2, 8 + line + 80)))
    assert red[0] > 180 and red[1] < 40 and min(white[0]) > 240


def test_many_concepts_are_on_several_sheets(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "ROWS", 2)
    drawn = sheet.draw(results_of(tmp_path, 3), tmp_path, [pathlib.Path(sys.executable)])
    assert [path.name for path in drawn] == ["contact_sheet_1.jpg", "contact_sheet_2.jpg"]


def test_without_pillow_a_sentence_says_so(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sheet.draw(results_of(tmp_path, 1), tmp_path, [tmp_path / "no python"]) == []
    assert "no contact sheet was drawn: install Pillow" in capsys.readouterr().err


def place(monkeypatch: pytest.MonkeyPatch, root: pathlib.Path, **options: Any) -> command.Place:
    monkeypatch.setattr(command, "ROOT", root)
    for name in ("COMFYUI_PATH", "COMFYUI_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    asked: dict[str, Any] = {"comfyui": None, "python": None, "models": None, "engine": "local", **options}
    return command.Place.of(argparse.Namespace(**asked))


def test_the_comfyui_around_the_pack_learns_and_gets_the_concepts(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comfyui = fake_comfyui(tmp_path / "ComfyUI")
    fake_python(comfyui / "venv" / "bin" / "python")
    (comfyui / "models").mkdir()
    found = place(monkeypatch, comfyui / "custom_nodes" / "pack")
    assert found.host == Host(comfyui / "venv" / "bin" / "python", comfyui, ours=False) and not found.is_demo
    assert found.concepts(tmp_path) == comfyui / "models" / "single_image_studio" / "concepts"


def test_servers_need_no_comfyui_here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place(monkeypatch, tmp_path / "pack", engine="servers")
    assert found == command.Place(None, None)
    assert found.concepts(tmp_path / "out") == tmp_path / "out" / "concepts"
    with pytest.raises(DevError, match="--models names"):
        place(monkeypatch, tmp_path / "pack", engine="servers", models=tmp_path / "nowhere")
