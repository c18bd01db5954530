"""Optimised prompts on their way from Imagic Text Optimize through a saved inversion and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import Tensor

from ..host.conditioning import Conditioning, context_of
from ..host.phrases import PHRASES, WORDS
from ..host.weights import fingerprint, warn_of_another_checkpoint
from ..inversion.data import Inversion
from ..inversion.kept_prompts import KeptPrompt, alike, find_prompt, with_prompt
from ..inversion.text_optimization import TextOptimizationSettings
from ..support.errors import InputError
from ..support.warnings import warn

OPTIMIZED = "single_image_studio_optimized"
"""The key, beside an entry's embedding, of the `Origin` of an optimised prompt."""
PLAIN = {"pooled_output", PHRASES, WORDS}
"""What hangs on a prompt that a file can keep: nothing that the optimisation would have felt."""


@dataclass(frozen=True)
class Origin:
    """What an optimised prompt was made of. picture: (B, 4, h, w). base_model: the checkpoint's fingerprint."""

    prompt: KeptPrompt
    picture: Tensor
    base_model: str


def is_plain(conditioning: Conditioning) -> bool:
    """Whether a prompt is one entry of embeddings alone, without a ControlNet, mask or range."""
    return len(conditioning) == 1 and set(conditioning[0][1]) <= PLAIN


def with_origin(
    optimized: list[list[Any]],
    model: Any,
    target: Conditioning,
    picture: Tensor,
    settings: TextOptimizationSettings,
    losses: Sequence[float],
) -> list[list[Any]]:
    """An optimised prompt that can be kept with an inversion of its picture, if its target is a plain one."""
    if not is_plain(target):
        return optimized
    prompt = KeptPrompt(context_of(target), context_of(optimized), asdict(settings), tuple(losses))
    origin = Origin(prompt, picture, fingerprint(model))
    return [[embedding, {**options, OPTIMIZED: origin}] for embedding, options in optimized]


def kept_prompt(
    inversion: Inversion, model: Any, target: Conditioning, picture: Tensor, settings: TextOptimizationSettings
) -> KeptPrompt | None:
    """What an inversion keeps for this target, picture, checkpoint and settings; None if it must be optimised.

    picture: (B, 4, h, w). Warns when the inversion is of another picture or checkpoint.
    """
    if inversion.picture is None:
        return None
    if not alike(inversion.picture, picture):
        warn("inversion_of_another_picture")
        return None
    if inversion.base_model != fingerprint(model):
        warn_of_another_checkpoint(model, inversion.base_model, "inversion_of_another_checkpoint")
        return None
    return find_prompt(inversion.prompts, context_of(target), asdict(settings)) if is_plain(target) else None


def keeping(inversion: Inversion, optimized: Conditioning) -> Inversion:
    """An inversion that keeps an optimised prompt too.

    Raises: InputError when it is none that can be kept, or of another picture or checkpoint.
    """
    origin = optimized[0][1].get(OPTIMIZED) if len(optimized) == 1 else None
    if not isinstance(origin, Origin):
        raise InputError(
            "`optimized` is not a prompt that a file can keep: connect Imagic Text Optimize, with a `target` of one"
            " part, without ControlNet or mask; or nothing."
        )
    if inversion.picture is None or not alike(origin.picture, inversion.picture):
        raise InputError(
            "`optimized` was made for another picture than `inversion`: connect both from the same latent, or nothing"
            " to `optimized`."
        )
    if origin.base_model != inversion.base_model:
        raise InputError(
            "`optimized` was made with another checkpoint than `inversion`: make both with the same MODEL, or connect"
            " nothing to `optimized`."
        )
    return replace(inversion, prompts=with_prompt(inversion.prompts, origin.prompt))
