"""Writes a concept as the two files that other tools load: an embedding and a LoRA."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch
from torch import Tensor

from ..support.errors import InputError
from ..support.names import EXTENSION, check_name
from ..support.reading import read_header, read_tensors
from ..support.writing import write_new
from .data import Concept

EMBEDDING_KEY = "emb_params"
DOWN = ".lora_down.weight"
ALPHA = ".alpha"


def export_for_other_tools(concept: Concept, embeddings_folder: Path, loras_folder: Path, name: str) -> list[Path]:
    """Writes embeddings/NAME.safetensors, and loras/NAME.safetensors when the concept has a LoRA.

    Prompts then take the concept as "embedding:NAME class", and Load LoRA its LoRA, with the same pictures as through
    Load Concept. A file that holds just the same already is left as it is.
    Returns the paths, the embedding's first.
    Raises: FileTaken when another's file has that name; InputError when the name or the disk does not serve. What this
    call had written by then is removed again.
    """
    name = check_name(name)
    jobs = [(embeddings_folder / (name + EXTENSION), embedding_tensors(concept), {"name": name})]
    if concept.lora:
        jobs.append((loras_folder / (name + EXTENSION), lora_tensors(concept), lora_metadata(concept, name)))
    written: list[Path] = []
    try:
        for path, tensors, metadata in jobs:
            if not _holds(path, tensors):
                written.append(write_new(tensors, metadata, path))
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return [path for path, _, _ in jobs]


def same_export(concept: Concept, path: Path) -> bool:
    """Tells whether a file holds just this concept's embedding or just its LoRA; for `free_name`."""
    return _holds(path, embedding_tensors(concept)) or (bool(concept.lora) and _holds(path, lora_tensors(concept)))


def embedding_tensors(concept: Concept) -> dict[str, Tensor]:
    """What a textual inversion file holds: {"emb_params": (n, width) float32}."""
    return {EMBEDDING_KEY: concept.embedding}


def lora_tensors(concept: Concept) -> dict[str, Tensor]:
    """What a kohya LoRA file holds: for each layer NAME.lora_up.weight, NAME.lora_down.weight and NAME.alpha."""
    return dict(concept.lora)


def lora_metadata(concept: Concept, name: str) -> dict[str, str]:
    """The metadata by which other tools recognise a kohya LoRA. Ranks or alphas that differ are called "Dynamic"
    there."""
    ranks = {tensor.shape[0] for key, tensor in concept.lora.items() if key.endswith(DOWN)}
    alphas = {float(tensor) for key, tensor in concept.lora.items() if key.endswith(ALPHA)} or {
        float(rank) for rank in ranks
    }
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(ranks.pop()) if len(ranks) == 1 else "Dynamic",
        "ss_network_alpha": str(alphas.pop()) if len(alphas) == 1 else "Dynamic",
        "ss_base_model_version": "sd_v1",
        "ss_output_name": name,
    }


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
