"""What the host's /object_info says of a node's inputs, and which of them are widgets on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import DevError

Info = dict[str, Any]  # the host's /object_info
Spec = Sequence[Any]  # its entry of one input: type or choices, then options
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
SEEDS = ("seed", "noise_seed")  # the page gives inputs of these names a second widget, "control after generate"


def options_of(spec: Spec) -> dict[str, Any]:
    """An input's options; none when there are none."""
    return dict((spec[1] if len(spec) > 1 else {}) or {})


def is_widget(spec: Spec) -> bool:
    """Whether an input is a widget on the page, not only a socket."""
    return (isinstance(spec[0], list) or spec[0] in WIDGETS) and not options_of(spec).get("forceInput")


def specs(info: Info, class_type: str) -> dict[str, Spec]:
    """A node's inputs in order: name to /object_info's entry.

    Raises: DevError when the host does not know the node.
    """
    if class_type not in info:
        raise DevError(f"the host has no node {class_type}: start it with the pack installed, or check the name")
    inputs, orders = info[class_type]["input"], info[class_type]["input_order"]
    both = {**inputs.get("required", {}), **inputs.get("optional", {})}
    return {name: both[name] for kind in ("required", "optional") for name in orders.get(kind, [])}


def optional_inputs(info: Info, class_type: str) -> set[str]:
    """The names of the inputs that may stay empty."""
    return set(info[class_type]["input"].get("optional", {}))


def outputs_of(info: Info, class_type: str) -> list[tuple[str, str]]:
    """A node's outputs: (name, type)."""
    names, types = info[class_type]["output_name"], info[class_type]["output"]
    return [(name, kind if isinstance(kind, str) else "COMBO") for name, kind in zip(names, types)]


def type_of(spec: Spec) -> str:
    """An input's type as links have it."""
    return "COMBO" if isinstance(spec[0], list) else str(spec[0])


def default_of(spec: Spec, linked: bool = False) -> Any:
    """What the page shows in a fresh node's widget. A linked one's value is never used: it must not depend on this
    host's files."""
    options = options_of(spec)
    choices = spec[0] if isinstance(spec[0], list) else options.get("options", [])
    fallback = {
        "STRING": "",
        "BOOLEAN": False,
        "INT": 0,
        "FLOAT": 0.0,
        "COMBO": choices[0] if choices and not linked else "",
    }
    return options.get("default", fallback[type_of(spec)])


def has_control(name: str, spec: Spec) -> bool:
    """Whether the page adds "control after generate" to this input."""
    return type_of(spec) == "INT" and bool(options_of(spec).get("control_after_generate", name in SEEDS))
