"""What a run's numbers depend on, told in a few bytes, so that a later run can tell whether it is the same one."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..concept.data import tensor_bytes
from .server import queued_graph, running_node

ROOMS = ("concept", "diffusion", "host", "inversion", "losses", "pipelines", "support")
SAMPLES = 256  # numbers of each tensor
CHANGED = "is_changed"
"""Where the host keeps, in a node of its graph, what the node's IS_CHANGED or fingerprint_inputs said."""


@functools.cache
def versions() -> str:
    """Of the pack's own code, the host and torch: with another one, numbers may be rounded otherwise."""
    digest = hashlib.sha256(f"{torch.__version__} {_host_version()}".encode())
    root = Path(__file__).parent.parent
    for path in sorted(path for room in ROOMS for path in (root / room).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _host_version() -> str:
    try:
        from comfyui_version import __version__
    except ImportError:
        return ""
    return str(__version__)


def identity(patcher: Any) -> str:
    """Of a model's weights and the LoRAs and merges on it: samples of every tensor.

    `host.weights.fingerprint` leaves LoRAs out and knows the UNet alone. What is no tensor (a patch of the attention,
    say) is not looked at: `made_by` tells those apart.
    """
    digest = hashlib.sha256()
    for name, weight in sorted(patcher.model.named_parameters()):
        kept = patcher.backup.get(name)  # a patch of another clone is on: the original lies here
        digest.update(name.encode())
        digest.update(samples(weight if kept is None else getattr(kept, "weight", kept)))
    for name, patches in sorted(patcher.patches.items(), key=lambda item: str(item[0])):
        digest.update(str(name).encode())
        for tensor in _tensors_of(patches):
            digest.update(samples(tensor))
    return digest.hexdigest()


class Untold(TypeError):
    """Something is in a value that its numbers do not tell."""


def digest_of(value: Any) -> str:
    """Of all numbers and words in a value: tensors whole, lists, tables and dataclasses of them.

    Raises: Untold when there is anything else in it, such as a ControlNet.
    """
    digest = hashlib.sha256()
    for part in _parts_of(value):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _parts_of(value: Any) -> Iterator[bytes]:
    if isinstance(value, Tensor):
        yield f"{value.dtype} {tuple(value.shape)}".encode()
        yield tensor_bytes(value)
    elif value is None or isinstance(value, (bool, int, float, str)):
        yield f"{type(value).__name__} {value!r}".encode("utf-8", "surrogatepass")
    elif isinstance(value, (list, tuple, Mapping)):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        yield f"{len(value)}".encode()
        for pair in pairs:
            for part in pair:
                yield from _parts_of(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _parts_of({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    else:
        raise Untold(f"a {type(value).__name__} hangs on the prompts")


def samples(tensor: Tensor) -> bytes:
    """A tensor's form and some of its numbers, evenly spread."""
    flat = tensor.detach().reshape(-1)
    some = flat[:: max(1, len(flat) // SAMPLES)]
    head = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    return head + some.to("cpu", torch.float32).numpy().tobytes()


def _tensors_of(value: Any) -> Iterator[Tensor]:
    """Those of the host's patches: tuples, lists and adapters of tensors and numbers, which become tensors too."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (int, float)):
        yield torch.tensor(float(value))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors_of(part)
    elif hasattr(value, "weights"):
        yield from _tensors_of(value.weights)


def made_by(hidden: Any, inputs: Iterable[str]) -> str:
    """The nodes, with all their values, that the wires at a node's inputs come from; "" outside of a graph.

    hidden: the node's hidden inputs `unique_id` and `dynprompt`. The nodes' ids and places don't count. A file that one
    of them reads by its name counts as far as that node tells the host when it changes, as Load Image does.
    """
    graph, node = getattr(hidden, "dynprompt", None), getattr(hidden, "unique_id", None)
    if graph is None or not graph.has_node(node):
        return ""
    links = graph.get_node(node)["inputs"]
    known: dict[tuple[str, int], str] = {}
    return _digest([_of_link(graph, links.get(name), known) for name in inputs])


def asked_for() -> str:
    """The running node with all its values, and the nodes that its wires come from; "" outside of a graph.

    As in `made_by`, ids and places don't count. What nodes tell of their files doesn't either, so that it is the same
    before and after the host has asked them.
    """
    running = running_node()
    if running is None:
        return ""
    return _of_link(_Queued(queued_graph(running.prompt)), [running.node, 0], {})


class _Queued:
    """A graph as it was queued, in place of the host's own of a run."""

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        self._nodes = nodes

    def has_node(self, node: str) -> bool:
        return node in self._nodes

    def get_node(self, node: str) -> dict[str, Any]:
        return {key: value for key, value in self._nodes[node].items() if key != CHANGED}


def _of_link(graph: Any, value: Any, known: dict[tuple[str, int], str]) -> str:
    """A value as it is, or the digest of the node that a link leads to."""
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and graph.has_node(value[0])):
        return repr(value)
    link = value[0], int(value[1])
    if link not in known:
        node = graph.get_node(link[0])
        inputs = [(name, _of_link(graph, given, known)) for name, given in sorted(node["inputs"].items())]
        known[link] = _digest([node["class_type"], link[1], inputs, node.get(CHANGED)])
    return known[link]


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()
