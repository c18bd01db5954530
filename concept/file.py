"""The concept file: one safetensors that holds all that was learned and all that is needed to learn on.

Tensors: `embedding` (n, width) float32; `lora.NAME` with kohya names; `picture_png` and `mask_png` (bytes,) uint8, or
`picture` (1, H, W, 3) and `mask` (1, H, W) float32 where 8 bits would lose something; `thumbnail` (96, 96, 4) uint8.
Metadata, all strings: `format`, `format_version`, `class_word`, `stage`, `settings` and `losses` (JSON), `base_model`,
`name`, `created` (ISO 8601, UTC), `fingerprint`. A newer version may add names; this one passes over them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..support.errors import InputError, brief
from ..support.kinds import kind_of_width
from ..support.names import EXTENSION, check_name, numbered
from ..support.reading import CHOOSE, Header, read_header, read_tensors
from ..support.strict_json import read_numbers, write_numbers
from ..support.writing import write_new
from .checks import DOWN, MOST_WORDS, WIDEST, check_texts
from .data import Concept
from .export import same_export
from .pixels import THUMBNAIL_SIZE, make_thumbnail, pack_pixels, unpack_pixels

FORMAT = "single_image_studio.concept"
FORMAT_VERSION = 1
LORA_PREFIX = "lora."
RIVAL_EXTENSIONS = (EXTENSION, ".pt", ".bin", ".ckpt", ".pth")
VERSION = r"0*[1-9][0-9]{0,8}"
WORD = r"[0-9A-Za-z:.+-]{0,64}"


def save_concept(concept: Concept, path: Path, include_picture: bool = True) -> Path:
    """Writes a concept to a new file. The picture and mask are kept bit for bit.

    include_picture: without it the file shows nothing of the picture but the mask's silhouette, 96 px, and a loaded
    concept cannot go on to Stage II.
    Returns path.
    Raises: FileTaken when the path exists; InputError when the disk is full or the folder cannot be written. Either way
    nothing is left behind.
    """
    tensors = {"embedding": concept.embedding, **{LORA_PREFIX + name: tensor for name, tensor in concept.lora.items()}}
    if include_picture and concept.picture is not None:
        tensors |= pack_pixels("picture", concept.picture)
    if include_picture and concept.mask is not None:
        tensors |= pack_pixels("mask", concept.mask)
    thumbnail = make_thumbnail(concept.picture if include_picture else None, concept.mask)
    if thumbnail is not None:
        tensors["thumbnail"] = thumbnail
    return write_new(tensors, _metadata(concept, path.stem), path)


def load_concept(path: Path) -> Concept:
    """Reads a concept. Its name is the file's, so that a renamed file is a renamed concept.

    Raises: InputError when the file is missing, damaged, of another kind or of a newer format.
    """
    metadata = _read_concept_header(path).metadata
    tensors = read_tensors(path)
    try:
        # the host calls nodes in it, and Stage II could not train on what is made there
        with torch.inference_mode(False):
            concept = _concept_from(tensors, metadata, path.stem)
    except InputError as error:
        raise InputError(f"{path.name} cannot be used: {error}") from error
    if metadata.get("fingerprint", concept.fingerprint()) != concept.fingerprint():
        raise InputError(
            f"{path.name} was damaged or changed after it was saved (its fingerprint does not fit): copy or download it"
            f" again, or {CHOOSE}."
        )
    return concept


def read_info(path: Path) -> dict[str, Any]:
    """What a picker shows of a concept, from the header alone: no tensor is read.

    Returns name, class_word, stage, settings, losses, base_model, created, fingerprint, format_version, words, width,
    rank (0 without LoRA), has_picture, has_mask, has_thumbnail, bytes.
    Raises: InputError as `load_concept` does, as far as the header tells.
    """
    header = _read_concept_header(path)
    words, width = header.tensors["embedding"]["shape"]
    ranks = [entry["shape"][0] for name, entry in header.tensors.items() if name.endswith(DOWN) and entry["shape"]]
    texts = _texts(header.metadata, path.stem)
    try:
        check_texts(**{name: value for name, value in texts.items() if name != "name"})
    except InputError as error:
        raise InputError(f"{path.name} cannot be used: {error}") from error
    return texts | {
        "created": _word(header, "created", path),
        "fingerprint": _word(header, "fingerprint", path),
        "format_version": int(header.metadata["format_version"]),
        "words": words,
        "width": width,
        "rank": max(ranks, default=0),
        "has_picture": _has(header, "picture"),
        "has_mask": _has(header, "mask"),
        "has_thumbnail": "thumbnail" in header.tensors,
        "bytes": header.size,
    }


def read_thumbnail(path: Path) -> Tensor | None:
    """The thumbnail alone, (96, 96, 4) uint8 RGBA, or None when the file has none.

    Raises: InputError as `read_info` does.
    """
    header = _read_concept_header(path)
    entry = header.tensors.get("thumbnail")
    shape = (THUMBNAIL_SIZE, THUMBNAIL_SIZE, 4)
    if entry is None or entry.get("dtype") != "U8" or tuple(entry.get("shape", ())) != shape:
        return None
    begin, end = entry["data_offsets"]
    with path.open("rb") as file:
        file.seek(header.start + begin)
        data = bytearray(file.read(end - begin))
    return torch.frombuffer(data, dtype=torch.uint8).reshape(shape)


def same_concept(concept: Concept, path: Path, include_picture: bool = True) -> bool:
    """Tells whether a file already holds this concept: same vectors, LoRA, class word and settings, picture kept or
    not.

    A file that cannot be read, or is something else, holds another.
    """
    try:
        header = _read_concept_header(path)
        settings = _texts(header.metadata, path.stem)["settings"]
    except InputError:
        return False
    keeps_picture = include_picture and concept.picture is not None
    same_learned = header.metadata.get("fingerprint") == concept.fingerprint()
    return (
        same_learned
        and settings == json.loads(json.dumps(concept.settings))
        and _has(header, "picture") == keeps_picture
    )


def free_name(
    folders: Sequence[Path], name: str, concept: Concept, include_picture: bool = True, precision: str = "fp32"
) -> str:
    """The first of NAME, NAME_2, NAME_3 … under which a concept can be kept in all folders without touching another's
    file.

    folders: of concepts, embeddings and LoRAs; they need not exist yet. An existing file that holds just this concept,
    or just its embedding or LoRA in the same precision, can stay, so the same concept saved twice keeps its name.
    NAME.pt and the like count as taken too: prompts would find the new file in their place.
    Raises: InputError when the name cannot be used at all.
    """

    def usable(candidate: str) -> bool:
        taken = (path for folder in folders for path in _rivals(folder, candidate))
        return all(
            path.suffix == EXTENSION
            and (same_concept(concept, path, include_picture) or same_export(concept, path, precision))
            for path in taken
        )

    return next(filter(usable, numbered(check_name(name))))


def check_width(concept: Concept, width: int) -> None:
    """Refuses a text encoder whose words have another size than the concept's.

    Raises: InputError naming the kinds of model of both.
    """
    found = concept.embedding.shape[1]
    if found != width:
        raise InputError(
            f"`concept` seems to be learned on {kind_of_width(found)} and `clip` to be made for {kind_of_width(width)}:"
            " connect the CLIP of the kind of checkpoint that it was learned on, or train it again on this one."
        )


def _metadata(concept: Concept, name: str) -> dict[str, str]:
    return {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "class_word": concept.class_word,
        "stage": str(concept.stage),
        "settings": json.dumps(concept.settings, ensure_ascii=False),
        "losses": write_numbers(concept.losses),
        "base_model": concept.base_model,
        "name": name,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "fingerprint": concept.fingerprint(),
    }


def _concept_from(tensors: dict[str, Tensor], metadata: dict[str, str], name: str) -> Concept:
    lora = {key.removeprefix(LORA_PREFIX): tensor for key, tensor in tensors.items() if key.startswith(LORA_PREFIX)}
    picture, mask = unpack_pixels("picture", tensors), unpack_pixels("mask", tensors)
    return Concept(embedding=tensors["embedding"], lora=lora, picture=picture, mask=mask, **_texts(metadata, name))


def _texts(metadata: dict[str, str], name: str) -> dict[str, Any]:
    """The metadata that `Concept` holds, in its types.

    Raises: InputError when something is missing or no JSON.
    """
    try:
        settings, losses = json.loads(metadata.get("settings", "{}")), read_numbers(metadata.get("losses", "{}"))
        class_word, stage = metadata["class_word"], int(metadata["stage"])
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(f"the metadata of {name}{EXTENSION} is damaged ({brief(str(error))}): {CHOOSE}.") from error
    if not isinstance(settings, dict) or not isinstance(losses, dict):
        raise InputError(f"the metadata of {name}{EXTENSION} is damaged (settings or losses are no table): {CHOOSE}.")
    base_model = metadata.get("base_model", "")
    return {
        "name": name,
        "class_word": class_word,
        "stage": stage,
        "settings": settings,
        "losses": losses,
        "base_model": base_model,
    }


def _read_concept_header(path: Path) -> Header:
    """The header of a file that is a concept, of a version that this pack reads."""
    header = read_header(path)
    if header.metadata.get("format") != FORMAT:
        raise InputError(f"{path.name} is {_other_kind(header)}: {CHOOSE}.")
    version = header.metadata.get("format_version", "")
    if not re.fullmatch(VERSION, version):
        raise InputError(f"the format version of {path.name} is {brief(version)}; expected a number: {CHOOSE}.")
    if int(version) > FORMAT_VERSION:
        raise InputError(
            f"{path.name} was made by a newer version of Single Image Studio (format {int(version)}; this one reads"
            f" {FORMAT_VERSION}): update the pack."
        )
    shape = header.tensors.get("embedding", {}).get("shape", [])
    if len(shape) != 2 or not (0 < shape[0] <= MOST_WORDS and 0 < shape[1] <= WIDEST):
        raise InputError(f"the embedding in {path.name} is no list of words: {CHOOSE}.")
    return header


def _other_kind(header: Header) -> str:
    """What a safetensors file is instead of a concept, and which node wants it."""
    names = list(header.tensors)
    if "emb_params" in names:
        return "a textual inversion embedding, which prompts take as embedding:NAME, and no concept"
    if any("lora" in name for name in names):
        return "a LoRA, which Load LoRA takes, and no concept"
    if any(name.startswith(("model.diffusion_model.", "cond_stage_model.")) for name in names):
        return "a checkpoint, which Load Checkpoint takes, and no concept"
    return "a safetensors file, but no concept"


def _word(header: Header, field: str, path: Path) -> str:
    """A date or a hash of the metadata; "" where there is none.

    Raises: InputError for what is neither.
    """
    word = header.metadata.get(field, "")
    if not re.fullmatch(WORD, word):
        raise InputError(f"{path.name} cannot be used: its `{field}` is {brief(word)}: {CHOOSE}.")
    return word


def _has(header: Header, name: str) -> bool:
    return name in header.tensors or f"{name}_png" in header.tensors


def _rivals(folder: Path, name: str) -> list[Path]:
    """Existing files that a new NAME.safetensors would overwrite or hide; links count even when they lead nowhere."""
    paths = (folder / (name + extension) for extension in RIVAL_EXTENSIONS)
    return [path for path in paths if os.path.lexists(path)]
