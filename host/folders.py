"""Where the pack's files live: folders registered with the host, so that extra model paths work."""
from __future__ import annotations

import contextlib
import os
import pathlib

import folder_paths

from ..support.errors import InputError

CONCEPTS = "single_image_studio_concepts"
INVERSIONS = "single_image_studio_inversions"


def register() -> None:
    """Registers models/single_image_studio/concepts and …/inversions as model folders."""
    for kind, name in ((CONCEPTS, "concepts"), (INVERSIONS, "inversions")):
        default = os.path.join(folder_paths.models_dir, "single_image_studio", name)
        folder_paths.add_model_folder_path(kind, default, is_default=True)
        paths, _ = folder_paths.folder_names_and_paths[kind]
        folder_paths.folder_names_and_paths[kind] = (paths, {".safetensors"})


def concept_names() -> list[str]:
    """Concept files in all registered folders, without their ending."""
    return _names(CONCEPTS)


def inversion_names() -> list[str]:
    """Inversion files in all registered folders, without their ending."""
    return _names(INVERSIONS)


def concept_file(name: str) -> pathlib.Path:
    """Raises: InputError when no registered folder has it."""
    return _file(CONCEPTS, name, "`concept_name`: there is no concept", "Save Concept")


def inversion_file(name: str) -> pathlib.Path:
    """Raises: InputError when no registered folder has it."""
    return _file(INVERSIONS, name, "`inversion_name`: there is no inversion", "Save Inversion")


def inversion_folders() -> list[pathlib.Path]:
    """All folders of inversions; they are saved to the first."""
    return [pathlib.Path(p) for p in folder_paths.get_folder_paths(INVERSIONS)]


def _names(kind: str) -> list[str]:
    with contextlib.suppress(OSError):  # a read-only disk must not take the host's whole list of nodes down
        os.makedirs(folder_paths.get_folder_paths(kind)[0], exist_ok=True)
    return [name.removesuffix(".safetensors") for name in folder_paths.get_filename_list(kind)]


def _file(kind: str, name: str, problem: str, saver: str) -> pathlib.Path:
    found = folder_paths.get_full_path(kind, f"{name}.safetensors")
    if found is None:
        folders = ", ".join(folder_paths.get_folder_paths(kind))
        raise InputError(f"{problem} {name!r} in {folders}; save one with {saver}, or choose another.")
    return pathlib.Path(found)


def save_folders() -> tuple[list[pathlib.Path], list[pathlib.Path], list[pathlib.Path]]:
    """All folders of concepts, embeddings and LoRAs. Each kind is saved to its first; a new name must be free in all of them."""
    concepts, embeddings, loras = ([pathlib.Path(p) for p in folder_paths.get_folder_paths(kind)] for kind in (CONCEPTS, "embeddings", "loras"))
    return concepts, embeddings, loras
