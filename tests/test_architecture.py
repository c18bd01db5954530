"""The house's rooms and who may use whom, read from the imports; and that no file is out of bounds."""

from __future__ import annotations

import pathlib
import sys

import pytest

from .helpers.source import ROOT, calls_of, imports_of, name_of, python_files

# The lowest floor first: a room may use those of the floors below it, and no other of its own.
FLOORS = (
    {"support"},
    {"diffusion"},
    {"losses", "pictures"},
    {"concept", "inversion", "masking", "evaluation"},
    {"host"},
    {"page"},
    {"pipelines"},
    {"nodes"},
)
LAB_FLOORS = (
    {"hosting", "figures"},
    {"javascript"},
    {"workflow_files", "world", "checks"},
    {"jobs", "training", "locales"},
    {"measuring", "learn_folder"},
    {"drawing"},
    {"robustness"},
    {"cli"},
)
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
NETWORK = {"urllib", "http", "socket", "ssl", "ftplib", "requests", "httpx", "huggingface_hub"}
LIBRARIES = {"torch", "torchvision", "numpy", "PIL", "safetensors"}


def below(floors: tuple[set[str], ...]) -> dict[str, set[str]]:
    """What each room may use."""
    return {room: set().union(*floors[:height]) for height, rooms in enumerate(floors) for room in sorted(rooms)}


MAY_USE, LAB_MAY_USE = below(FLOORS), below(LAB_FLOORS)
PACK = [path for room in MAY_USE for path in python_files(room)]
LAB, TESTS = python_files("lab"), python_files("tests")
each_file_of_the_pack = pytest.mark.parametrize("path", PACK, ids=name_of)


def test_there_is_something_to_read() -> None:
    assert len(PACK) > 50 and len(LAB) > 40 and len(TESTS) > 50
    assert {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()} <= {*MAY_USE, "lab"}


# the pack


@each_file_of_the_pack
def test_the_pack_s_imports_go_one_way(path: pathlib.Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for used in imports_of(path):
        top = used.parts[0]
        if used.relative:
            assert top == room or top in MAY_USE[room], f"{room} may only use {sorted(MAY_USE[room])}, not {top}"
        else:
            assert top not in {*MAY_USE, "lab", "tests", "single_image_studio"}, (
                f"{used.module} is imported absolutely: the pack has no fixed name, and knows nothing of its lab"
            )


@each_file_of_the_pack
def test_the_pack_s_rooms_know_only_their_own_libraries(path: pathlib.Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for top in {used.parts[0] for used in imports_of(path) if not used.relative}:
        if top in HOST_MODULES:
            assert room in KNOW_THE_HOST, f"only {sorted(KNOW_THE_HOST)} know ComfyUI, and its {top}"
        if top == "transformers":
            assert path.name in KNOWS_TRANSFORMERS, f"its versions are told apart in {sorted(KNOWS_TRANSFORMERS)} only"
        if room in MATHS:
            assert top in LIBRARIES or top in sys.stdlib_module_names, f"{room} needs only {sorted(LIBRARIES)}"


@each_file_of_the_pack
def test_nothing_is_evaluated_unpickled_or_installed(path: pathlib.Path) -> None:
    for name, call in calls_of(path):
        # original checkpoints are pickles: weights only, nothing else
        if name == "torch.load" and path.parent.name == "masking":
            assert ("weights_only", True) in [(k.arg, getattr(k.value, "value", None)) for k in call.keywords]
        else:
            assert name not in {
                "eval",
                "exec",
                "torch.load",
                "pickle.load",
                "pickle.loads",
                "os.system",
                "subprocess.run",
            }


@each_file_of_the_pack
def test_every_warning_reaches_the_page(path: pathlib.Path) -> None:
    """What is written to the log alone, nobody sees who looks at the page: `support.warnings.warn` does both."""
    ways = {
        f"{log}.{call}" for log in ("log", "logging", "logger") for call in ("warning", "warn", "error", "exception")
    }
    calls = {name for name, _ in calls_of(path)} & {*ways, "warnings.warn"}
    assert calls == ({"log.warning"} if name_of(path) == "support/warnings.py" else set())


@each_file_of_the_pack
def test_only_the_downloader_reaches_the_network_and_nothing_calls_it(path: pathlib.Path) -> None:
    modules = [found.module for found in imports_of(path)]
    if name_of(path) != "masking/download.py":
        assert not [module for module in modules if module.split(".")[0] in NETWORK]
        assert not [module for module in modules if module.startswith("masking.download")]


def test_nothing_of_ours_names_an_address_of_the_project() -> None:
    """None is known. The registry's and the pack's texts say "this repository"."""
    texts = [ROOT / "README.md", ROOT / "pyproject.toml", *(ROOT / "web" / "docs").rglob("*.md"), *PACK]
    assert not [name_of(path) for path in texts if "github.com/single-image-studio" in path.read_text(encoding="utf-8")]


# the lab


def test_the_lab_s_imports_go_one_way() -> None:
    """`lab` itself, with its root and its error, is below all of its rooms."""
    upwards = set()
    for path in LAB:
        room = path.relative_to(ROOT / "lab").with_suffix("").parts[0]
        used = {i.parts[1] for i in imports_of(path) if i.relative and len(i.parts) > 1 and i.parts[1] in LAB_MAY_USE}
        upwards |= {(name_of(path), other) for other in used - {room} - LAB_MAY_USE.get(room, set())}
    assert not upwards


def test_the_lab_reaches_the_pack_by_one_door() -> None:
    """hosting.in_process gives the pack its name; who uses it by that name does so in a function, afterwards."""
    for path in LAB:
        for used in imports_of(path):
            assert used.parts[0] == "lab" or not used.relative, f"{name_of(path)} imports {used.module} as a neighbour"
            assert used.parts[0] != "single_image_studio" or not used.at_top, (
                f"{name_of(path)} imports {used.module} before hosting.in_process can have made it importable"
            )
        if name_of(path) != "lab/hosting/in_process.py":
            assert not [name for name, _ in calls_of(path) if name.endswith("spec_from_file_location")], name_of(path)


def test_the_lab_calls_pipelines_and_no_node() -> None:
    assert not [name_of(path) for path in LAB for name, _ in calls_of(path) if name.endswith(".execute")]


# the tests


def test_tests_never_import_tests() -> None:
    """What they share is in tests/helpers, or a fixture."""
    for path in TESTS:
        for used in imports_of(path):
            inner = used.parts[1:] if used.parts[0] == "tests" else []
            assert not any(part.startswith("test_") or part == "conftest" for part in inner), (
                f"{name_of(path)} imports {used.module}"
            )
            assert not inner or inner[0] == "helpers", f"{name_of(path)} imports {used.module}"


def test_helpers_hold_no_tests_and_are_loaded_once() -> None:
    folder = ROOT / "tests" / "helpers"
    assert not list(folder.rglob("test_*.py"))
    loaded = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    helpers = [file for file in loaded if folder in pathlib.Path(file).parents]
    assert helpers and len(helpers) == len(set(helpers))


def test_tests_wait_for_something() -> None:
    """An event or a condition: a guessed time is too long on one machine and too short on another."""
    for path in TESTS:
        text = path.read_text(encoding="utf-8")
        if path != pathlib.Path(__file__):
            assert "setTimeout(" not in text, name_of(path)
        for name, _ in calls_of(path):
            assert name.split(".")[-1] not in {"sleep", "wait_for_timeout"}, f"{name_of(path)} calls {name}"
