"""dev.py's command line: no network, no server, nothing installed."""

from __future__ import annotations

import contextlib
import json
import pathlib
import runpy
import sys
import types

import pytest

from lab import ROOT, DevError, checks, cli
from lab.hosting.environment import Host


def test_commands_and_their_defaults() -> None:
    options = cli.parser().parse_args(["demo"])
    assert (options.command, options.name, options.comfyui) == ("demo", "learn", None)
    options = cli.parser().parse_args(["serve", "--port", "9000", "--comfyui", "/c", "--python", "/p"])
    assert (options.port, options.comfyui, options.python) == (9000, "/c", "/p")


@pytest.mark.parametrize(
    "arguments", [[], ["unknown"], ["demo", "no-such-demo"], ["where", "--nonsense"], ["serve", "--port", "x"]]
)
def test_wrong_arguments_end_with_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_arguments_of_pytest_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(cli, "choose_host", lambda *_: Host(pathlib.Path("p"), pathlib.Path("c"), ours=True))
    monkeypatch.setattr(cli.server, "stop_on_signals", lambda: None)

    def run_all(_: Host, arguments: list[str]) -> int:
        seen.append(arguments)
        return 0

    monkeypatch.setattr(checks, "run_all", run_all)
    assert cli.main(["test", "-k", "losses", "-x"]) == 0
    assert seen == [["-k", "losses", "-x"]]


def test_what_measures_runs_by_the_host_s_python(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> types.SimpleNamespace:
        ran.append(command)
        return types.SimpleNamespace(returncode=3)

    monkeypatch.setattr(cli, "choose_host", lambda *_: Host(pathlib.Path("p"), pathlib.Path("c"), ours=True))
    monkeypatch.setattr(cli.server, "stop_on_signals", lambda: None)
    monkeypatch.setattr(cli.subprocess, "run", run)
    assert cli.main(["reproduce", "--seeds", "1", "--report"]) == cli.main(["bench"]) == 3
    assert [command[1:] for command in ran] == [
        ["-m", "lab.measuring.reproduce", "--seeds", "1", "--report"],
        ["-m", "lab.measuring.bench"],
    ]


def test_a_problem_is_one_sentence_and_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> Host:
        raise DevError("make room")

    monkeypatch.setattr(cli, "choose_host", fail)
    monkeypatch.setattr(cli.server, "stop_on_signals", lambda: None)
    assert cli.main(["where"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "error: make room\n"
    assert captured.out == ""


def test_where_prints_one_object_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "furnished_base", lambda _: tmp_path)
    cli.where(Host(pathlib.Path("p"), pathlib.Path("c"), ours=True))
    facts = json.loads(capsys.readouterr().out)
    assert facts["checkpoint"] == "sis_demo_sd15.safetensors"
    for key in ("image", "mask"):
        assert (ROOT / "lab" / "world" / "concepts" / facts[key]).is_file()
    assert {"python", "comfyui", "class_word"} <= set(facts)


def test_an_older_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1, "final", 0))
    with pytest.raises(SystemExit, match=r"need Python 3\.11 or newer; this is Python 3\.9"):
        runpy.run_path(str(ROOT / "dev.py"))


def test_serve_says_what_to_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Served:
        url, log_path = "http://127.0.0.1:8188", tmp_path / "server.log"

        def object_info(self) -> dict[str, object]:
            return {}

        def get(self, _: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli, "furnished_base", lambda _: tmp_path)
    monkeypatch.setattr(cli, "default_port", lambda: 8188)
    monkeypatch.setattr(cli.time, "sleep", lambda _: None)
    monkeypatch.setattr(cli.server, "serving", lambda *_: contextlib.nullcontext(Served()))
    monkeypatch.setattr(cli.ready_workflows, "made", lambda _: {"demo 1 learn_a_concept": "{}"})
    with pytest.raises(KeyboardInterrupt):
        cli.serve(Host(pathlib.Path("p"), pathlib.Path("c"), ours=True), None)
    told = capsys.readouterr().err
    assert "'demo 1 learn_a_concept'" in told and "press Run" in told and "demo 5 edit_grid" in told
    assert (tmp_path / "user" / "default" / "workflows" / "demo 1 learn_a_concept.json").is_file()
    assert "demo 1 learn_a_concept" in (tmp_path / "user" / "default" / "comfy.settings.json").read_text()
