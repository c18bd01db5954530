"""Schemas that work on old and new hosts, and the pack's own socket type.

Inputs appended after a release are `optional`: a graph saved before them must still pass the host's validation.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import torch
from comfy_api.v0_0_2 import io

from ..host.identity import made_by
from ..host.server import running_node
from ..page.live import NodeAddress
from ..support import warnings
from ..support.checks import LARGEST_SEED, PRECISIONS, flag
from ..support.errors import InputError
from ..support.out_of_memory import ran_out_of_memory
from ..support.warnings import Warned

CATEGORY = "Single Image Studio"

ConceptSocket = io.Custom("SIS_CONCEPT")
"""A `concept.data.Concept`: embedding, LoRA, picture, mask, class word and settings of one learned concept."""

InversionSocket = io.Custom("SIS_INVERSION")
"""An `inversion.data.Inversion`: noise latents, unconditional embeddings, schedule and guidance scale of one inverted
batch."""

LossSocket = io.Custom("LOSS_MAP")
"""The host's own type: {"loss": [float, …]}, one number a step; ours has each term beside it."""

LoraSocket = io.Custom("LORA_MODEL")
"""The host's own type: LoRA weights by name, as LoadLoraModel and SaveLoRA take them."""

LIVE = [io.Hidden.unique_id, io.Hidden.extra_pnginfo]
"""The hidden inputs of a node with a live view: which node it is, and in which workflow of the page."""

RESUMABLE = [*LIVE, io.Hidden.dynprompt]
"""Those of a node that goes on where it was cancelled: also the graph, which tells its MODEL from another one."""


def seed_input(tooltip: str, optional: bool = False, moves_on: bool = False) -> io.Input:
    """moves_on: whether the page may draw another seed after each run, as on KSampler."""
    return io.Int.Input(
        "seed", optional=optional, default=0, min=0, max=LARGEST_SEED, control_after_generate=moves_on, tooltip=tooltip
    )


WARNINGS = "warnings"
"""The key of a node's `ui` for what was warned of while it ran: a list of id, values and English text."""

_KNOWN_TO_THE_HOST: tuple[type[BaseException], ...] = (torch.cuda.OutOfMemoryError,)
_FIELDS = {field.name for field in dataclasses.fields(io.Schema)}


class Node(io.ComfyNode):
    """What every node of the pack is: what is warned of while it runs stands in its `ui` too."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        execute = cls.__dict__.get("execute")
        if isinstance(execute, classmethod) and not hasattr(execute.__func__, "__wrapped__"):  # the host clones classes
            cls.execute = classmethod(_telling(execute.__func__))


def _telling(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    @functools.wraps(execute)
    def telling(cls: Any, *values: Any, **named: Any) -> io.NodeOutput:
        with warnings.collecting(cls.SCHEMA.display_name if cls.SCHEMA else cls.__name__) as warned:
            output = _within_memory(functools.partial(execute, cls, *values, **named))
        output.ui = _with_warnings(output.ui, warned)
        return output

    return telling


def _within_memory(run: Callable[[], io.NodeOutput]) -> io.NodeOutput:
    """Tells in a sentence that memory ran out, where the host would show a trace: it knows CUDA's error alone."""
    try:
        return run()
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, _KNOWN_TO_THE_HOST) or not ran_out_of_memory(error):
            raise
        raise InputError(
            "memory ran out: use a smaller picture or batch, or close other programs, and queue again."
        ) from error


def _with_warnings(ui: Any, warned: list[Warned]) -> Any:
    """A `ui` with its warnings, also when there are none: of a node that runs once for each of a list, the host joins
    the keys that the first run has. A node that shows nothing stays without a `ui`."""
    if ui is None and not warned:
        return None
    shown = {} if ui is None else ui if isinstance(ui, dict) else ui.as_dict()
    return {**shown, WARNINGS: [warning.message() for warning in warned]}


def schema(**fields: Any) -> io.Schema:
    """A Schema without the fields that this host does not know yet (search_aliases and others came after 0.3.75)."""
    return io.Schema(**{k: v for k, v in fields.items() if k in _FIELDS})


def advanced(widget: io.Input) -> io.Input:
    """Marks an input for the page's fold of rarely used ones, where the host has one."""
    widget.extra_dict = {**(widget.extra_dict or {}), "advanced": True}
    return widget


def node_id(cls: Any) -> str | None:
    """The running node's id, for progress text; None outside a graph."""
    return getattr(getattr(cls, "hidden", None), "unique_id", None)


def precision_input(tooltip: str) -> io.Input:
    """In what a node computes. tooltip: for what fp32 is good there."""
    return advanced(
        io.Combo.Input(
            "precision",
            options=list(PRECISIONS),
            default="auto",
            tooltip=f"The number format for the computation. auto uses the model's own; {tooltip}",
        )
    )


def resume_input(tooltip: str) -> io.Input:
    """Whether a node goes on with what an earlier run of it has kept; such a node has `RESUMABLE` inputs."""
    return advanced(io.Boolean.Input("resume", optional=True, default=True, tooltip=tooltip))


def made_by_wires(cls: Any, resume: Any, *wires: str) -> str | None:
    """What the wires of the running node were made by, if it is to be gone on with.

    Raises: InputError when `resume` is neither on nor off.
    """
    flag("resume", resume)
    return made_by(getattr(cls, "hidden", None), wires) if resume else None


def address(cls: Any) -> NodeAddress:
    """Where the running node is, for its live view; a node that wants it has `LIVE` for its hidden inputs."""
    workflow = getattr(getattr(cls, "hidden", None), "extra_pnginfo", None)
    workflow = workflow.get("workflow") if isinstance(workflow, dict) else None
    running = running_node()
    return NodeAddress(
        node_id(cls),
        workflow.get("id") if isinstance(workflow, dict) else None,
        None if running is None else running.prompt,
    )
