"""Where words that a person chose stand among a prompt's tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..support.errors import InputError, brief
from .phrases import KnownConcept, Prompt, concept_of

Places = tuple[int, ...]
_NAME = re.compile(r"<([^<>\n]+)>")


def words_of(clip: Any, tokens: Any, chosen: str) -> dict[str, Places]:
    """The places of each chosen word or phrase, by its text; of all its occurrences.

    tokens: of the prompt, as CLIP's `tokenize` gives them. chosen: apart by commas or lines; a concept is written with
    its name in angle brackets. "" for each concept's phrase and its class word; in a prompt without concepts, all words
    that can be something in a picture.
    Raises: InputError when one is not in the prompt, or when there are none.
    """
    prompt = Prompt(tokens["l"], clip.tokenizer.clip_l)
    wanted = list(dict.fromkeys(part.strip() for part in re.split(r"[,，、\n]", chosen) if part.strip()))
    if not wanted:
        return _usual(prompt)
    found = {word: _occurrences(prompt, _pattern(clip, word)) for word in wanted}
    missing = [word for word, places in found.items() if not places]
    if missing:
        raise InputError(
            f"`words`: {brief(missing[0])} is not in `prompt`: write its words as the prompt has them, apart by commas."
        )
    return found


def _usual(prompt: Prompt) -> dict[str, Places]:
    """Raises: InputError when the prompt has no words."""
    found: dict[str, Places] = {}
    for concept, places in prompt.places.items():
        found[f"<{concept.name}> {concept.class_word}".strip()] = places
    for concept, places in prompt.class_words.items():
        if places:
            found[concept.class_word] = tuple(sorted({*found.get(concept.class_word, ()), *places}))
    for word, places in () if found else prompt.words():
        found[word] = found.get(word, ()) + places
    if not found:
        raise InputError("`prompt` has no words to look for: write what to draw.")
    return found


Token = int | KnownConcept


def _pattern(clip: Any, word: str) -> list[Token]:
    """The tokens of a word, without start and end; a concept stands for each token of its name."""
    tokenizer = clip.tokenizer.clip_l
    known: Mapping[str, KnownConcept] = getattr(tokenizer, "concepts", {})
    pattern: list[Token] = []
    for number, part in enumerate(_NAME.split(word)):
        if number % 2:
            if part not in known:
                raise InputError(f"`words`: no concept is called <{part}> here: load it, or write another word.")
            pattern += [known[part]] * len(known[part].rows)
        elif part.strip():
            pattern += tokenizer.tokenizer(part.strip())["input_ids"][tokenizer.tokens_start : -1]
    return pattern


def _occurrences(prompt: Prompt, pattern: Sequence[Token]) -> Places:
    tokens = [concept_of(entry[0]) or entry[0] for chunk in prompt.chunks for entry in chunk]
    same = [[isinstance(token, type(part)) and token == part for part in pattern] for token in tokens]
    starts = [
        start
        for start in range(len(tokens) - len(pattern) + 1)
        if pattern and all(same[start + i][i] for i in range(len(pattern)))
    ]
    return tuple(sorted({start + i for start in starts for i in range(len(pattern))}))
