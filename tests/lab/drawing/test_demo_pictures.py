"""The README's pictures of the demos' results."""

from __future__ import annotations

import io
import json
import pathlib
import sys
from typing import Any

import pytest
from PIL import Image

from lab import ROOT
from lab.drawing import demo_pictures
from lab.hosting.environment import Host
from lab.jobs import edit, learn

HEART = ROOT / "lab" / "world" / "concepts" / "heart.png"


def left_by_learn(_: Host, output: pathlib.Path) -> int:
    """What `dev.py demo` leaves, without its training."""
    names = ["overlay.png", "mask.png", "prompt_1_1.png", "prompt_1_2.png"]
    for name in names:
        (output / name).write_bytes(HEART.read_bytes())
    rows = [{"prompt": "a heart", "files": names[2:]}]
    report = {"concept": "my_heart.safetensors", "found": names[:2], "images": rows, "seconds": 1234.5}
    (output / "learn.json").write_text(json.dumps(report))
    return 0


def left_by_edit(_: Host, output: pathlib.Path) -> int:
    Image.new("RGB", (300, 200), (0, 90, 0)).save(output / "edit_grid.png")
    return 0


def test_both_pictures_are_of_a_new_run_and_tell_no_time(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    titles = []
    host = Host(pathlib.Path(sys.executable), tmp_path, ours=False)
    monkeypatch.setattr(demo_pictures, "DOCS", tmp_path)
    monkeypatch.setattr(demo_pictures, "choose_host", lambda *_: host)
    monkeypatch.setattr(learn, "run", left_by_learn)
    monkeypatch.setattr(edit, "run", left_by_edit)
    monkeypatch.setattr(learn, "loss_curves", lambda _: [{"title": "Stage I", "series": {"loss": [2.0, 1.0]}}])
    run = learn.subprocess.run

    def watched(command: list[str], **given: Any) -> Any:
        titles.append(json.loads(given["input"]).get("title"))
        return run(command, **given)

    monkeypatch.setattr(learn.subprocess, "run", watched)
    demo_pictures.draw()
    assert titles == ["my_heart, learned from one picture", None]  # the sheet and the curves
    for name, size in (("demo", None), ("edit_grid", (300, 200))):
        data = (tmp_path / f"{name}.jpg").read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == "JPEG" and size in (None, picture.size) and len(data) <= demo_pictures.MOST_BYTES


def test_a_run_s_own_sheet_tells_its_time(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by_learn(Host(pathlib.Path(sys.executable), tmp_path, ours=False), tmp_path)
    report, told = json.loads((tmp_path / "learn.json").read_text()), []

    def draws(_: list[str], **given: Any) -> Any:
        told.append(json.loads(given["input"]).get("title"))
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(learn, "loss_curves", lambda _: [])
    monkeypatch.setattr(learn.subprocess, "run", draws)
    learn.draw(Host(pathlib.Path(sys.executable), tmp_path, ours=False), report, [], tmp_path)
    assert told[0] == "my_heart, learned from one picture (the whole run took 1234 s)"
