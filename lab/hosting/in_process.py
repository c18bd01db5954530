"""Lets the demo's own scripts use a host's modules outside a server. Users of the pack never import this."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pathlib
import sys
from types import ModuleType
from typing import Any

PACKAGE = "single_image_studio"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def host_path() -> pathlib.Path:
    """The folder of the ComfyUI to use: COMFYUI_PATH, or the one that `python dev.py` has set up."""
    return pathlib.Path(os.environ.get("COMFYUI_PATH") or ROOT / ".host" / "comfyui")


def import_host() -> None:
    """Makes `import comfy` work, on the CPU, and registers the demo model's size.

    Raises: FileNotFoundError when there is no host yet.
    """
    path = host_path()
    if not (path / "comfy").is_dir():
        raise FileNotFoundError(f"no ComfyUI at {path}: run `python dev.py where` once, or set COMFYUI_PATH")
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
        arguments, sys.argv = sys.argv, [sys.argv[0], "--cpu"]
        try:
            import comfy.options

            comfy.options.enable_args_parsing()
            import comfy.cli_args
        finally:
            sys.argv = arguments
    # before the host's `nodes`, which puts a folder with a utils.py of its own first on the path
    importlib.import_module("utils")
    from .host_extension import small_sd15

    small_sd15.register()


def import_pack() -> ModuleType:
    """Imports the pack as the host imports a custom node's folder: as one package, whatever its folder is called. Needs
    no host by itself."""
    if PACKAGE not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{ROOT / '__init__.py'} can't be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = module
        spec.loader.exec_module(module)
    return sys.modules[PACKAGE]


def taesd() -> Any:
    """A new TAESD in the host's own layout, with its weights unset."""
    import_host()
    from comfy.taesd.taesd import TAESD

    return TAESD(latent_channels=4)


def run_host_node(module: str, name: str, inputs: dict[str, list[Any]]) -> tuple[Any, ...]:
    """The outputs of one of the host's own nodes that takes lists. module: where the host has it, such as
    "comfy_extras.nodes_train"."""
    import_host()
    node = getattr(importlib.import_module(module), name)
    return tuple(getattr(node, node.FUNCTION)(**inputs).args)
