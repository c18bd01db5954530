"""Where the pack's files live: folders registered with the host, so that extra model paths work."""

from __future__ import annotations

import contextlib
import os
import pathlib
from dataclasses import dataclass

import folder_paths

from ..support import checks
from ..support.bounded_folder import BoundedFolder
from ..support.errors import InputError, brief
from ..support.names import SPELLINGS
from ..support.writing import sweep


@dataclass(frozen=True)
class Shelf:
    """One kind of the pack's files, in models/single_image_studio/… and wherever extra model paths add to it.

    kind: the host's name of the model folder. folder: its own. widget, saver: the input that chooses a file, and the
        node that writes one.
    """

    kind: str
    folder: str
    thing: str
    widget: str
    saver: str

    def register(self) -> None:
        default = os.path.join(folder_paths.models_dir, "single_image_studio", self.folder)
        folder_paths.add_model_folder_path(self.kind, default, is_default=True)
        paths, _ = folder_paths.folder_names_and_paths[self.kind]
        folder_paths.folder_names_and_paths[self.kind] = (paths, {".safetensors"})

    def folders(self) -> list[pathlib.Path]:
        """All registered folders; files are saved to the first."""
        return [pathlib.Path(p) for p in folder_paths.get_folder_paths(self.kind)]

    def names(self) -> list[str]:
        """Files in all registered folders, without their ending."""
        with contextlib.suppress(OSError):  # a read-only disk must not take the host's whole list of nodes down
            os.makedirs(self.folders()[0], exist_ok=True)
        return [name.removesuffix(".safetensors") for name in folder_paths.get_filename_list(self.kind)]

    def files(self) -> dict[str, tuple[str, str]]:
        """`names`, each with its file's path and `stamp`; those that are gone by now are left out.

        One look at the disk for each file: a folder may have ten thousand.
        """
        found = {}
        for name in self.names():
            for folder in folder_paths.get_folder_paths(self.kind):
                path = f"{folder}{os.sep}{name}.safetensors"
                with contextlib.suppress(OSError, ValueError):
                    found[name] = path, stamp_of(path)
                    break
        return found

    def meant(self, name: str) -> str:
        """The listed name that is meant: the same one, or the only one that differs by the file's ending, by the other
        system's path separator, or by accents that are composed here and decomposed there; else the name as it is."""
        return self._listed(name) or name

    def _listed(self, name: str) -> str | None:
        names = self.names() if isinstance(name, str) else []
        if name in names:
            return name
        for spelling in SPELLINGS:
            alike = [listed for listed in names if spelling(_plain(listed)) == spelling(_plain(name))]
            if len(alike) == 1:
                return alike[0]
        return None

    def file(self, name: str) -> pathlib.Path:
        """The file of a name that is `meant`.

        Raises: InputError when no registered folder has it.
        """
        checks.text(self.widget, name)
        found = self._full_path(name) or self._full_path(self.meant(name))
        if found is None:
            folders = ", ".join(str(folder) for folder in self.folders())
            raise InputError(
                f"`{self.widget}`: there is no {self.thing} {brief(name)} in {folders}; save one with {self.saver}, or"
                " choose another."
            )
        return pathlib.Path(found)

    def _full_path(self, name: str) -> str | None:
        return folder_paths.get_full_path(self.kind, f"{name}.safetensors")  # type: ignore[no-any-return]

    def stamp(self, name: str | None) -> str:
        """For a node's fingerprint_inputs: changes with the file's content."""
        listed = self._listed(name) if name else None
        if listed is None:
            return ""
        return stamp_of(self.file(listed))


def stamp_of(path: str | pathlib.Path) -> str:
    """Changes with a file's content."""
    status = os.stat(path)
    return f"{status.st_mtime_ns}-{status.st_size}"


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/").removesuffix(".safetensors")


CONCEPTS = Shelf("single_image_studio_concepts", "concepts", "concept", "concept_name", "Save Concept")
INVERSIONS = Shelf("single_image_studio_inversions", "inversions", "inversion", "inversion_name", "Save Inversion")


def training_states() -> BoundedFolder:
    """Where trainings are kept, to be gone on with.

    Not the host's temp folder, which it empties when it starts; nor output or user, which people browse and back up.
    Beside the concepts a gigabyte is no surprise. It is not registered as a model folder: newer hosts list and hash
    what is in those.
    """
    path = pathlib.Path(folder_paths.models_dir) / "single_image_studio" / "training_states"
    return BoundedFolder(path, most_files=256, most_bytes=4 * 2**30, days=7, left_free=2 * 2**30)


def finished_pictures() -> BoundedFolder:
    """Where the finished pictures of a batch are kept that is inverted, or whose prompt is optimised; beside
    `training_states`."""
    path = training_states().path.parent / "finished_pictures"
    return BoundedFolder(path, most_files=256, most_bytes=2 * 2**30, days=7, left_free=2 * 2**30)


def register() -> None:
    """Registers the pack's model folders."""
    for shelf in (CONCEPTS, INVERSIONS):
        shelf.register()
        sweep(shelf.folders()[0])
    training_states().sweep()
    finished_pictures().sweep()


def save_folders() -> tuple[list[pathlib.Path], list[pathlib.Path], list[pathlib.Path]]:
    """All folders of concepts, embeddings and LoRAs. Each kind is saved to its first; a new name must be free in all of
    them."""
    embeddings, loras = (
        [pathlib.Path(p) for p in folder_paths.get_folder_paths(kind)] for kind in ("embeddings", "loras")
    )
    return CONCEPTS.folders(), embeddings, loras
