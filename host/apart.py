"""A CLIP whose concepts act on their own phrases alone.

The word of a concept is read by every token after it, and its LoRA changes every token; so a concept stains whatever
stands beside it in the prompt. Here each concept that is kept apart has an encoding of its own, with its word and its
LoRA and without the others', and only its phrase's tokens are taken from it. All other tokens come from the prompt
without any of these concepts.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..support.warnings import warn
from .apply import TextPatches
from .phrases import PHRASES, WORDS, KnownConcept, Prompt

_TOKENS = "l"  # the host's key for the tokens of SD 1.x's one text encoder


class _KeepsApart:
    """What a CLIP of the host's does otherwise, for a subclass of both.

    kept_apart: what each concept's LoRA adds to the text encoder, in the order of the chain.
    """

    kept_apart: tuple[TextPatches, ...] = ()

    def clone(self, *args: Any, **named: Any) -> Any:
        return _keeping_apart(_plain(self, *args, **named), self.kept_apart)

    def encode_from_tokens(
        self, tokens: Any, return_pooled: Any = False, return_dict: bool = False, **named: Any
    ) -> Any:
        prompt = _prompt(self, tokens)
        owns = {
            concept: _alone(self, concept).encode_from_tokens(_only(tokens, prompt, concept), **named)
            for concept in prompt.apart
        }
        host: Any = super()
        found = host.encode_from_tokens(_without(tokens, prompt, prompt.apart), return_pooled, True, **named)
        if owns and not _fit(prompt, found["cond"], *owns.values()):
            return _as_before(self).encode_from_tokens(tokens, return_pooled, return_dict, **named)
        found["cond"] = _mixed(prompt, found["cond"], owns)
        if return_dict:
            return found | _places(prompt, found["cond"])
        return (found["cond"], found["pooled_output"]) if return_pooled else found["cond"]

    def encode_from_tokens_scheduled(self, tokens: Any, *args: Any, **named: Any) -> Any:
        prompt = _prompt(self, tokens)
        owns = [
            _alone(self, concept).encode_from_tokens_scheduled(_only(tokens, prompt, concept), *args, **named)
            for concept in prompt.apart
        ]
        host: Any = super()
        found = host.encode_from_tokens_scheduled(_without(tokens, prompt, prompt.apart), *args, **named)
        entries = []
        for (plain, values), *others in zip(found, *owns, strict=True):
            conds = {concept: cond for concept, (cond, _) in zip(prompt.apart, others, strict=True)}
            if conds and not _fit(prompt, plain, *conds.values()):
                return _as_before(self).encode_from_tokens_scheduled(tokens, *args, **named)
            entries.append([_mixed(prompt, plain, conds), values | _places(prompt, plain)])
        return entries


def keeping_apart(clip: Any, patches: TextPatches) -> Any:
    """The CLIP itself, which from now on keeps concepts apart.

    patches: what one more concept's LoRA adds to the text encoder.
    """
    return _keeping_apart(clip, (*getattr(clip, "kept_apart", ()), patches))


def together(clip: Any) -> Any:
    """A CLIP on which every concept acts on all of the prompt; for one that keeps nothing apart, itself.

    What reads the text encoder without the CLIP's own methods, as training does, sees every concept's LoRA so.
    """
    if not isinstance(clip, _KeepsApart):
        return clip
    plain = _plain(clip)
    for patches in reversed(clip.kept_apart):  # each knows its place in the chain by what came before it
        patches.put_on(plain)
    return plain


def _keeping_apart(clip: Any, kept_apart: tuple[TextPatches, ...]) -> Any:
    if not isinstance(clip, _KeepsApart):
        clip.__class__ = _kind(type(clip))
    clip.kept_apart = kept_apart
    return clip


@functools.cache
def _kind(base: type) -> type:
    """Of the host's own CLIP, or of whatever another pack has made of it."""
    return type(f"{base.__name__}KeepingApart", (_KeepsApart, base), {})


def _plain(clip: Any, *args: Any, **named: Any) -> Any:
    """A clone of the host's kind, without any concept that is kept apart."""
    return super(_KeepsApart, clip).clone(*args, **named)


def _alone(clip: Any, concept: KnownConcept) -> Any:
    """A clone with the LoRA of one concept."""
    alone = _plain(clip)
    if concept.apart is not None:
        concept.apart.put_on(alone)
    return alone


def _as_before(clip: Any) -> Any:
    warn("not_kept_apart")
    return together(clip)


def _prompt(clip: Any, tokens: Any) -> Prompt:
    return Prompt(tokens[_TOKENS], clip.tokenizer.clip_l)


def _without(tokens: Any, prompt: Prompt, left_out: list[KnownConcept]) -> Any:
    return {**tokens, _TOKENS: prompt.without(left_out)}


def _only(tokens: Any, prompt: Prompt, concept: KnownConcept) -> Any:
    return _without(tokens, prompt, _others(prompt, concept))


def _others(prompt: Prompt, concept: KnownConcept) -> list[KnownConcept]:
    return [other for other in prompt.apart if other is not concept]


def _fit(prompt: Prompt, *conds: Tensor) -> bool:
    """Whether each token has one place in what it was encoded to; some packs' encoders give it two."""
    return all(cond.shape[1] == sum(map(len, prompt.chunks)) for cond in conds)


def _mixed(prompt: Prompt, plain: Tensor, owns: Mapping[KnownConcept, Tensor]) -> Tensor:
    """The plain prompt's encoding, with each concept's phrases from its own: (1, places, width)."""
    if not owns:
        return plain
    mixed = plain[:, prompt.sources(prompt.apart)]
    for concept, own in owns.items():
        places = list(prompt.places[concept])
        mixed[:, places] = own[:, prompt.sources(_others(prompt, concept))[places]]
    return mixed


def _places(prompt: Prompt, cond: Tensor) -> dict[str, Any]:
    """What a conditioning tells of its prompt."""
    if not _fit(prompt, cond):
        return {}
    return {PHRASES: {concept.name: places for concept, places in prompt.places.items()}, WORDS: prompt.words()}
