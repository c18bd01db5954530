"""Models of other makers, in the host's own kind of folders: single files, and Hugging Face folders with a
config.json."""

from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass

import folder_paths

from ..masking import catalogue

ENDINGS = {".pth", ".pt", ".safetensors"}
DEEPEST = 2  # folders below a registered one that are looked into for a config.json


@dataclass(frozen=True)
class ModelFolder:
    """One of the host's model folders, which other packs may have registered too. kind: the host's name of it, and the
    default folder's."""

    kind: str

    def register(self) -> None:
        """Adds the default folder and our endings; other packs' folders and endings stay. To the host no endings are
        all of them, so that they stay none."""
        for_every_file = self.kind in folder_paths.folder_names_and_paths and not self._endings()
        folder_paths.add_model_folder_path(self.kind, os.path.join(folder_paths.models_dir, self.kind))
        paths = folder_paths.folder_names_and_paths[self.kind][0]
        endings = set() if for_every_file else self._endings() | ENDINGS
        folder_paths.folder_names_and_paths[self.kind] = (paths, endings)

    def _endings(self) -> set[str]:
        return set(folder_paths.folder_names_and_paths[self.kind][1])

    def folders(self) -> list[pathlib.Path]:
        return [pathlib.Path(p) for p in folder_paths.get_folder_paths(self.kind)]

    def models(self) -> dict[str, pathlib.Path]:
        """Every model that is there, by its name. A folder with a config.json is one model; the files in it are not
        listed on their own."""
        models: dict[str, pathlib.Path] = {}
        for root in self.folders():
            for name, path in _model_folders(root):
                models.setdefault(name, path)
        inside = tuple(f"{name}/" for name in models)
        for name in folder_paths.get_filename_list(self.kind):
            listed = folder_paths.get_full_path(self.kind, name)
            if listed is None or os.path.splitext(name)[1] not in ENDINGS:
                continue
            if not name.replace("\\", "/").startswith(inside):
                models.setdefault(name, pathlib.Path(listed))
        return models


def _model_folders(root: pathlib.Path) -> list[tuple[str, pathlib.Path]]:
    """(name, path) of the folders below a root that hold a config.json."""
    folders = []
    for folder, below, files in os.walk(root, followlinks=True):
        path = pathlib.Path(folder)
        if "config.json" in files and path != root:
            folders.append((path.relative_to(root).as_posix(), path))
            below.clear()
        elif len(path.relative_to(root).parts) >= DEEPEST:
            below.clear()
        below[:] = sorted(b for b in below if not b.startswith("."))
    return folders


def stamp(path: pathlib.Path) -> str:
    """Changes with the file's content; for a folder, with that of any of its files."""
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    return "|".join(f"{p.name}-{p.stat().st_mtime_ns}-{p.stat().st_size}" for p in files)


DETECTOR_FOLDER, SEGMENTER_FOLDER = ModelFolder(catalogue.DETECTOR_FOLDER), ModelFolder(catalogue.SEGMENTER_FOLDER)
LPIPS_FOLDER, AESTHETIC_FOLDER = ModelFolder("lpips"), ModelFolder("aesthetic")


def register() -> None:
    for folder in (DETECTOR_FOLDER, SEGMENTER_FOLDER, LPIPS_FOLDER, AESTHETIC_FOLDER):
        folder.register()
