"""The inversion file: one safetensors that samples the picture again without inverting it again.

Tensors: `noise_latents` (B, 4, h, w), `uncond_embeds` (1 or steps, B, n, width; float32 or float16), `offsets` (steps,
B, 4, h, w) of exact methods; `picture` (B, 4, h, w), which older files lack; where the picture had a noise mask,
`noise_mask` (B, 1, h, w), `trajectory` (steps + 1, B, 4, h, w) and `levels` (steps + 1,); for each optimised prompt,
from 1, `prompt_1.target` (1 or B, n, width) and `prompt_1.embeds` (B, n, width); the others float32. Metadata, all
strings: `format`, `format_version`, `method`, `steps`, `steps_offset`, `guidance_scale`, `noise_alpha_bar`,
`base_model`, `report` (JSON), `created` (ISO 8601, UTC); where there are optimised prompts, `prompts` (JSON: settings
and losses of each); where the offsets hold fresh noise, `eta`, its share of DDPM's. A newer version may add names.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import torch

from ..diffusion.ddim import DDIMSchedule
from ..support.checks import choice
from ..support.errors import InputError, brief
from ..support.names import EXTENSION, check_name, numbered
from ..support.narrow import PRECISIONS, in_precision
from ..support.reading import CHOOSE, read_header, read_tensors
from ..support.strict_json import read_numbers, write_numbers
from ..support.writing import FileTaken, write_new
from .data import Inversion
from .kept_prompts import KeptPrompt
from .noise_mask import Outside

FORMAT = "single_image_studio.inversion"
FORMAT_VERSION = 1
TRIES = 1000
VERSION = r"[0-9]{1,9}"


def save_inversion(inversion: Inversion, name: str, folders: Sequence[Path], precision: str = "fp32") -> Path:
    """Saves as NAME, or NAME_2, NAME_3 … where that is taken in one of the folders; the first is written to. The same
    inversion saved again finds its file.

    precision: a key of `PRECISIONS`, in which the unconditional embeddings are written; they are most of a file.
    Raises: InputError when the name cannot be used, an embedding is too large for fp16, the disk is full or the folder
        cannot be written; nothing is left then.
    """
    bare = check_name(name)
    choice("precision", precision, tuple(PRECISIONS))
    tensors = _tensors(inversion)
    embeds = in_precision(tensors["uncond_embeds"], precision, "the inversion holds an embedding")
    tensors["uncond_embeds"] = embeds
    for candidate in itertools.islice(numbered(bare), TRIES):
        file = candidate + EXTENSION
        there = [folder / file for folder in folders if os.path.lexists(folder / file)]
        if there and _same(inversion, tensors, there[0]):
            return there[0]
        if not there:
            try:
                return write_new(tensors, _metadata(inversion), folders[0] / file)
            except FileTaken:
                continue
    raise FileTaken(f"{bare} and {TRIES} names after it are taken: change `name`.")


def load_inversion(path: Path) -> Inversion:
    """Raises: InputError when the file is missing, damaged, of another kind or of a newer format."""
    return _made(path, *_read(path))


def _read(path: Path) -> tuple[Mapping[str, str], dict[str, torch.Tensor]]:
    """Metadata and tensors as they are written. Raises as `load_inversion`."""
    metadata = read_header(path).metadata
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path.name} is a safetensors file, but no inversion: {CHOOSE}.")
    version = metadata.get("format_version", "")
    if not re.fullmatch(VERSION, version) or int(version) > FORMAT_VERSION:
        raise InputError(
            f"{path.name} has format {brief(version)} and this version reads up to {FORMAT_VERSION}: update the pack."
        )
    return metadata, read_tensors(path)


def _made(path: Path, metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> Inversion:
    """The inversion of what `_read` gave. Raises as `load_inversion`."""
    try:
        return Inversion(
            method=metadata["method"],
            schedule=_schedule(metadata),
            guidance_scale=float(metadata["guidance_scale"]),
            noise_latents=tensors["noise_latents"],
            noise_alpha_bar=float(metadata["noise_alpha_bar"]),
            uncond_embeds=_widened(tensors["uncond_embeds"]),
            offsets=tensors.get("offsets"),
            outside=_outside(tensors),
            picture=tensors.get("picture"),
            prompts=_prompts(metadata.get("prompts", "[]"), tensors),
            base_model=metadata.get("base_model", ""),
            report=read_numbers(metadata.get("report", "{}")),
        )
    except InputError as error:
        raise InputError(f"{path.name} cannot be used: {error}") from error
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path.name} is damaged ({brief(str(error))}): copy or download it again, or {CHOOSE}."
        ) from error


def _schedule(metadata: Mapping[str, str]) -> DDIMSchedule:
    eta = float(metadata.get("eta", "0"))
    return DDIMSchedule(int(metadata["steps"]), int(metadata["steps_offset"]), eta)


def _outside(tensors: Mapping[str, torch.Tensor]) -> Outside | None:
    if "noise_mask" not in tensors:
        return None
    return Outside(tensors["noise_mask"], tensors["trajectory"], tensors["levels"])


def _prompts(written: str, tensors: Mapping[str, torch.Tensor]) -> tuple[KeptPrompt, ...]:
    """The optimised prompts, which `written` tells the settings of."""
    return tuple(
        KeptPrompt(tensors[f"prompt_{i}.target"], tensors[f"prompt_{i}.embeds"], dict(one["settings"]), one["losses"])
        for i, one in enumerate(read_numbers(written), start=1)
    )


def _tensors(inversion: Inversion) -> dict[str, torch.Tensor]:
    tensors = {
        "noise_latents": inversion.noise_latents,
        "uncond_embeds": inversion.uncond_embeds,
        "offsets": inversion.offsets,
        "picture": inversion.picture,
    }
    if inversion.outside is not None:
        outside = inversion.outside
        tensors |= {"noise_mask": outside.mask, "trajectory": outside.trajectory, "levels": outside.levels}
    for i, prompt in enumerate(inversion.prompts, start=1):
        tensors |= {f"prompt_{i}.target": prompt.target, f"prompt_{i}.embeds": prompt.embeds}
    return {name: tensor.float() for name, tensor in tensors.items() if tensor is not None}


def _widened(embeds: torch.Tensor) -> torch.Tensor:
    """Embeddings that were written in fp16, as the rest of the pack has them."""
    return embeds.float() if embeds.dtype == torch.float16 else embeds


def _metadata(inversion: Inversion) -> dict[str, str]:
    prompts = [{"settings": prompt.settings, "losses": prompt.losses} for prompt in inversion.prompts]
    return {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "method": inversion.method,
        "steps": str(inversion.schedule.steps),
        "steps_offset": str(inversion.schedule.offset),
        "guidance_scale": repr(float(inversion.guidance_scale)),
        "noise_alpha_bar": repr(inversion.noise_alpha_bar),
        "base_model": inversion.base_model,
        "report": write_numbers(inversion.report),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **({"prompts": write_numbers(prompts)} if prompts else {}),
        **({"eta": repr(float(inversion.schedule.eta))} if inversion.schedule.eta else {}),
    }


def _same(inversion: Inversion, mine: Mapping[str, torch.Tensor], path: Path) -> bool:
    """mine: the inversion's tensors as they would be written."""
    try:
        metadata, theirs = _read(path)
        other = _made(path, metadata, theirs)
    except InputError:
        return False
    same_numbers = _numbers(inversion) == _numbers(other)
    return same_numbers and mine.keys() == theirs.keys() and all(_equal(mine[k].cpu(), theirs[k]) for k in mine)


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _numbers(inversion: Inversion) -> tuple[object, ...]:
    """What else than tensors tells two inversions apart."""
    settings = [dict(prompt.settings) for prompt in inversion.prompts]
    return (inversion.method, inversion.schedule, inversion.guidance_scale, inversion.base_model, settings)
