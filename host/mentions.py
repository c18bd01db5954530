"""Concepts' names in prompts, as people write them: `<name>`, and what they mean by `< Name >` or `<name:1.2>`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..support.names import SPELLINGS, allowed, composed, is_mark

_MENTION = re.compile(
    r"[<＜](?P<written>\s*(?P<lora>lora\s*:)?\s*(?P<name>[^<>＜＞:：]+?)\s*(?:[:：]\s*(?P<weight>-?[\d.]+)[^<>＜＞]*)?)[>＞]",
    re.IGNORECASE,
)
_ENDING = re.compile(r"\.safetensors$", re.IGNORECASE)
_WEIGHT = re.compile(r":\s*-?[\d.]+")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？|\r\n]")


@dataclass(frozen=True)
class Mention:
    """Something in angle brackets. concept: the known name that it means, or None. certain: written as a bare name."""

    written: str
    concept: str | None
    certain: bool


def with_known_names(text: str, known: Iterable[str]) -> tuple[str, list[Mention]]:
    """The prompt with every mention of a known concept as exactly `<name>`, and all mentions.

    What is meant: another case, spaces, full-width brackets, the file's ending, the other system's path separator, a
    folder before the name, accents composed or decomposed, a weight (`<name:1.2>` is `(<name>:1.2)`), and the LoRA form
    `<lora:name:1>`, whose number is left to the node's strengths. What names no known concept stays as it is.
    """
    names = list(known)
    mentions = list(_mentions(text, names))
    return _MENTION.sub(lambda match: _replacement(match, names), text), mentions


def _mentions(text: str, names: list[str]) -> Iterator[Mention]:
    for match in _MENTION.finditer(text):
        yield Mention(match["written"].strip(), meant(match["name"], names), all(map(allowed, match["written"])))


def _replacement(match: re.Match[str], names: list[str]) -> str:
    name = meant(match["name"], names)
    if name is None:
        return match[0]
    return f"<{name}>" if match["lora"] or not match["weight"] else f"(<{name}>:{match['weight']})"


def meant(written: str, names: Iterable[str]) -> str | None:
    """The name that a person means; None when it is none of them, or could be several."""
    if written in names:
        return written
    for spelling, form in itertools.product(SPELLINGS, (_as_path, _last_part)):
        matching = {name for name in names if spelling(form(name)) == spelling(form(written))}
        if len(matching) == 1:
            return matching.pop()
    return None


def _as_path(name: str) -> str:
    return _ENDING.sub("", name.strip()).replace("\\", "/").casefold()


def _last_part(name: str) -> str:
    return _as_path(name).rsplit("/", 1)[-1]


def without_class_word(text: str, class_words: Mapping[str, str]) -> list[str]:
    """The names that a prompt mentions, and not once with the class word that they were learned with.

    text: as `with_known_names` gives it. class_words: by name; "" asks for none.
    The class word may stand anywhere between its name and the next concept's, or the sentence's end, so that
    adjectives, commas, weights and brackets are free; in any case, and in the plural.
    """
    if not any(class_words.values()):
        return []
    names = "|".join(map(re.escape, class_words))
    _, *rest = re.split(f"<({names})>", text)
    mentioned = list(zip(rest[::2], rest[1::2], strict=True))
    named_well = {name for name, after in mentioned if _follows(class_words[name], after)}
    return sorted({name for name, _ in mentioned} - named_well)


def without_brackets(text: str, names: Iterable[str], class_words: Iterable[str]) -> list[str]:
    """Those of some concepts' names that a prompt writes as plain words.

    text: as `with_known_names` gives it. class_words: of all concepts; a name that is one of their words is taken for
    that word. `embedding:NAME` is another way to use a concept.
    """
    plain, ordinary = composed(_MENTION.sub(" ", text)), " ".join(class_words)
    letters = r"\w" + "".join(filter(is_mark, set(plain)))  # \w has no vowel signs, with which a word goes on
    before, after = rf"(?<![{letters}:<＜/\\.-])", rf"(?![{letters}/\\-]|\.\w)"
    return [
        name
        for name in names
        if re.search(before + re.escape(composed(name)) + after, plain, re.IGNORECASE) and not _follows(name, ordinary)
    ]


def _follows(class_word: str, after: str) -> bool:
    """Whether the class word stands in what is left of the sentence."""
    word, sentence = _as_words(class_word), _as_words(_SENTENCE_END.split(_WEIGHT.sub(" ", after), maxsplit=1)[0])
    if not word.isascii():  # in Chinese and Japanese no spaces stand between words
        return word in sentence
    return not word or re.search(rf"\b{re.escape(word)}(e?s)?\b", sentence) is not None


def _as_words(text: str) -> str:
    return re.sub(r"[\W_]+", " ", composed(text.casefold())).strip()
