"""Starts and stops a real ComfyUI server in a process of its own, on the loopback interface only."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .. import ROOT, DevError
from . import guard
from .base_folder import furnish
from .client import Client, HostError
from .environment import Host, compiling_apart

ADDRESS = "127.0.0.1"
START_SECONDS = 300  # a cold disk or a busy machine; an idle one needs about 10
STOP_SECONDS = 15
ACCELERATOR = """
import sys, torch
kinds = [torch.cuda, torch.backends.mps, *([torch.xpu] if hasattr(torch, "xpu") else [])]
sys.exit(not any(kind.is_available() for kind in kinds))
"""


@dataclass(frozen=True)
class Start:
    """How a server is started.

    cpu: whether it computes on the CPU whatever the machine has.
    arguments: further ones for its command line.
    environment: further variables.
    guarded: it ends with this process, even when that is killed.
    """

    cpu: bool = True
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    guarded: bool = False


ON_THE_CPU = Start()


def has_accelerator(host: Host) -> bool:
    """Whether the host's own PyTorch can compute on something else than the CPU."""
    asked = subprocess.run([str(host.python), "-c", ACCELERATOR], capture_output=True, check=False)
    return asked.returncode == 0


def as_users_do(host: Host) -> Start:
    """On whatever the host's machine computes on; the project's own host on the CPU, where its results are known."""
    return Start(cpu=host.ours or not has_accelerator(host))


def free_port(wanted: int | None = None) -> int:
    """A loopback port that nobody listens on; the wanted one if given.

    Raises: DevError when the wanted port is taken.
    """
    with socket.socket() as probe:
        if os.name != "nt":  # there the option would allow two listeners
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, wanted or 0))
        except OSError as error:
            raise DevError(f"port {wanted} cannot be used ({error.strerror}): choose another with --port") from error
        return int(probe.getsockname()[1])


def start_command(host: Host, base: pathlib.Path, port: int, start: Start = ON_THE_CPU) -> list[str]:
    """The command line of a server that reads and writes inside `base` alone. COMFYUI_ARGS adds to it, such as another
    --front-end-root."""
    return [
        str(host.python),
        "main.py",
        *(["--cpu"] if start.cpu else []),
        "--listen",
        ADDRESS,
        "--port",
        str(port),
        "--base-directory",
        str(base.absolute()),
        "--database-url",
        "sqlite:///:memory:",
        *start.arguments,
        *shlex.split(os.environ.get("COMFYUI_ARGS", "")),
    ]


def last_lines(log: pathlib.Path, count: int = 25) -> str:
    """The end of a log, indented."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join("  " + line for line in lines[-count:])


@contextlib.contextmanager
def serving(host: Host, base: pathlib.Path, port: int | None = None, start: Start = ON_THE_CPU) -> Iterator[Client]:
    """A server for the length of a `with` block, over a base directory that `furnish` has made.

    The client it gives listens to events already. The server is stopped whatever ends the block; its log stays in
    `base / "server-PORT.log"`.

    Raises: DevError when it does not start, with the end of its log.
    """
    port = free_port(port)
    log = base / f"server-{port}.log"
    client = Client(f"http://{ADDRESS}:{port}", base, log)
    process = _start(host, base, port, log, start)
    try:
        with _guarding(process) if start.guarded else contextlib.nullcontext():
            _wait_until_ready(process, client, log)
            client.listen()
            yield client
    finally:
        client.close()
        _stop(process)


@contextlib.contextmanager
def temporary_base(parent: pathlib.Path | None = None) -> Iterator[pathlib.Path]:
    """A furnished base directory that is removed afterwards, so that runs cannot see one another's files."""
    parent = parent or ROOT / ".host"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="base-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield furnish(pathlib.Path(folder))


def _start(host: Host, base: pathlib.Path, port: int, log: pathlib.Path, start: Start) -> subprocess.Popen[bytes]:
    # A safe path would hide the host's own modules from its main.py.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONSAFEPATH", "PYTHONPATH")}
    environment = compiling_apart(environment) | {"PYTHONUNBUFFERED": "1", **start.environment}
    with log.open("wb") as out:
        # A group of its own: a Ctrl-C in the terminal reaches us first, and we stop the server in order.
        return subprocess.Popen(
            start_command(host, base, port, start),
            cwd=host.comfyui,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextlib.contextmanager
def _guarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A guard beside the server for the length of a `with` block, which it ends without harm."""
    command = [sys.executable, guard.__file__, str(process.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as beside:
        try:
            yield
        finally:
            beside.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], client: Client, log: pathlib.Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise DevError(
                f"ComfyUI ended while starting (code {process.returncode}); the end of its log:\n{last_lines(log)}"
            )
        try:
            client.get("/system_stats")
            return
        except HostError:
            time.sleep(0.2)
    raise DevError(f"ComfyUI did not answer within {START_SECONDS} s; the end of its log:\n{last_lines(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks the server to end, then makes it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def stop_on_signals() -> None:
    """Turns a polite kill or a closed terminal into an exception, so that `serving` stops its server then too."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, leave)
