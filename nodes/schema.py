"""Schemas that work on old and new hosts, and the pack's own socket type.

Inputs appended after a release are `optional`: a graph saved before them must still pass the host's validation.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from comfy_api.v0_0_2 import io
from comfy_execution.utils import get_executing_context

from ..page.live import NodeAddress

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

_FIELDS = {field.name for field in dataclasses.fields(io.Schema)}


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


def address(cls: Any) -> NodeAddress:
    """Where the running node is, for its live view; a node that wants it has `LIVE` for its hidden inputs."""
    workflow = getattr(getattr(cls, "hidden", None), "extra_pnginfo", None)
    workflow = workflow.get("workflow") if isinstance(workflow, dict) else None
    context = get_executing_context()
    return NodeAddress(
        node_id(cls),
        workflow.get("id") if isinstance(workflow, dict) else None,
        None if context is None else context.prompt_id,
    )
