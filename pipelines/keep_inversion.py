"""Inversions in the host's models folder."""

from __future__ import annotations

import logging
from pathlib import Path

from ..host import folders, saved_files
from ..host.conditioning import Conditioning
from ..inversion.data import Inversion
from ..inversion.file import load_inversion, save_inversion
from ..support import checks
from ..support.errors import InputError
from ..support.warnings import warn
from .kept_prompts import PLAIN, keeping

log = logging.getLogger("single_image_studio")


def keep_inversion(
    inversion: Inversion, name: str, optimized: Conditioning | None = None, precision: str = "fp32"
) -> tuple[Inversion, Path]:
    """Saves an inversion in the host's folder of inversions. Returns what was saved, and where.

    optimized: a target prompt optimised for the picture, to be kept too. precision: fp32, or fp16 for the
    unconditional embeddings.
    Raises: InputError when a file cannot keep it, or it cannot be saved under this name.
    """
    checks.kind("inversion", inversion, Inversion, "Null-Text Invert")
    _check_uncond(inversion)
    if optimized is not None:
        inversion = keeping(inversion, optimized)
    path = save_inversion(inversion, name, folders.INVERSIONS.folders(), precision)
    saved_files.keep(path)
    log.info("Saved the inversion as %s.", path)
    return inversion, path


def kept_inversion(name: str) -> Inversion:
    """Loads an inversion by its name in the host's folder.

    Raises: InputError when there is none, or its file cannot be read.
    """
    return load_inversion(folders.INVERSIONS.file(name))


def _check_uncond(inversion: Inversion) -> None:
    """A file keeps embeddings alone: refuses what would sample another picture, and warns of what is lost."""
    if inversion.uncond is None:
        return
    if len(inversion.uncond) > 1:
        raise InputError(
            "`inversion` was made with an `uncond` of several parts (areas or combined prompts), which a file"
            " cannot keep: invert with a plain one to save it."
        )
    extras = sorted(set(inversion.uncond[0][1]) - PLAIN)
    if extras:
        warn("uncond_not_kept", extras=", ".join(extras))
