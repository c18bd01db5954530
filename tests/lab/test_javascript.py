"""The check of the page's JavaScript: it bites, it installs once, and it names no registry."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest

from lab import DevError, javascript
from lab.hosting import stamps

ROOT = pathlib.Path(__file__).resolve().parents[2]


def project(folder: pathlib.Path) -> pathlib.Path:
    """package.json and its lock file in a folder."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, folder)
    return folder


def test_the_check_finds_a_wrong_type_and_a_word_that_is_not_there(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    python = pathlib.Path(sys.executable)
    if not (ROOT / "node_modules" / "typescript").is_dir():
        pytest.skip("TypeScript is not installed: `python dev.py test` installs it")
    shutil.copy(ROOT / "tsconfig.json", tmp_path)
    shutil.copytree(ROOT / "web", tmp_path / "web", ignore=shutil.ignore_patterns("docs"))
    (tmp_path / "web" / "seeded.mjs").write_text(
        'import { clock } from "./lib/numbers.mjs";\nimport { say } from "./lib/words.mjs";\n'
        'clock("a minute");\nsay("nobodySaysThis");\n',
        encoding="utf-8",
    )
    assert javascript.compile_types(python, tmp_path) != 0
    errors = [line for line in capfd.readouterr().out.splitlines() if ": error " in line]
    assert len(errors) == 2 and all("seeded.mjs" in line for line in errors), errors


def test_npm_runs_once_for_a_lock_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        runs.append(command)
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(javascript.subprocess, "run", run)
    root = project(tmp_path)
    for _ in range(2):
        javascript.install(pathlib.Path("python"), root)
    assert len(runs) == 1 and "ci" in runs[0]
    assert stamps.is_current(
        root / "node_modules" / ".stamp", stamps.digest([root / "package.json", root / "package-lock.json"])
    )
    (root / "package-lock.json").write_text("{}")
    javascript.install(pathlib.Path("python"), root)
    assert len(runs) == 2


def test_without_a_network_it_says_what_to_do(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "npm error code ENOTFOUND\nnpm error network\n")

    monkeypatch.setattr(javascript.subprocess, "run", run)
    with pytest.raises(DevError, match=r"^npm could not install TypeScript: check the network .*\n  npm error code"):
        javascript.install(pathlib.Path("python"), project(tmp_path))
    monkeypatch.setattr(javascript, "install", lambda python: javascript_fails())
    assert javascript.check(pathlib.Path("python")) == 1
    assert "no network" in capsys.readouterr().err


def javascript_fails() -> None:
    raise DevError("no network")


def test_the_lock_file_names_no_registry_and_pins_everything() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages and all(entry["integrity"] and "resolved" not in entry for entry in packages.values())
    assert "://" not in json.dumps(lock)
