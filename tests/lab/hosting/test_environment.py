"""Which ComfyUI and which Python are used."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from lab import DevError
from lab.hosting import environment, installation
from lab.hosting.environment import Host

from ...helpers.fake_host import fake_comfyui, fake_python


def test_own_comfyui_from_the_environment_or_the_option(tmp_path: pathlib.Path) -> None:
    first, second = fake_comfyui(tmp_path / "first"), fake_comfyui(tmp_path / "second")
    assert environment.choose_host(None, None, {"COMFYUI_PATH": str(first)}).comfyui == first
    assert environment.choose_host(str(second), None, {"COMFYUI_PATH": str(first)}) == Host(
        pathlib.Path(sys.executable), second, ours=False
    )


def test_python_of_own_comfyui_in_order(tmp_path: pathlib.Path) -> None:
    comfyui = fake_comfyui(tmp_path / "portable" / "ComfyUI")
    assert environment.find_python(comfyui) == pathlib.Path(sys.executable)
    embedded = fake_python(tmp_path / "portable" / "python_embeded" / "python.exe")
    assert environment.find_python(comfyui) == embedded
    venv = fake_python(installation.venv_python(comfyui / "venv"))
    assert environment.find_python(comfyui) == venv
    dot_venv = fake_python(installation.venv_python(comfyui / ".venv"))
    assert environment.find_python(comfyui) == dot_venv
    other = fake_python(tmp_path / "other" / "python")
    variables = {"COMFYUI_PATH": str(comfyui), "COMFYUI_PYTHON": str(other)}
    assert environment.choose_host(None, None, variables).python == other
    assert environment.choose_host(None, str(embedded), variables).python == embedded


def test_wrong_hosts_are_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DevError, match="is not a ComfyUI folder"):
        environment.choose_host(str(tmp_path), None, {})
    with pytest.raises(DevError, match="there is no Python at"):
        environment.choose_host(str(fake_comfyui(tmp_path / "c")), str(tmp_path / "missing"), {})
    with pytest.raises(DevError, match="give both"):
        environment.choose_host(None, sys.executable, {})


def test_what_python_compiles_lies_in_the_projects_folder_alone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path / "project")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "some_module.py").write_text("x = 1\n")
    variables = environment.compiling_apart({**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    subprocess.run([sys.executable, "-c", "import some_module"], cwd=theirs, env=variables, check=True)
    assert [path.name for path in theirs.iterdir()] == ["some_module.py"]
    (compiled,) = (tmp_path / "project" / ".host" / "pycache").rglob("some_module.*")
    assert compiled.suffix == ".pyc"
