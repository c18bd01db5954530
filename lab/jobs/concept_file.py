"""Reads the metadata of a concept file with nothing but the standard library."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from .. import DevError

STAGES = {"stage1": "Stage I", "stage2": "Stage II"}


def metadata(path: pathlib.Path) -> dict[str, str]:
    """The strings in a safetensors file's header: its length in eight bytes, then JSON.

    Raises: DevError when the file is something else.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return dict(header["__metadata__"])
    except (OSError, ValueError, KeyError, MemoryError, OverflowError) as error:
        raise DevError(f"{path} is not a concept file ({error!r})") from error


def loss_curves(path: pathlib.Path) -> list[dict[str, Any]]:
    """One panel a training stage, as `curves` draws them: `{"title", "series": {term: [one number a step]}}`."""
    losses = json.loads(metadata(path)["losses"])
    return [{"title": STAGES.get(stage, stage), "series": _total_first(terms)} for stage, terms in losses.items()]


def _total_first(terms: dict[str, list[float]]) -> dict[str, list[float]]:
    return (
        {"total": terms["loss"]} | {name: values for name, values in terms.items() if name != "loss"}
        if "loss" in terms
        else terms
    )
