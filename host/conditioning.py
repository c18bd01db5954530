"""CONDITIONING wires: their embeddings as one tensor, and the same wires with other embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..support.errors import InputError
from ..support.finite import require_finite
from ..support.kinds import kind_of_width

Conditioning = Sequence[Any]


def entry_lengths(conditioning: Conditioning) -> list[int]:
    """How many tokens each entry of a conditioning has."""
    return [int(entry[0].shape[1]) for entry in conditioning]


def context_of(conditioning: Conditioning) -> Tensor:
    """All entries' embeddings in one tensor, (1 or B, n, width) float32, free of inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        parts = [entry[0].clone().float() for entry in conditioning]
        pictures = max(len(part) for part in parts)
        return torch.cat([part.expand(pictures, -1, -1) if len(part) == 1 else part for part in parts], dim=1)


def with_context(conditioning: Conditioning, context: Tensor) -> list[list[Any]]:
    """The same conditioning with other embeddings: what hangs on its entries stays."""
    parts = context.split(entry_lengths(conditioning), dim=1)
    return [[part.clone(), dict(entry[1])] for part, entry in zip(parts, conditioning, strict=True)]


def picture_of(conditioning: Conditioning, index: int, pictures: int) -> list[list[Any]]:
    """One picture's part of a conditioning made for a batch: embeddings, masks and ControlNet hints of that many."""

    def pick(value: Any) -> Any:
        is_batch = isinstance(value, Tensor) and value.dim() > 1 and len(value) == pictures
        return value[index : index + 1] if is_batch else value

    picked = [[pick(entry[0]), {name: pick(value) for name, value in entry[1].items()}] for entry in conditioning]
    for _, options in picked:
        if "control" in options:
            options["control"] = _hint_of(options["control"], pick)
    return picked


def _hint_of(control: Any, pick: Callable[[Any], Any]) -> Any:
    """A copy of a chain of ControlNets with one picture's hint each."""
    copied = control.copy()
    copied.cond_hint_original = pick(control.cond_hint_original)
    if control.previous_controlnet is not None:
        copied.set_previous_controlnet(_hint_of(control.previous_controlnet, pick))
    return copied


def within(conditioning: Conditioning, start: float, end: float) -> list[list[Any]]:
    """A conditioning that acts in a share of sampling only (0 is noise, 1 clean); ranges that its entries already have
    are kept."""
    entries = []
    for embedding, options in conditioning:
        first, last = max(start, options.get("start_percent", 0.0)), min(end, options.get("end_percent", 1.0))
        if first < last:
            entries.append([embedding, {**options, "start_percent": first, "end_percent": last}])
    return entries


def aligned(target: Conditioning, other: Conditioning, name: str) -> tuple[list[list[Any]], Tensor]:
    """Both sides of a blend in one shape: the target with its embeddings repeated where needed, and the other's
    context.

    Prompts of different length (77 tokens a chunk) are repeated to a common one, as the host does when it batches them:
    attention over repeated tokens gives what it gives over them once. One entry is blended into every entry of the
    target.
    Raises: InputError when the entries cannot be paired.
    """
    if len(other) not in (1, len(target)):
        raise InputError(
            f"`{name}` has {len(other)} parts (areas or combined prompts) and `target` has {len(target)}: give both the"
            f" same, or `{name}` one."
        )
    repeated, contexts = [], []
    for (embedding, options), (companion, _) in zip(target, list(other) * (len(target) // len(other)), strict=True):
        _check_widths(embedding, companion, name)
        length = math.lcm(embedding.shape[1], companion.shape[1])
        repeated.append([embedding.repeat(1, length // embedding.shape[1], 1), dict(options)])
        contexts.append([companion.repeat(1, length // companion.shape[1], 1), {}])
    return repeated, context_of(contexts)


def _check_widths(embedding: Tensor, companion: Tensor, name: str) -> None:
    if embedding.shape[2] != companion.shape[2]:
        raise InputError(
            f"`{name}` seems to be made for {kind_of_width(companion.shape[2])} and `target` for"
            f" {kind_of_width(embedding.shape[2])}: encode both with the CLIP of one checkpoint."
        )


def check_conditioning(model: Any | None, name: str, conditioning: Any) -> None:
    """model: the MODEL that will read it; None for one that is not known here.

    Raises: InputError when a conditioning is empty, damaged, not finite, or of another kind than the model reads.
    """
    if conditioning is None or (isinstance(conditioning, (list, tuple)) and not conditioning):
        raise InputError(
            f"`{name}` is empty: connect a CLIP Text Encode (Prompt) to it; for no text at all leave its text empty."
        )
    wanted = None if model is None else model.model.model_config.unet_config.get("context_dim")
    for entry in conditioning if isinstance(conditioning, (list, tuple)) else [conditioning]:
        if not _is_encoded(entry):
            raise InputError(f"`{name}` holds no text embedding: connect a CLIP Text Encode (Prompt) to it.")
        embedding = entry[0]
        if wanted not in (None, embedding.shape[2]):
            raise InputError(
                f"`{name}` seems to be made for {kind_of_width(embedding.shape[2])}, and `model` cannot read it:"
                f" {_REMEDIES.get(name, _ENCODE).of_another_kind}."
            )
        require_finite(name, _REMEDIES.get(name, _ENCODE).not_finite, embedding)
    batches = {len(entry[0]) for entry in conditioning} - {1}
    if len(batches) > 1:
        raise InputError(
            f"`{name}` has parts for {' and '.join(map(str, sorted(batches)))} pictures: encode it for one batch."
        )


def _is_encoded(entry: Any) -> bool:
    """Whether an entry of a conditioning is what the host's nodes make: an embedding (B, n, width), and options."""
    if not isinstance(entry, (list, tuple)) or len(entry) != 2 or not isinstance(entry[1], dict):
        return False
    embedding = entry[0]
    is_embedding = isinstance(embedding, Tensor) and embedding.dim() == 3 and embedding.is_floating_point()
    return is_embedding and 0 not in embedding.shape


class _Remedy(NamedTuple):
    """What to do about a wire that is of another kind, and about one whose numbers are not finite."""

    of_another_kind: str
    not_finite: str


_ENCODE = _Remedy(
    "encode the prompt with the CLIP of the checkpoint that `model` comes from",
    "the CLIP that encoded it is broken; encode the prompt with another checkpoint's, or undo what was merged into it",
)
_REMEDIES = {
    "optimized": _Remedy(
        "run Imagic Text Optimize again with this `model`", "run Imagic Text Optimize again, with `precision` fp32"
    ),
    "inversion": _Remedy(
        "invert the picture again with this `model`", "invert the picture again, with `precision` fp32"
    ),
}
