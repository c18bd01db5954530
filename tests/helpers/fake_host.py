"""Folders that look like a ComfyUI and a Python."""

from __future__ import annotations

import pathlib


def fake_comfyui(folder: pathlib.Path) -> pathlib.Path:
    (folder / "comfy").mkdir(parents=True)
    (folder / "main.py").touch()
    return folder


def fake_python(path: pathlib.Path) -> pathlib.Path:
    path.parent.mkdir(parents=True)
    path.touch()
    return path
