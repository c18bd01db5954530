"""What the environment does without, on made-up packages: which requirements and files go, and which stay."""

from __future__ import annotations

import os
import pathlib

import pytest

from lab import DevError
from lab.hosting import cpu_only

METADATA = """Metadata-Version: 2.4
Name: torch
Requires-Dist: filelock
Requires-Dist: cuda-toolkit[cublas,cudart,cusolver,nvrtc,nvtx]==13.0.3; platform_system == "Linux"
Requires-Dist: cuda_bindings<14,>=13.0.3; platform_system == "Linux"
Requires-Dist: nvidia-cudnn-cu13==9.24.0.43; platform_system == "Linux"
Requires-Dist: triton~=3.8.0; platform_system == "Linux" and python_version < "3.15"
Requires-Dist: optree>=0.13.0; extra == "optree"

Triton and cuda-bindings make it fast.
"""


@pytest.fixture
def packages(tmp_path: pathlib.Path) -> pathlib.Path:
    """A virtual environment's folder of packages, in `tmp_path`."""
    return tmp_path / ("Lib/site-packages" if os.name == "nt" else "lib/python3.11/site-packages")


def test_pytorch_no_longer_asks_for_what_the_cpu_does_without(packages: pathlib.Path, tmp_path: pathlib.Path) -> None:
    metadata = packages / "torch-2.14.1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(METADATA, encoding="utf-8")
    cpu_only.ask_for_less(tmp_path)
    expected = [
        line.replace("cusolver,nvrtc,nvtx", "nvrtc")
        for line in METADATA.splitlines()
        if not line.startswith(("Requires-Dist: triton", "Requires-Dist: cuda_bindings"))
    ]
    assert metadata.read_text(encoding="utf-8").splitlines() == expected


def test_a_build_for_the_cpu_stays_as_it_is() -> None:
    lines = ["Name: torch\n", "Requires-Dist: filelock\n", "Requires-Dist: sympy>=1.13.3\n"]
    assert cpu_only.without_gpu_requirements(lines) == lines


def test_what_is_linked_against_stays_and_the_rest_goes(packages: pathlib.Path, tmp_path: pathlib.Path) -> None:
    stays = ["nvidia/cudnn/lib/libcudnn.so.9", "nvidia/cu13/lib/libnvrtc.so.13", "torch/include/torch.h"]
    goes = [
        "nvidia/cudnn/lib/libcudnn_ops.so.9",
        "nvidia/cu13/lib/libnvrtc.alt.so.13",
        "nvidia/cu13/lib/libcudart_static.a",
        "nvidia/cudnn/include/cudnn.h",
    ]
    for file in stays + goes:
        (packages / file).parent.mkdir(parents=True, exist_ok=True)
        (packages / file).write_bytes(b"")
    cpu_only.remove_unused_files(tmp_path)
    left = sorted(path.relative_to(packages).as_posix() for path in packages.rglob("*") if path.is_file())
    assert left == sorted(stays)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script that is a program")
def test_an_import_that_fails_says_where_to_look(tmp_path: pathlib.Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho libcudart.so.13: cannot open >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(DevError, match=r"(?s)cpu_only\.py.*libcudart\.so\.13: cannot open"):
        cpu_only.check_import(python)
