"""Where the pack's files live: folders registered with the host, so that extra model paths work."""
from __future__ import annotations

import contextlib
import os
import pathlib

import folder_paths

from ..support.errors import InputError

CONCEPTS = "single_image_studio_concepts"


def register() -> None:
    """Registers models/single_image_studio/concepts as a model folder."""
    default = os.path.join(folder_paths.models_dir, "single_image_studio", "concepts")
    folder_paths.add_model_folder_path(CONCEPTS, default, is_default=True)
    paths, _ = folder_paths.folder_names_and_paths[CONCEPTS]
    folder_paths.folder_names_and_paths[CONCEPTS] = (paths, {".safetensors"})


def concept_names() -> list[str]:
    """Concept files in all registered folders, without their ending."""
    with contextlib.suppress(OSError):  # a read-only disk must not take the host's whole list of nodes down
        os.makedirs(save_folder(), exist_ok=True)
    return [name.removesuffix(".safetensors") for name in folder_paths.get_filename_list(CONCEPTS)]


def concept_file(name: str) -> pathlib.Path:
    """Raises: InputError when no registered folder has it."""
    found = folder_paths.get_full_path(CONCEPTS, f"{name}.safetensors")
    if found is None:
        folders = ", ".join(folder_paths.get_folder_paths(CONCEPTS))
        raise InputError(f"`concept_name`: there is no concept {name!r} in {folders}; save one with Save Concept, or choose another.")
    return pathlib.Path(found)


def save_folder() -> pathlib.Path:
    """Where concepts are saved: the first registered folder."""
    return pathlib.Path(folder_paths.get_folder_paths(CONCEPTS)[0])


def save_folders() -> tuple[list[pathlib.Path], list[pathlib.Path], list[pathlib.Path]]:
    """All folders of concepts, embeddings and LoRAs. Each kind is saved to its first; a new name must be free in all of them."""
    concepts, embeddings, loras = ([pathlib.Path(p) for p in folder_paths.get_folder_paths(kind)] for kind in (CONCEPTS, "embeddings", "loras"))
    return concepts, embeddings, loras
