"""Which browser the page's tests use."""

from __future__ import annotations

import pathlib
import subprocess
from typing import Any

import pytest

from lab.hosting import browser


def test_a_browser_is_named_found_or_missed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "ELSEWHERE", ())
    assert browser.find({"PATH": str(tmp_path)}) is None
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert browser.find({"PATH": str(tmp_path)}) == program
    assert browser.find({"PATH": "", "SIS_BROWSER": str(program)}) == program
    # a wrong name must not quietly give another browser
    assert browser.find({"PATH": str(tmp_path), "SIS_BROWSER": str(tmp_path / "nothing")}) is None


def test_a_missing_browser_is_installed_by_root_on_debian_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 100, "", "E: no network")

    monkeypatch.delenv("SIS_BROWSER", raising=False)
    monkeypatch.setattr(browser, "find", lambda: None)
    monkeypatch.setattr(browser.subprocess, "run", run)
    monkeypatch.setattr(browser, "may_install", lambda: False)
    assert browser.provide() is None
    assert not commands
    assert browser.REASON in capsys.readouterr().err
    monkeypatch.setattr(browser, "may_install", lambda: True)
    assert browser.provide() is None
    assert [command[:2] for command in commands] == [["apt-get", "update"], ["apt-get", "install"]]
    assert "E: no network" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "strict"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_ci_is_told_by_its_variable(value: str, strict: bool) -> None:
    assert browser.is_ci({"CI": value}) is strict
    assert not browser.is_ci({})
