"""What `dev.py test` runs, with the tools replaced."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

import pytest

from lab import ROOT, checks
from lab.hosting.environment import Host

STYLE, TYPES = ["ruff", "ruff_format"], ["mypy", "check_javascript"]
HOST = Host(pathlib.Path("p"), pathlib.Path("c"), ours=True)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str | list[str]]:
    """What was run: names of tools, and pytest's arguments."""
    calls: list[str | list[str]] = []

    def tool(name: str) -> Callable[..., int]:
        def run(host: Host, arguments: list[str] | None = None) -> int:
            calls.append(name if arguments is None else arguments)
            return 0

        return run

    for name in (*STYLE, *TYPES, "check_tools", "pytest"):
        monkeypatch.setattr(checks, name, tool(name))
    monkeypatch.setattr(checks.browser, "provide", lambda: calls.append("browser"))
    return calls


@pytest.mark.parametrize(
    ("arguments", "tools", "passed_on"),
    [
        ([], ["browser", *STYLE, *TYPES], []),
        (["-k", "quick"], ["browser", *STYLE, *TYPES], ["-k", "quick"]),
        (["quick", "-x"], STYLE, ["-m", checks.TIERS["quick"].marks, "-x"]),
        (["host", "tests/nodes"], [*STYLE, *TYPES], ["-m", "not browser", "tests/nodes"]),
    ],
)
def test_a_tier_is_the_first_word(
    ran: list[str | list[str]], arguments: list[str], tools: list[str], passed_on: list[str]
) -> None:
    assert checks.run_all(HOST, arguments) == 0
    assert ran == ["check_tools", *tools, passed_on]


def test_one_failure_fails_all_and_stops_nothing(
    ran: list[str | list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "ruff_format", lambda _: 1)
    assert checks.run_all(HOST, ["quick"]) == 1
    assert ran[-1] == ["-m", checks.TIERS["quick"].marks]
    assert "failed: format" in capsys.readouterr().err


def test_the_commit_hooks_use_the_same_ruff() -> None:
    pins = [
        re.findall(r"ruff==[\d.*]+", (ROOT / name).read_text(encoding="utf-8"))
        for name in ("requirements-dev.txt", ".pre-commit-config.yaml")
    ]
    assert pins == [["ruff==0.17.*"], ["ruff==0.17.*"] * 2]
