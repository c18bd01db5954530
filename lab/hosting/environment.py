"""Which ComfyUI, and which Python, the commands use: the project's own, or the user's."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from .. import ROOT, DevError
from . import in_process, installation


@dataclass(frozen=True)
class Host:
    """A ComfyUI's folder and the Python that runs it; `ours` when dev.py made both."""

    python: pathlib.Path
    comfyui: pathlib.Path
    ours: bool


def compiling_apart(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Python that keeps what it compiles in .host, for every later process to find: torch and
    transformers take ten seconds. So nothing is written in a user's folders, either.

    It also does where PYTHONDONTWRITEBYTECODE is set, as in many containers.
    """
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(ROOT / ".host" / "pycache")}


def choose_host(comfyui: str | None, python: str | None, environment: Mapping[str, str] = os.environ) -> Host:
    """The user's own ComfyUI if an option or COMFYUI_PATH names one, else the project's, set up if need be.

    Raises: DevError when the named ComfyUI or Python is not there, or set-up fails.
    """
    path = comfyui or environment.get("COMFYUI_PATH")
    if not path:
        if python:
            raise DevError("--python says which Python runs the ComfyUI of --comfyui: give both, or neither")
        return Host(*installation.set_up(), ours=True)
    return own_host(pathlib.Path(path), python or environment.get("COMFYUI_PYTHON"))


def own_host(comfyui: pathlib.Path, python: str | None) -> Host:
    """The user's ComfyUI, with the Python given or the one found in or beside its folder.

    Raises: DevError when either is not there.
    """
    comfyui = comfyui.expanduser().absolute()
    if not (comfyui / "main.py").is_file() or not (comfyui / "comfy").is_dir():
        raise DevError(
            f"{comfyui} is not a ComfyUI folder (it has no main.py and comfy/): check --comfyui or COMFYUI_PATH"
        )
    # absolute, not resolved: a virtual environment's python is a link, and works only by its own name
    chosen = pathlib.Path(python).expanduser().absolute() if python else find_python(comfyui)
    if not chosen.is_file():
        raise DevError(f"there is no Python at {chosen}: check --python or COMFYUI_PYTHON")
    return Host(chosen, comfyui, ours=False)


def this_process() -> Host:
    """The ComfyUI that this process uses outside a server, and its Python."""
    return Host(pathlib.Path(sys.executable), in_process.host_path(), ours=True)


def find_python(comfyui: pathlib.Path) -> pathlib.Path:
    """The Python of a ComfyUI folder: its virtual environment, the portable build's, or the one that runs this."""
    candidates = [
        installation.venv_python(comfyui / ".venv"),
        installation.venv_python(comfyui / "venv"),
        comfyui.parent / "python_embeded" / "python.exe",
    ]
    return next((python for python in candidates if python.is_file()), pathlib.Path(sys.executable))
