"""A prompt's tokens as words: where it names concepts, what else it says, and the prompt without some of its concepts.

All of it is read from the tokens alone, so that it holds however an encoder has put chunks together or weighed them.
"""

from __future__ import annotations

import numbers
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .apply import TextPatches

PHRASES = "single_image_studio_phrases"
"""The key of a conditioning for its phrases: {concept: places}, of the tokens of the name and its class word."""

WORDS = "single_image_studio_words"
"""The key of a conditioning for its other words: ((word, places), …) in the prompt's order, one for each time."""

_FUNCTION_WORDS = """
a an the this that these those some his her its their my your our it he she they who which while
and or but nor as than so is are was were be been being has have had 's 't 're 've 'm 'll 'd
of in on at by to from for with without into onto over under above below near beside besides behind between beneath
against around through across along inside outside upon off out up down
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that show nothing: no rivals for a place in the picture, and no adjectives of what follows."""

Entry = tuple[Any, ...]
"""A token id or (width,) embedding, its weight and, where they were asked for, its word's id."""

Chunks = Sequence[Sequence[Entry]]

_OWNER = "_single_image_studio_concept"
_WORD_END = "</w>"


@dataclass(frozen=True, eq=False)
class KnownConcept:
    """What a CLIP knows of a concept. One object for each time that a concept was put on it.

    name: what conditionings call it. rows: (n, width) float32, one a token.
    class_word: what it was learned with; "" for unknown.
    apart: None for one that acts on the whole prompt; else what its LoRA adds to the text encoder, and its word and
    these act on its phrase alone.
    """

    name: str
    rows: Tensor
    class_word: str = ""
    apart: TextPatches | None = None

    def token(self, number: int) -> Tensor:
        """A row as a prompt's token, by which `concept_of` knows the concept: (width,)."""
        row = self.rows[number]
        setattr(row, _OWNER, self)
        return row

    def __deepcopy__(self, memo: Any) -> KnownConcept:
        return self


def concept_of(token: Any) -> KnownConcept | None:
    """The concept that a token of a prompt is of."""
    return getattr(token, _OWNER, None)


@dataclass(frozen=True)
class _Item:
    """A word or a name in a prompt. text: "" for a name or an embedding of the host's."""

    text: str
    places: tuple[int, ...]
    concept: KnownConcept | None = None

    @property
    def shows(self) -> bool:
        """Whether it's a word that can be something in a picture."""
        return any(map(str.isalnum, self.text)) and self.text not in FUNCTION_WORDS


class Prompt:
    """A tokenized prompt. Places count through all chunks, as in the context that it becomes: 77 * chunk + place."""

    def __init__(self, chunks: Chunks, tokenizer: Any) -> None:
        self.chunks = chunks
        self._tokenizer = tokenizer

    @cached_property
    def apart(self) -> list[KnownConcept]:
        """The concepts in it that are kept apart, in the order of their first tokens."""
        named = (concept_of(entry[0]) for chunk in self.chunks for entry in chunk)
        return list(dict.fromkeys(concept for concept in named if concept is not None and concept.apart is not None))

    def without(self, left_out: Collection[KnownConcept]) -> Chunks:
        """Chunk by chunk without the tokens of some concepts; what follows moves up, and padding fills the end."""
        return [self._shortened(chunk, left_out) for chunk in self.chunks] if left_out else self.chunks

    def _shortened(self, chunk: Sequence[Entry], left_out: Collection[KnownConcept]) -> Sequence[Entry]:
        kept = [entry for entry in chunk if concept_of(entry[0]) not in left_out]
        pad: Entry = (self._tokenizer.pad_token, 1.0, 0)
        return kept + [pad[: len(chunk[0])]] * (len(chunk) - len(kept))

    def sources(self, left_out: Collection[KnownConcept]) -> Tensor:
        """For each place of the prompt, where its token stands in `without(left_out)`: (places,) int64."""
        found: list[int] = []
        for chunk in self.chunks:
            gone = 0
            for entry in chunk:
                found.append(len(found) - gone)
                gone += concept_of(entry[0]) in left_out
        return torch.tensor(found)

    @cached_property
    def places(self) -> Mapping[KnownConcept, tuple[int, ...]]:
        """The places of each concept's phrases: of its name, and of the class word after it."""
        found: dict[KnownConcept, set[int]] = {}
        for concept, items in self._phrases:
            found.setdefault(concept, set()).update(place for item in items for place in item.places)
        return {concept: tuple(sorted(places)) for concept, places in found.items()}

    @cached_property
    def class_words(self) -> Mapping[KnownConcept, tuple[int, ...]]:
        """The places of the class word in each concept's phrases; none where it is missing."""
        found: dict[KnownConcept, set[int]] = {}
        for concept, (_, *class_word) in self._phrases:
            found.setdefault(concept, set()).update(place for item in class_word for place in item.places)
        return {concept: tuple(sorted(places)) for concept, places in found.items()}

    def words(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The other words that can be something in a picture, and their places."""
        taken = {place for places in self.places.values() for place in places}
        return tuple((item.text, item.places) for item in self._items if item.shows and taken.isdisjoint(item.places))

    @cached_property
    def _phrases(self) -> list[tuple[KnownConcept, list[_Item]]]:
        items = self._items
        return [
            (item.concept, [item, *self._class_word(item.concept, items[number + 1 :])])
            for number, item in enumerate(items)
            if item.concept is not None
        ]

    def _class_word(self, concept: KnownConcept, after: Sequence[_Item]) -> Sequence[_Item]:
        """The class word after a name, if nothing but adjectives stands between; else nothing."""
        wanted = list(self._words_of(concept.class_word))
        for number, item in enumerate(after):
            found = after[number : number + len(wanted)]
            if _reads(found, wanted):
                return found
            if not item.shows:
                return ()
        return ()

    def _words_of(self, text: str) -> Iterator[str]:
        ids = self._tokenizer.tokenizer(text)["input_ids"][self._tokenizer.tokens_start : -1]
        yield from (item.text for item in self._as_items(enumerate(ids)))

    @cached_property
    def _items(self) -> list[_Item]:
        special = (self._tokenizer.start_token, self._tokenizer.end_token, self._tokenizer.pad_token)
        tokens = enumerate(entry[0] for chunk in self.chunks for entry in chunk)
        told = ((place, token) for place, token in tokens if not _is_id(token) or token not in special)
        return _names_joined(self._as_items(told))

    def _as_items(self, tokens: Iterable[tuple[int, Any]]) -> Iterator[_Item]:
        """Words, put together from their tokens, and each token of a name. tokens: (place, token)."""
        begun: list[tuple[int, int]] = []
        for place, token in tokens:
            is_id = _is_id(token)
            if is_id:
                begun.append((place, int(token)))
            if begun and (not is_id or self._tokenizer.inv_vocab[int(token)].endswith(_WORD_END)):
                yield self._word(begun)
                begun = []
            if not is_id:
                yield _Item("", (place,), concept_of(token))
        if begun:
            yield self._word(begun)

    def _word(self, tokens: Sequence[tuple[int, int]]) -> _Item:
        text = self._tokenizer.tokenizer.decode([token for _, token in tokens])
        return _Item(text.strip(), tuple(place for place, _ in tokens))


def _is_id(token: Any) -> bool:
    return isinstance(token, numbers.Integral)


def _names_joined(items: Iterable[_Item]) -> list[_Item]:
    """The tokens of one name as one."""
    joined: list[_Item] = []
    for item in items:
        if joined and item.concept is not None and item.concept is joined[-1].concept:
            joined[-1] = _Item("", joined[-1].places + item.places, item.concept)
        else:
            joined.append(item)
    return joined


def _reads(items: Sequence[_Item], words: Sequence[str]) -> bool:
    """Whether they are these words, in the plural too. In Chinese and Japanese no spaces stand between words: it will
    do if they're in one of the prompt's."""
    text, wanted = " ".join(item.text for item in items), " ".join(words)
    if not wanted.isascii():
        return wanted in text
    return bool(wanted) and text in (wanted, wanted + "s", wanted + "es")
