"""What `dev.py test` runs, with the tools replaced."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
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
        ([], ["browser", *STYLE, *TYPES], checks.SHARED),
        (["host"], [*STYLE, *TYPES], [*checks.SHARED, "-m", "not browser"]),
        (["-k", "quick"], ["browser", *STYLE, *TYPES], ["-k", "quick"]),
        (["quick", "-x"], STYLE, ["-m", checks.TIERS["quick"].marks, "-x"]),
        (["host", "tests/nodes"], [*STYLE, *TYPES], ["-m", "not browser", "tests/nodes"]),
    ],
)
def test_a_tier_is_the_first_word(
    ran: list[str | list[str]], arguments: list[str], tools: list[str], passed_on: list[str]
) -> None:
    assert checks.run_all(HOST, arguments) == 0
    before = ["check_tools", *(tool for tool in tools if tool not in TYPES)]
    assert ran[: len(before)] == before
    beside = ran[len(before) :]  # the types run beside the tests
    assert passed_on in beside and [call for call in beside if call != passed_on] == tools[len(before) - 1 :]


@pytest.mark.parametrize("wrong", TYPES)
def test_wrong_types_fail_when_all_tests_pass(
    ran: list[str | list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    monkeypatch.setattr(checks, wrong, lambda _: 2)
    assert checks.run_all(HOST, ["host"]) == 1
    assert f"failed: {wrong.removeprefix('check_')}\n" in capsys.readouterr().err


def test_one_failure_fails_all_and_stops_nothing(
    ran: list[str | list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "ruff_format", lambda _: 1)
    assert checks.run_all(HOST, ["quick"]) == 1
    assert ran[-1] == ["-m", checks.TIERS["quick"].marks]
    assert "failed: format" in capsys.readouterr().err


@pytest.mark.parametrize(("cores", "threads"), [(2, "1"), (8, "4"), (1, "1"), (None, "1")])
def test_a_process_computes_on_its_share_of_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: str
) -> None:
    """Whether it has the others beside it or not, so that a test alone gives the numbers that it gives among all."""
    ran = []

    def run(command: list[str], env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append((command, env["OMP_NUM_THREADS"]))
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(checks.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(checks.subprocess, "run", run)
    for arguments in (["tests/losses"], checks.SHARED):
        assert checks.pytest(HOST, arguments) == 3
        command, given = ran.pop()
        assert command[-len(arguments) :] == arguments and given == threads


@pytest.mark.slow
def test_two_workers_share_the_files_and_one_has_the_pages(tmp_path: pathlib.Path) -> None:
    """The real pytest-xdist. A test that fails there is told as it is anywhere, under a name to run it by."""
    for name in ("browser/test_a", "browser/test_b", "losses/test_c", "nodes/test_d"):
        file = tmp_path / "tests" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"def test_one(): pass\ndef test_two(): assert sum([1, 1]) == {3 if 'test_d' in name else 2}\n")
    (tmp_path / "conftest.py").write_text(
        f"import runpy\nshare = runpy.run_path({str(ROOT / 'tests' / 'helpers' / 'workers.py')!r})['share']\n"
        "def pytest_xdist_make_scheduler(config, log): return share(config, log)\n"
    )
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *checks.SHARED, "--rootdir", "."]
    done = subprocess.run([*command, "tests"], cwd=tmp_path, capture_output=True, text=True, check=False)
    ran = re.findall(r"^\[(gw\d)\].* tests/(\w+)/", done.stdout, re.MULTILINE)
    assert len(ran) == 8 and {worker for worker, _ in ran} == {"gw0", "gw1"}, done.stdout
    assert len({worker for worker, folder in ran if folder == "browser"}) == 1
    assert done.returncode == 1 and "7 passed" in done.stdout
    assert "assert 2 == 3" in done.stdout and "where 2 = sum([1, 1])" in done.stdout
    assert "\nFAILED tests/nodes/test_d.py::test_two - " in done.stdout


def test_the_commit_hooks_use_the_same_ruff() -> None:
    pins = [
        re.findall(r"ruff==[\d.*]+", (ROOT / name).read_text(encoding="utf-8"))
        for name in ("requirements-dev.txt", ".pre-commit-config.yaml")
    ]
    assert pins == [["ruff==0.17.*"], ["ruff==0.17.*"] * 2]
