"""Keeps what only a GPU needs out of the project's own environment: its host always computes on the CPU.

On Linux and x86-64 the plain package index has PyTorch as a CUDA build alone, and PyTorch's own libraries are linked
against most of CUDA's, so `import torch` fails without these. What can go is what nothing links against: Triton,
packages of CUDA that PyTorch opens only on a GPU, and within the others such parts and what only compilers read.
Where pip is set up with an index of PyTorch's CPU builds, it takes these, and there is nothing to do here.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

from .. import DevError

PACKAGES = ("triton", "cuda-bindings")
"""What PyTorch asks for and does without on the CPU."""
PARTS_OF_CUDA = ("cusolver", "nvtx")
"""The same, of the parts that it asks of `cuda-toolkit`, as in cuda-toolkit[cublas,cusolver,nvtx]."""
FILES = (
    "nvidia/cudnn/lib/libcudnn_*",
    "nvidia/*/lib/*.alt.*",
    "nvidia/*/lib/libnvperf_*",
    "nvidia/*/lib/*.a",
    "nvidia/*/lib/*.bc",
    "nvidia/*/include",
)
"""What the remaining packages hold besides the libraries that PyTorch's are linked against."""

_REQUIREMENT = re.compile(r"Requires-Dist: ([A-Za-z0-9._-]+)")
_EXTRAS = re.compile(r"\[([^]]*)\]")


def ask_for_less(venv: pathlib.Path) -> None:
    """Takes what the CPU does without out of the installed PyTorch's requirements, so that pip does not fetch it."""
    for metadata in _in_site_packages(venv, "torch-*.dist-info/METADATA"):
        lines = metadata.read_text(encoding="utf-8").splitlines(keepends=True)
        metadata.write_text("".join(without_gpu_requirements(lines)), encoding="utf-8")


def without_gpu_requirements(lines: list[str]) -> list[str]:
    """The lines of a package's METADATA without the requirements in PACKAGES and PARTS_OF_CUDA."""
    return [_fewer_parts(line) for line in lines if _required(line) not in PACKAGES]


def remove_unused_files(venv: pathlib.Path) -> None:
    """Removes FILES."""
    for path in [path for pattern in FILES for path in _in_site_packages(venv, pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def check_import(python: pathlib.Path) -> None:
    """Raises: DevError when PyTorch cannot be imported after all."""
    tried = subprocess.run(
        [str(python), "-c", "import torch, torchvision, torchaudio"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise DevError(
            "PyTorch cannot be imported without its parts for GPUs: correct lab/hosting/cpu_only.py and remove .venv.\n"
            + "\n".join("  " + line for line in tried.stderr.strip().splitlines()[-6:])
        )


def _in_site_packages(venv: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    folder = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
    return list(venv.glob(f"{folder}/{pattern}"))


def _required(line: str) -> str:
    found = _REQUIREMENT.match(line)
    return found[1].lower().replace("_", "-") if found else ""


def _fewer_parts(line: str) -> str:
    if _required(line) != "cuda-toolkit":
        return line
    return _EXTRAS.sub(lambda found: f"[{','.join(_kept(found[1].split(',')))}]", line)


def _kept(parts: list[str]) -> list[str]:
    return [part for part in parts if part not in PARTS_OF_CUDA]
