"""The house's rooms and who may use whom, read from the imports; and that no file is out of bounds."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLOORS = (  # the lowest first; a room may use those of the floors below it, and no other of its own
    {"support"},
    {"diffusion"},
    {"losses", "pictures"},
    {"concept", "inversion", "masking", "evaluation"},
    {"host"},
    {"page"},
    {"pipelines"},
    {"nodes"},
)
MAY_USE = {room: set().union(*FLOORS[:height]) for height, rooms in enumerate(FLOORS) for room in rooms}
HOST_MODULES = {
    "comfy",
    "comfy_api",
    "comfy_extras",
    "folder_paths",
    "latent_preview",
    "server",
    "execution",
    "node_helpers",
}
KNOW_THE_HOST = {"host", "page", "nodes"}
MATHS = {"losses", "diffusion", "inversion", "concept"}
# one place for the host's versions of it, one for the programs built on it
KNOWS_TRANSFORMERS = {"transformers_api.py", "packages.py"}
LIBRARIES = {"torch", "torchvision", "numpy", "PIL", "safetensors"}


def imports(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """(level, module) of every import in a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


def files() -> list[pathlib.Path]:
    return [p for room in MAY_USE if (ROOT / room).is_dir() for p in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: pathlib.Path) -> None:
    room, *inner = path.relative_to(ROOT).parts
    for level, module in imports(path):
        if level > len(inner):  # out of this room
            other = module.split(".")[0]
            assert other in MAY_USE[room], (
                f"{path.name} imports {other}, and {room} may only use {sorted(MAY_USE[room])}"
            )
        elif level == 0:
            top = module.split(".")[0]
            assert top not in MAY_USE, (
                f"{path.name} imports {module} absolutely: the pack has no fixed name, use a relative import"
            )
            if top in HOST_MODULES:
                assert room in KNOW_THE_HOST, f"{path.name} imports {top}: only {sorted(KNOW_THE_HOST)} know ComfyUI"
            if top == "transformers":
                assert path.name in KNOWS_TRANSFORMERS, (
                    f"{path.name} imports transformers: its versions are told apart in {sorted(KNOWS_TRANSFORMERS)} only"
                )
            if room in MATHS:
                import sys

                assert top in LIBRARIES or top in sys.stdlib_module_names, (
                    f"{path.name} imports {top}: {room} needs only {sorted(LIBRARIES)}"
                )


def test_there_is_something_to_read() -> None:
    assert len(files()) > 20


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_evaluated_unpickled_or_installed(path: pathlib.Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            # original checkpoints are pickles: weights only, nothing else
            if name == "torch.load" and path.parent.name == "masking":
                assert "weights_only=True" in [ast.unparse(keyword) for keyword in node.keywords], (
                    f"{path.name}: torch.load that can run code"
                )
                continue
            assert name not in {
                "eval",
                "exec",
                "torch.load",
                "pickle.load",
                "pickle.loads",
                "os.system",
                "subprocess.run",
            }, f"{path.name}: {name}"
