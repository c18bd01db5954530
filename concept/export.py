"""Writes a concept as the two files that other tools load, an embedding and a LoRA, each with a preview beside it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..support import checks
from ..support.errors import InputError
from ..support.names import EXTENSION, check_name
from ..support.narrow import PRECISIONS, in_precision
from ..support.reading import read_header, read_tensors
from ..support.writing import FileTaken, write_new, write_new_bytes
from .data import Concept
from .export_metadata import embedding_metadata, lora_metadata
from .pixels import to_png

EMBEDDING_KEY = "emb_params"
PREVIEW = ".preview.png"


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How a concept is written for other tools.

    precision: "fp32" keeps every number as it was learned, "fp16" halves the files.
    preview: whether the concept's picture goes beside each file.
    Raises: InputError when the precision is another.
    """

    precision: str = "fp32"
    preview: bool = True

    def __post_init__(self) -> None:
        checks.choice("export_precision", self.precision, tuple(PRECISIONS))


AS_LEARNED = ExportSettings()


def export_for_other_tools(
    concept: Concept, embeddings_folder: Path, loras_folder: Path, name: str, settings: ExportSettings = AS_LEARNED
) -> list[Path]:
    """Writes embeddings/NAME.safetensors, and loras/NAME.safetensors when the concept has a LoRA.

    Prompts then take the concept as "embedding:NAME class", and Load LoRA its LoRA, in fp32 with the same pictures as
    through Load Concept. A file that holds just the same already is left as it is, and so is any preview.
    Returns the paths, the embedding's first.
    Raises: FileTaken when another's file has that name; InputError when the name or the disk does not serve, or a
    number is too large for the precision. What this call had written by then is removed again.
    """
    name = check_name(name)
    jobs = [(embeddings_folder, embedding_tensors(concept, settings.precision), embedding_metadata(concept, name))]
    if concept.lora:
        jobs.append((loras_folder, lora_tensors(concept, settings.precision), lora_metadata(concept, name)))
    written: list[Path] = []
    try:
        for folder, tensors, metadata in jobs:
            if not _holds(folder / (name + EXTENSION), tensors):
                written.append(write_new(tensors, metadata, folder / (name + EXTENSION)))
            if settings.preview:
                written += _write_preview(concept, folder / (name + PREVIEW))
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return [folder / (name + EXTENSION) for folder, _, _ in jobs]


def same_export(concept: Concept, path: Path, precision: str = "fp32") -> bool:
    """Tells whether a file holds just this concept's embedding or just its LoRA; for `free_name`."""
    return _holds(path, embedding_tensors(concept, precision)) or (
        bool(concept.lora) and _holds(path, lora_tensors(concept, precision))
    )


def embedding_tensors(concept: Concept, precision: str = "fp32") -> dict[str, Tensor]:
    """What a textual inversion file holds: {"emb_params": (n, width)}, float32 or float16."""
    return _in_precision({EMBEDDING_KEY: concept.embedding}, precision)


def lora_tensors(concept: Concept, precision: str = "fp32") -> dict[str, Tensor]:
    """What a kohya LoRA file holds: for each layer NAME.lora_up.weight, NAME.lora_down.weight and NAME.alpha."""
    return _in_precision(concept.lora, precision)


def _in_precision(tensors: dict[str, Tensor], precision: str) -> dict[str, Tensor]:
    """fp32 leaves every tensor in the format in which it was learned.

    Raises: InputError when a number is too large for fp16.
    """
    if precision == "fp32":
        return dict(tensors)
    return {
        name: in_precision(tensor, precision, f"{name} holds a number", "export_precision")
        for name, tensor in tensors.items()
    }


def _write_preview(concept: Concept, path: Path) -> list[Path]:
    """The path, unless the concept has no picture or a preview is there already."""
    if concept.picture is None:
        return []
    with contextlib.suppress(FileTaken):
        return [write_new_bytes(to_png(concept.picture), path)]
    return []


def _holds(path: Path, tensors: dict[str, Tensor]) -> bool:
    """Tells whether a file holds exactly these tensors. The header is compared first: LoRA folders have large files."""
    try:
        entries = read_header(path).tensors
        if {key: entry.get("shape") for key, entry in entries.items()} != {
            key: list(tensor.shape) for key, tensor in tensors.items()
        }:
            return False
        found = read_tensors(path)
    except InputError:
        return False
    return all(
        found[key].dtype == tensor.dtype and torch.equal(found[key], tensor.detach().cpu())
        for key, tensor in tensors.items()
    )
