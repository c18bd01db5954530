"""New files in the host's output folder, named as Save Image names its own."""

from __future__ import annotations

import pathlib
import re

import folder_paths

from ..support.errors import InputError, brief

LONGEST_NAME = 255  # bytes that file systems take, of a file and of each folder that it lies in


def next_output(prefix: str, ending: str) -> pathlib.Path:
    """A path where nothing is yet. prefix: as Save Image has it, with %date% and folders. ending: with its dot.

    Raises: InputError when the prefix is no name of a file, or leads out of the output folder.
    """
    names = re.split(r"[/\\]", f"{prefix}_00001_{ending}")
    if "\0" in prefix or any(len(name.encode()) > LONGEST_NAME for name in names):
        raise InputError(f"`filename_prefix` is {brief(prefix)}, which no file can be called: change it.")
    try:
        folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    except Exception as error:  # the host raises a bare one
        raise InputError(
            f"`filename_prefix` is {brief(prefix)}, which is outside of the output folder: change it."
        ) from error
    return pathlib.Path(folder) / f"{name}_{counter:05}_{ending}"


def shown_path(path: pathlib.Path) -> str:
    """A path as people find it: from the output folder's name on."""
    output = pathlib.Path(folder_paths.get_output_directory())
    return (pathlib.Path(output.name) / path.relative_to(output)).as_posix()
