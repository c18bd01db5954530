"""Starting a server, and what the tests' own one serves."""

from __future__ import annotations

import pathlib
import socket
import sys
from typing import Any

import pytest

from lab import DevError
from lab.hosting import server
from lab.hosting.environment import Host

from ...helpers.fake_host import fake_comfyui


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


def test_on_the_cpu_unless_it_is_told_otherwise(tmp_path: pathlib.Path) -> None:
    host = Host(pathlib.Path("/p"), pathlib.Path("/c"), ours=False)
    assert "--cpu" in server.start_command(host, tmp_path, 1234)
    on_a_gpu = server.start_command(host, tmp_path, 1234, server.Start(cpu=False, arguments=("--fast",)))
    assert "--cpu" not in on_a_gpu and "--fast" in on_a_gpu


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu", ""])
def test_a_host_s_own_pytorch_says_whether_it_has_an_accelerator(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "torch.py").write_text(
        f"class Kind:\n    def __init__(self, name):\n        self.is_available = lambda: name == {kind!r}\n"
        "class backends:\n    mps = Kind('mps')\ncuda, xpu = Kind('cuda'), Kind('xpu')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert server.has_accelerator(Host(pathlib.Path(sys.executable), tmp_path, ours=False)) is bool(kind)


@pytest.mark.parametrize(("ours", "has_one", "cpu"), [(True, True, True), (False, True, False), (False, False, True)])
def test_a_user_s_own_comfyui_computes_on_its_gpu(
    monkeypatch: pytest.MonkeyPatch, ours: bool, has_one: bool, cpu: bool
) -> None:
    monkeypatch.setattr(server, "has_accelerator", lambda _: has_one)
    assert server.as_users_do(Host(pathlib.Path("/p"), pathlib.Path("/c"), ours=ours)).cpu is cpu


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


def test_the_server_serves_pack_model_and_pictures(server: Any) -> None:
    info = server.object_info()
    assert "SIS_TrainStage1" in info
    assert "sis_demo_sd15.safetensors" in info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
    assert {"heart.png", "heart_mask.png"} <= set(info["LoadImage"]["input"]["required"]["image"][0])
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "test_server"}},
    }
    entry = server.run(prompt, timeout=120)
    (image,) = entry["outputs"]["2"]["images"]
    assert server.view(image).startswith(b"\x89PNG")
    assert (server.base / "output" / image["filename"]).is_file()
    assert server.events_of(entry["prompt"][1], "executed")
