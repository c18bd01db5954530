"""Reads weight files of unknown origin. Nothing here runs a file's content: pickles are read by torch's weights-only
reader."""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..support.errors import InputError

Weights = dict[str, Tensor]
Watch = Callable[[], None]
AGAIN = "download it again"
_WRAPPERS = ("model", "state_dict", "model_state_dict")
_NOT_WEIGHTS = {
    b"version https://git-lfs": "a pointer that Git LFS left in place of the file",
    b"<": "a web page, not the file that was to be downloaded",
}
_DAMAGED = (  # what torch.load has been seen to raise for files that are cut short or something else
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    AssertionError,
    zipfile.BadZipFile,
)


def read_weights(path: pathlib.Path, watch: Watch = lambda: None) -> Weights:
    """All tensors of a .safetensors, .pth, .pt or .bin file, by name, on the CPU in float32.

    `module.`, which parallel training puts in front of names, is removed. watch: called before each tensor; what it
    raises ends the reading.
    Raises: InputError when there is no file, when it is damaged or something else, or when it holds code.
    """
    _check_start(path)
    with torch.inference_mode(False):
        content = _read_safetensors(path, watch) if path.suffix == ".safetensors" else _unwrap(_read_torch(path))
    tensors = {str(k).removeprefix("module."): v for k, v in content.items() if isinstance(v, Tensor)}
    if not tensors:
        raise InputError(f"{path.name} holds no weights: {AGAIN}, or choose another.")
    return {k: _in_float32(v, watch) for k, v in tensors.items()}


def _in_float32(tensor: Tensor, watch: Watch) -> Tensor:
    watch()
    return tensor.float() if tensor.is_floating_point() else tensor


def read_folder_weights(folder: pathlib.Path, watch: Watch = lambda: None) -> Weights:
    """The weights of a Hugging Face folder, in one file or in parts.

    Raises: InputError when there are none, or as read_weights.
    """
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return read_weights(folder / name, watch)
        if (folder / f"{name}.index.json").is_file():
            parts = _parts(folder / f"{name}.index.json")
            return {k: v for part in parts for k, v in read_weights(part, watch).items()}
    raise InputError(f"{folder} holds no model.safetensors (nor pytorch_model.bin): download it into that folder.")


def _parts(index: pathlib.Path) -> list[pathlib.Path]:
    """The files that an index names. Raises: InputError when one lies outside the index's folder."""
    names = sorted(set(read_json(index).get("weight_map", {}).values()))
    if any(pathlib.PurePath(name).name != name for name in names):
        raise InputError(f"{index} names files outside its folder: {AGAIN}.")
    return [index.parent / name for name in names]


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Raises: InputError when it is not there or not a JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}): {AGAIN}.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a settings file: {AGAIN}.")
    return content


def _check_start(path: pathlib.Path) -> None:
    """Raises: InputError for files that are not there, empty, or often found in the place of weights."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): choose another in the list.") from error
    if not start:
        raise InputError(f"{path.name} is empty: {AGAIN}.")
    for sign, description in _NOT_WEIGHTS.items():
        if start.lstrip().startswith(sign):
            raise InputError(f"{path.name} is {description}: {AGAIN}.")


def _read_safetensors(path: pathlib.Path, watch: Watch) -> Weights:
    weights: Weights = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  it is no mapping
                watch()
                weights[name] = file.get_tensor(name)
        return weights
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{path.name} is cut short, damaged or not a safetensors file ({error}): {AGAIN}.") from error


def _read_torch(path: pathlib.Path) -> Any:
    whole = zipfile.is_zipfile(path)
    try:
        with _namespaces_allowed():
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True if whole else None)
    except pickle.UnpicklingError as error:
        if whole or "Unsupported" in str(error):
            raise InputError(
                f"{path.name} holds more than weights and could run code when opened, so it was not loaded: {AGAIN}"
                " from its makers' page."
            ) from error
        raise InputError(f"{path.name} is cut short, damaged or not a weight file: {AGAIN}.") from error
    except _DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise InputError(f"{path.name} is cut short, damaged or not a weight file ({reason}): {AGAIN}.") from error


@contextlib.contextmanager
def _namespaces_allowed() -> Iterator[None]:
    """Lets the reader pass an argparse.Namespace, the command line that training programs leave beside the weights:
    plain data."""
    allow = getattr(torch.serialization, "safe_globals", None)  # torch 2.5
    with allow([argparse.Namespace]) if allow else contextlib.nullcontext():
        yield


def _unwrap(content: Any) -> Mapping[str, Any]:
    """The weights of a checkpoint, which may be one entry of several."""
    if not isinstance(content, Mapping):
        return {}
    return next((content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)), content)
