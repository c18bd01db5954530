"""Concepts' names in prompts, as people write them: `<name>`, and what they mean by `< Name >` or `<name:1.2>`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_MENTION = re.compile(
    r"[<＜](?P<written>\s*(?P<lora>lora\s*:)?\s*(?P<name>[^<>＜＞:：]+?)\s*(?:[:：]\s*(?P<weight>-?[\d.]+)[^<>＜＞]*)?)[>＞]",
    re.IGNORECASE,
)
_ENDING = re.compile(r"\.safetensors$", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """Something in angle brackets. concept: the known name that it means, or None. certain: written as a bare name."""

    written: str
    concept: str | None
    certain: bool


def with_known_names(text: str, known: Iterable[str]) -> tuple[str, list[Mention]]:
    """The prompt with every mention of a known concept as exactly `<name>`, and all mentions.

    What is meant: another case, spaces, full-width brackets, the file's ending, the other system's path separator, a
    folder before the name, a weight (`<name:1.2>` is `(<name>:1.2)`), and the LoRA form `<lora:name:1>`, whose number
    is left to the node's strengths. What names no known concept stays as it is.
    """
    names = list(known)
    mentions = list(_mentions(text, names))
    return _MENTION.sub(lambda match: _replacement(match, names), text), mentions


def _mentions(text: str, names: list[str]) -> Iterator[Mention]:
    for match in _MENTION.finditer(text):
        bare = re.fullmatch(r"[\w.-]+", match["written"]) is not None
        yield Mention(match["written"].strip(), meant(match["name"], names), bare)


def _replacement(match: re.Match[str], names: list[str]) -> str:
    name = meant(match["name"], names)
    if name is None:
        return match[0]
    return f"<{name}>" if match["lora"] or not match["weight"] else f"(<{name}>:{match['weight']})"


def meant(written: str, names: Iterable[str]) -> str | None:
    """The name that a person means; None when it is none of them, or could be several."""
    if written in names:
        return written
    for form in (_as_path, lambda name: _as_path(name).rsplit("/", 1)[-1]):
        matching = {name for name in names if form(name) == form(written)}
        if len(matching) == 1:
            return matching.pop()
    return None


def _as_path(name: str) -> str:
    return _ENDING.sub("", name.strip()).replace("\\", "/").casefold()
