"""Models of other makers, in the host's own kind of folders: single files, and Hugging Face folders with a
config.json."""

from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass

import folder_paths

ENDINGS = {".pth", ".pt", ".safetensors"}
DEEPEST = 2  # folders below a registered one that are looked into for a config.json


@dataclass(frozen=True)
class ModelFolder:
    """A kind of model folder, which other packs may have registered too. kind: the host's name of it, and the default
    folder's."""

    kind: str

    def register(self) -> None:
        """Adds the default folder and our endings; other packs' folders and endings stay."""
        folder_paths.add_model_folder_path(self.kind, os.path.join(folder_paths.models_dir, self.kind))
        paths, endings = folder_paths.folder_names_and_paths[self.kind]
        folder_paths.folder_names_and_paths[self.kind] = (paths, set(endings) | ENDINGS)

    def folders(self) -> list[pathlib.Path]:
        return [pathlib.Path(p) for p in folder_paths.get_folder_paths(self.kind)]

    def found(self) -> dict[str, pathlib.Path]:
        """What is there: name to path. A folder with a config.json is one model; the files in it are not listed on
        their own."""
        models: dict[str, pathlib.Path] = {}
        for root in self.folders():
            for name, path in _model_folders(root):
                models.setdefault(name, path)
        inside = tuple(f"{name}/" for name in models)
        for name in folder_paths.get_filename_list(self.kind):
            path = folder_paths.get_full_path(self.kind, name)
            if (
                path is not None
                and os.path.splitext(name)[1] in ENDINGS
                and not name.replace("\\", "/").startswith(inside)
            ):
                models.setdefault(name, pathlib.Path(path))
        return models


def _model_folders(root: pathlib.Path) -> list[tuple[str, pathlib.Path]]:
    out = []
    for folder, below, files in os.walk(root, followlinks=True):
        path = pathlib.Path(folder)
        name = path.relative_to(root).as_posix()
        if "config.json" in files and path != root:
            out.append((name, path))
            below.clear()
        elif len(path.relative_to(root).parts) >= DEEPEST:
            below.clear()
        below[:] = sorted(b for b in below if not b.startswith("."))
    return out


def stamp(path: pathlib.Path) -> str:
    """Changes with the file's content; for a folder, with that of any of its files."""
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    return "|".join(f"{p.name}-{p.stat().st_mtime_ns}-{p.stat().st_size}" for p in files)


DETECTORS, SEGMENTERS = ModelFolder("grounding-dino"), ModelFolder("sams")


def register() -> None:
    for folder in (DETECTORS, SEGMENTERS):
        folder.register()
