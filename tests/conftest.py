"""What all tests share: the pack as a package, the host inside this process, and a real server.

Imports in tests: `from single_image_studio.losses import …` for the pack, `from lab.hosting import …` for what
is around it. The root itself is kept off sys.path, since the pack's `nodes` package
would hide the host's module of the same name.
"""

from __future__ import annotations

import gc
import importlib.util
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

ROOT = pathlib.Path(__file__).resolve().parent.parent
pytest.register_assert_rewrite("tests.helpers")


def _load_lab() -> None:
    """Makes the lab importable as `lab`, wherever it lies."""
    if "lab" not in sys.modules:
        folder = ROOT / "lab"
        spec = importlib.util.spec_from_file_location(
            "lab", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        sys.modules["lab"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["lab"])


sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != ROOT]
_load_lab()

from lab.hosting import in_process  # noqa: E402
from lab.hosting.base_folder import CHECKPOINT, furnish  # noqa: E402
from lab.hosting.client import Client  # noqa: E402
from lab.hosting.environment import Host  # noqa: E402
from lab.hosting.server import serving  # noqa: E402

in_process.import_pack()

from .helpers import frontend, workers  # noqa: E402

WEIGHTS = ROOT / "lab" / "weights" / CHECKPOINT
Models = tuple[Any, Any, Any]
# What a test asks for, itself or by its fixtures, says what it needs: its marks, and so its tier, follow from that.
NEEDS = {"host": "host", "real_host": "server", "session_server": "server", "browser": "browser"}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in NEEDS:
                item.add_marker(NEEDS[fixture])


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's; without it, all run in one process
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return workers.share(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Here, since where workers share the tests, only they load tests/browser/conftest.py."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    if any(report.nodeid.startswith(workers.PAGE) for report in reports) and frontend.ARTIFACTS.is_dir():
        terminalreporter.write_line(f"screenshots of the browser tests: {frontend.ARTIFACTS}")


def _parse_host_arguments(base: pathlib.Path) -> None:
    """Lets the host read a command line of ours, not pytest's, before anything else of it is imported."""
    path = str(in_process.host_path())
    if "comfy.cli_args" in sys.modules:
        return
    sys.path.insert(0, path)
    arguments, sys.argv = sys.argv, [sys.argv[0], "--cpu", "--base-directory", str(base)]
    try:
        import comfy.options

        comfy.options.enable_args_parsing()
        import comfy.cli_args
    finally:
        sys.argv = arguments


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The host inside this process: `import comfy`, `folder_paths`, `nodes` … work afterwards, on the CPU.

    Returns its base directory, a temporary one with the demo model and pictures. Import the host inside tests and
    fixtures that ask for this one, not at the top of a file.
    """
    base = furnish(tmp_path_factory.mktemp("host"))
    _parse_host_arguments(base)
    in_process.import_host()
    _leave_out_of_collections()
    return base


def _leave_out_of_collections() -> None:
    """What is imported by now need not be looked through again: the host collects garbage whenever a clone of a model
    is gone, which tests leave behind all the time, and half a million objects take it a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def loaded_demo_model(host: pathlib.Path) -> Models:
    """The demo checkpoint's (MODEL, CLIP, VAE), loaded once, as the executor would: in inference mode."""
    if not WEIGHTS.is_file():
        pytest.skip(f"no demo model at {WEIGHTS}: train one with `python -m lab.training.train_model`")
    import comfy.sd
    import torch

    with torch.inference_mode():
        model, clip, vae = comfy.sd.load_checkpoint_guess_config(str(WEIGHTS), output_vae=True, output_clip=True)[:3]
    # what the executor's mode leaves behind, and what training in it has to cope with (tests that train thaw them)
    assert all(weight.is_inference() for weight in model.model.parameters())
    return model, clip, vae


@pytest.fixture
def demo_model(loaded_demo_model: Models) -> Models:
    """(MODEL, CLIP, VAE) of the demo checkpoint for one test: fresh clones of the MODEL and CLIP patchers.

    The weights behind them are shared by the whole session: a test that changes them must put them back.
    """
    model, clip, vae = loaded_demo_model
    return model.clone(), clip.clone(), vae


@pytest.fixture(scope="session")
def real_host() -> Host:
    """The ComfyUI under test and the Python that runs it, for tests that start servers of their own."""
    return Host(
        pathlib.Path(sys.executable), in_process.host_path(), ours=in_process.host_path() == ROOT / ".host" / "comfyui"
    )


@pytest.fixture(scope="session")
def session_server(real_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The session's one server; use `server`."""
    if not (real_host.comfyui / "main.py").is_file():
        pytest.skip(f"no ComfyUI at {real_host.comfyui}: `python dev.py test` sets one up")
    with serving(real_host, furnish(tmp_path_factory.mktemp("server"))) as client:
        yield client


@pytest.fixture
def server(session_server: Client) -> Client:
    """A client of a real ComfyUI with the pack, the demo model and the demo pictures; one server a session.

    `server.run(prompt)` posts an API workflow, waits and returns its history entry; `post`, `wait`, `interrupt`,
    `object_info`, `upload`, `view`, `events_of`, `log` and `base` (its folder: output/, models/ …) are in
    lab.hosting.client. `events` starts empty in every test.
    """
    session_server.events.clear()
    return session_server


@pytest.fixture(scope="session")
def api_workflow() -> Callable[..., dict[str, Any]]:
    """`api_workflow("learn_a_concept", {title: {input: value}})`: a shipped API workflow with other values."""
    from lab.workflow_files import workflow

    def load(name: str, overrides: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
        return workflow.with_overrides(workflow.load(ROOT / "workflows" / "api" / f"{name}.json"), overrides or {})

    return load


@pytest.fixture
def stock_picture(host) -> Callable[..., Tensor]:
    """`stock_picture(model, clip, vae)`: what the stock CLIPTextEncode, KSampler and VAEDecode give, run as the
    executor runs them."""

    def run(
        model: Any, clip: Any, vae: Any, prompt: str = "a red heart on a green background", steps: int = 4
    ) -> Tensor:
        import nodes

        with torch.inference_mode():
            (positive,) = nodes.CLIPTextEncode().encode(clip, prompt)
            (negative,) = nodes.CLIPTextEncode().encode(clip, "")
            latent = {"samples": torch.zeros(1, 4, 16, 16)}
            (sampled,) = nodes.KSampler().sample(model, 7, steps, 5.0, "euler", "normal", positive, negative, latent)
            (image,) = nodes.VAEDecode().decode(vae, sampled)
            return image.clone()

    return run


@pytest.fixture
def concept_picture(host) -> tuple[Tensor, Tensor, str]:
    """(image, mask, class word) of one of the demo's concepts, as LoadImage would give them."""
    import random

    from lab.world import painting, random_scenes

    picture, masks = painting.render(random_scenes.sample_concept(random.Random(3), "heart"))
    return torch.from_numpy(picture)[None].float() / 255, torch.from_numpy(masks[:1]), "heart"
