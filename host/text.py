"""The graph's CLIP: prompts with an embedding in them, with gradients or as an ordinary CLIP wire."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..support.errors import InputError
from ..support.warnings import warn
from .apart import keeping_apart
from .apply import TextPatches
from .mentions import Mention, with_known_names, without_brackets, without_class_word
from .phrases import KnownConcept

Token = tuple[Any, float]
log = logging.getLogger("single_image_studio")


def class_tokens(clip: Any, class_word: str) -> list[Token]:
    """The class word's tokens alone, without start, end and padding.

    Raises: InputError when there are none, or too many to share the context with a concept's token.
    """
    tokens, room = _bare_tokens(clip, class_word), _room(clip) - 1
    if not tokens:
        raise InputError("`class_word` is empty: name the subject's kind in a word or two, such as face or dog.")
    if len(tokens) > room:
        raise InputError(
            f"`class_word` is longer than the text encoder's context of {room} tokens beside the concept:"
            " use a word or two, such as face or dog."
        )
    return tokens


def tokens_around(clip: Any, prompt: str) -> tuple[list[Token], list[Token]]:
    """The tokens of a prompt before and after its *, without start, end and padding."""
    before, after = prompt.split("*")
    return _bare_tokens(clip, before), _bare_tokens(clip, after)


def require_room(clip: Any, class_word: str, prompts: Sequence[str], rows: int = 1) -> None:
    """Raises: InputError when "* class" does not fit one chunk with the words around it. rows: tokens of "*"."""
    phrase = len(class_tokens(clip, class_word)) + rows
    for prompt in prompts:
        if sum(map(len, tokens_around(clip, prompt))) + phrase > _room(clip):
            raise InputError(
                f"`training_prompts` has a line of more than {_room(clip)} tokens with its phrase, “{prompt[:40]}…”:"
                " shorten it."
            )


def _room(clip: Any) -> int:
    """The tokens of one chunk beside its start and its end."""
    return int(clip.tokenizer.clip_l.max_length) - getattr(clip.tokenizer.clip_l, "tokens_start", 1) - 1


def _bare_tokens(clip: Any, prompt: str) -> list[Token]:
    """A prompt's tokens without start, end and padding, over all its chunks."""
    if not prompt.strip():
        return []
    tokenizer = clip.tokenizer.clip_l
    start = getattr(tokenizer, "tokens_start", 1)
    tokens: list[Token] = []
    for chunk in clip.tokenize(prompt)["l"]:
        for token, weight in chunk[start:]:
            if isinstance(token, int) and token == tokenizer.end_token:
                break
            tokens.append((token, weight))
    return tokens


def class_embedding(clip: Any, class_word: str) -> Tensor:
    """The mean of the class word's token embeddings: (1, width) float32."""
    weight = clip.cond_stage_model.clip_l.transformer.get_input_embeddings().weight
    ids = [token for token, _ in class_tokens(clip, class_word) if isinstance(token, int)]
    rows = weight.detach()[torch.tensor(ids, device=weight.device)]
    return rows.float().mean(0, keepdim=True).cpu().clone()


def encode(clip: Any, tokens: list[Token]) -> Tensor:
    """Encodes a prompt of at most one chunk: (1, 77, width) float32. Gradients flow to tensors among the tokens.

    tokens: ids or (width,) tensors with their weights, without start, end and padding.
    """
    tokenizer = clip.tokenizer.clip_l
    chunk: list[Token] = [(tokenizer.start_token, 1.0), *tokens, (tokenizer.end_token, 1.0)]
    chunk += [(tokenizer.pad_token, 1.0)] * (tokenizer.max_length - len(chunk))
    stage = clip.cond_stage_model
    stage.reset_clip_options()
    if clip.layer_idx is not None:
        stage.set_clip_options({"layer": clip.layer_idx})
    return stage.encode_token_weights({"l": [chunk]})[0].float()  # type: ignore[no-any-return]


class ConceptTokenizer:
    """A tokenizer that knows concepts by name: `<NAME>` in a prompt becomes the concept's embedding.

    It stands in for a CLIP's inner tokenizer. A name is first replaced by a rare word that is a single token and does
    not occur in the prompt, so that weights such as `(<NAME> heart:1.2)`, line breaks and chunking are the host's own;
    then that token gives way to the embedding, exactly as the host does for `embedding:NAME`.
    """

    def __init__(self, inner: Any, concepts: dict[str, KnownConcept], nicknames: frozenset[str] = frozenset()) -> None:
        self.inner = inner
        self.concepts = concepts
        self.nicknames = nicknames

    def __getattr__(self, name: str) -> Any:
        # not there yet while copy or pickle rebuilds the object
        if name in ("inner", "concepts", "nicknames"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def tokenize_with_weights(
        self, text: str, return_word_ids: bool = False, **kwargs: Any
    ) -> list[list[tuple[Any, ...]]]:
        """As the host's: chunks of (token id or embedding, weight[, word id])."""
        text, mentions = with_known_names(text, self.concepts)
        named = [name for name in self.concepts if f"<{name}>" in text]
        self._warn(mentions)
        self._warn_of_phrases(text, named)
        if not named:
            return self.inner.tokenize_with_weights(text, return_word_ids, **kwargs)  # type: ignore[no-any-return]
        words = self._rare_words(text, len(named) * max(len(self.concepts[n].rows) for n in named))
        swaps: dict[int, _Row] = {}
        for name in named:
            concept = self.concepts[name]
            chosen = [words.pop() for _ in concept.rows]
            swaps.update({token: _Row(name, i, concept.token(i)) for i, (_, token) in enumerate(chosen)})
            text = text.replace(f"<{name}>", " " + " ".join(word for word, _ in chosen) + " ")
        return _swapped(self.inner.tokenize_with_weights(text, return_word_ids, **kwargs), swaps)

    def _warn(self, mentions: Sequence[Mention]) -> None:
        there = ", ".join(f"<{name}>" for name in self.concepts)
        for unknown in sorted({m.written for m in mentions if m.concept is None and m.certain}):
            warn("unknown_concept", written=unknown, known=there)
        for other in sorted({m.written for m in mentions if m.concept not in (None, m.written)}):
            name = next(m.concept for m in mentions if m.written == other)
            log.info("The prompt writes <%s>; taken for <%s>.", other, name)

    def _warn_of_phrases(self, text: str, named: Sequence[str]) -> None:
        class_words = {name: concept.class_word for name, concept in self.concepts.items()}
        for name in without_class_word(text, class_words):
            warn("wrong_class_word", name=name, phrase=f"<{name}> {class_words[name]}")
        used = [self.concepts[name] for name in named]
        others = [name for name, concept in self.concepts.items() if all(concept is not other for other in used)]
        for name in without_brackets(text, others, class_words.values()):
            warn("name_without_brackets", name=name, phrase=f"<{name}> {class_words[name]}".strip())

    def _rare_words(self, text: str, count: int) -> list[tuple[str, int]]:
        """Words of one token each that the prompt does not hold."""
        used = {
            entry[0]
            for chunk in self.inner.tokenize_with_weights(text, disable_weights=True)
            for entry in chunk
            if isinstance(entry[0], int)
        }
        found: list[tuple[str, int]] = []
        for token in sorted(self.inner.inv_vocab, reverse=True):
            word = self.inner.inv_vocab[token].removesuffix("</w>")
            if token in used or not (word.isascii() and word.isalpha() and len(word) > 4):
                continue
            ids = self.inner.tokenizer(word)["input_ids"]
            if ids[self.inner.tokens_start : -1] == [token]:
                found.append((word, token))
            if len(found) == count:
                return found
        raise InputError(
            f"the prompt uses too many of the text encoder's words to place {count} concepts in it: shorten it."
        )


class _Row(NamedTuple):
    """One token's place in a concept."""

    name: str | None
    number: int
    value: Any


def _swapped(chunks: list[list[tuple[Any, ...]]], swaps: Mapping[int, _Row]) -> list[list[tuple[Any, ...]]]:
    """The tokens with the concepts' rows in place.

    Word ids, where there are any: a concept is a word of its own, as `embedding:NAME` is for the host; other packs'
    encoders weigh by words.
    """
    further = 0
    before: tuple[str | None, int] = None, 0
    swapped = []
    for chunk in chunks:
        entries = []
        for token, *rest in chunk:
            row = swaps.get(token) if isinstance(token, int) else None
            row = row or _Row(None, 1, token)
            if len(rest) == 2 and rest[1]:  # 0 is no word: start, end and padding
                further += rest[1] == before[1] and (row.name != before[0] or row.number == 0)
                before = row.name, rest[1]
                rest = [rest[0], rest[1] + further]
            entries.append((row.value, *rest))
        swapped.append(entries)
    return swapped


def with_concept(
    clip: Any,
    name: str,
    embedding: Tensor,
    nicknames: Sequence[str] = (),
    class_word: str = "",
    apart: TextPatches | None = None,
) -> Any:
    """A clone of the CLIP whose prompts know `<name>`; concepts that it knew before stay known.

    embedding: (n, width) float32. nicknames: further names, unless another concept has them.
    class_word: what it was learned with; a prompt that names it otherwise is warned of. "" for any.
    apart: what its LoRA adds to the text encoder, for a concept that acts on its own phrase alone; None for one that
    acts on all of the prompt, and whose LoRA is on `clip`.
    """
    clone = clip.clone()
    tokenizer = copy.copy(clip.tokenizer)
    inner = tokenizer.clip_l
    known: dict[str, KnownConcept] = {}
    others: frozenset[str] = frozenset()
    base = inner
    if isinstance(inner, ConceptTokenizer):
        known, others, base = dict(inner.concepts), inner.nicknames, inner.inner
    concept = KnownConcept(name, embedding.clone(), class_word, apart)
    known = _with_name(known, others, concept)
    added = {nickname for nickname in nicknames if nickname and known.setdefault(nickname, concept) is concept}
    tokenizer.clip_l = ConceptTokenizer(base, known, (others | added) - {name})
    clone.tokenizer = tokenizer
    return clone if apart is None else keeping_apart(clone, apart)


def _with_name(
    known: dict[str, KnownConcept], nicknames: frozenset[str], concept: KnownConcept
) -> dict[str, KnownConcept]:
    """The known concepts with one more under its name. A concept that loses its name to it goes by a nickname."""
    name, before = concept.name, known.get(concept.name)
    if before is None or before.name != name:
        return {**known, name: concept}
    if name not in nicknames and not torch.equal(before.rows, concept.rows):
        warn("two_concepts", name=name)
    left = _other_names(known, before)
    renamed = [dataclasses.replace(before, name=nickname) for nickname in left[:1]]
    return {**known, **dict.fromkeys(left, *renamed), name: concept}


def name_left(clip: Any, name: str) -> str:
    """What the concept that a CLIP's conditionings call `name` is called once another concept is put on under it.

    "" where there is no such concept, or where it can no longer be named then.
    """
    inner = clip.tokenizer.clip_l
    known = inner.concepts if isinstance(inner, ConceptTokenizer) else {}
    before = known.get(name)
    left = _other_names(known, before) if before is not None and before.name == name else []
    return left[0] if left else ""


def _other_names(known: Mapping[str, KnownConcept], concept: KnownConcept) -> list[str]:
    """What a known concept goes by beside its name."""
    return [name for name, other in known.items() if other is concept and name != concept.name]
