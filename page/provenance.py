"""Writes into saved pictures which concepts made them: name, hash and strengths, beside the workflow that the host puts
there.

The host's savers write every entry of `extra_pnginfo` into the file. The nodes that apply a concept add theirs when
they run. One whose result the host still has does not run again, so what it said is remembered by what its part of the
graph says, and put back as soon as such a graph is queued.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ..concept.data import Concept
from ..host.server import running_server

KEY = "single_image_studio"
APPLYING = ("SIS_LoadConcept", "SIS_ApplyConcept")
REMEMBERED = 4096

_told: OrderedDict[str, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()  # graphs are queued in the server's thread and run in another


def facts_of(
    concept: Concept, name: str, strength_model: float, strength_clip: float, keep_apart: bool = False
) -> dict[str, Any]:
    """What a picture tells of one concept."""
    facts = {
        "name": name,
        "class_word": concept.class_word,
        "hash": concept.fingerprint(),
        "stage": concept.stage,
        "base_model": concept.base_model,
        "strength_model": strength_model,
        "strength_clip": strength_clip,
    }
    return facts | ({"keep_apart": True} if keep_apart else {})


def tell(hidden: Any, facts: dict[str, Any]) -> None:
    """Called by a node that runs: adds its facts to the pictures that will be saved, and remembers them.

    hidden: the node's hidden inputs unique_id, prompt and extra_pnginfo, any of which may be None outside a graph.
    """
    node, prompt, pnginfo = (getattr(hidden, key, None) for key in ("unique_id", "prompt", "extra_pnginfo"))
    if node is None:
        return
    if isinstance(prompt, Mapping) and node in prompt:
        with _lock:
            key = signature(prompt, node)
            _told[key] = facts
            _told.move_to_end(key)
            while len(_told) > REMEMBERED:
                _told.popitem(last=False)
    if isinstance(pnginfo, dict):
        _add(pnginfo, node, facts)


def annotate(request: dict[str, Any]) -> dict[str, Any]:
    """The host's on-prompt handler: makes room in `extra_pnginfo`, and puts in what is remembered of the graph's
    concepts.

    A graph without concepts is left as it is.
    """
    prompt = request.get("prompt")
    if not isinstance(prompt, Mapping):
        return request
    nodes = [key for key, node in prompt.items() if isinstance(node, Mapping) and node.get("class_type") in APPLYING]
    if not nodes:
        return request
    extra = request["extra_data"] = request.get("extra_data") or {}
    pnginfo = extra["extra_pnginfo"] = extra.get("extra_pnginfo") or {}
    pnginfo.pop(KEY, None)  # of a picture that was dropped in and sent again
    for node in nodes:
        with _lock:
            facts = _told.get(signature(prompt, node))
        if facts is not None:
            _add(pnginfo, node, facts)
    return request


def _add(pnginfo: dict[str, Any], node: str, facts: dict[str, Any]) -> None:
    entry = pnginfo.setdefault(KEY, {"version": 1, "concepts": {}})
    entry["concepts"][str(node)] = dict(facts)


def signature(prompt: Mapping[str, Any], node: str) -> str:
    """A hash of a node and all that leads to it: class and inputs, links by what they link to, whatever the ids are."""
    known: dict[str, str] = {}

    def of(key: str, above: frozenset[str]) -> str:
        if key in known:
            return known[key]
        entry = prompt.get(key)
        if key in above or not isinstance(entry, Mapping):
            return "?"  # a loop or a missing node: the host will refuse it
        inputs = entry.get("inputs") or {}
        said = {
            name: [of(str(value[0]), above | {key}), value[1]] if _is_link(value, prompt) else _plain(value)
            for name, value in inputs.items()
        }
        text = json.dumps([entry.get("class_type"), said], sort_keys=True, default=str)
        known[key] = hashlib.sha256(text.encode()).hexdigest()
        return known[key]

    return of(node, frozenset())


def _is_link(value: Any, prompt: Mapping[str, Any]) -> bool:
    return isinstance(value, list) and len(value) == 2 and str(value[0]) in prompt and isinstance(value[1], int)


def _plain(value: Any) -> Any:
    """A number however it was sent: the page sends 1 for 1.0, and the host turns it, or "1", into the input's own type
    before it runs."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    for kind in (int, float):
        with contextlib.suppress(ValueError, OverflowError):
            number = kind(value)
            return str(number) if isinstance(number, int) else _plain(number)
    return value


def register() -> None:
    """Lets the host call `annotate` for every graph that is queued."""
    server = running_server()
    if server is not None:
        server.add_on_prompt_handler(annotate)
