"""Finds a Chromium for the browser tests, and gets Debian's own where that can be done unasked."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping

from .installation import say

# Any of them will do: Playwright drives them all in the same way.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
REASON = "no Chromium, Chrome or Edge was found: install one, or set SIS_BROWSER to one's program file"


def find(environment: Mapping[str, str] = os.environ) -> pathlib.Path | None:
    """The browser that SIS_BROWSER names, else one on the PATH or at its usual place; None when there is none."""
    if named := environment.get("SIS_BROWSER"):
        return pathlib.Path(named) if pathlib.Path(named).is_file() else None
    found = next((path for name in NAMES if (path := shutil.which(name, path=environment.get("PATH")))), None)
    return (
        pathlib.Path(found) if found else next((pathlib.Path(p) for p in ELSEWHERE if pathlib.Path(p).is_file()), None)
    )


def may_install() -> bool:
    """Whether this is Debian's kind of system and we are its root, as in most containers."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def provide() -> pathlib.Path | None:
    """`find`, and if need be apt's chromium first. Says why when there is none in the end; the tests then skip or
    fail."""
    if found := find():
        return found
    if may_install() and "SIS_BROWSER" not in os.environ:
        say("installing Chromium for the browser tests (apt-get install chromium)")
        install()
    if (found := find()) is None:
        say(f"browser tests: {REASON}")
    return found


def install() -> None:
    """Debian's chromium with what it needs. A failure is told, not raised: the other checks need no browser."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            say(f"{' '.join(command)} failed: {last}")


def is_ci(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a missing browser is a failure instead of a reason to skip."""
    return environment.get("CI", "").lower() in ("1", "true", "yes")
