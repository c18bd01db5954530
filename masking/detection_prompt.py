"""Prompts of a detector: phrases between full stops, and the tokens that GroundingDINO reads them as."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..support.errors import InputError
from .weights import AGAIN

VOCABULARY = pathlib.Path(__file__).parent / "data" / "bert_base_uncased_vocab.txt"
MOST_TOKENS = 256  # what GroundingDINO was trained with, and the length of its output
_DIVIDERS = re.compile(r"[.。．｡、;；|｜\n\r]+")
_BETWEEN_PHRASES = 2  # characters: a full stop and a space


@dataclass(frozen=True)
class DetectionPrompt:
    """What to find. phrases: lower case, in the user's order, each once. widget: the node's, for messages."""

    phrases: tuple[str, ...]
    widget: str = "prompt"

    @property
    def text(self) -> str:
        """As the detector was trained to read it: every phrase ends with a full stop."""
        return "".join(f"{phrase}. " for phrase in self.phrases).strip()

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where each phrase begins and ends in the text."""
        spans, end = [], 0
        for phrase in self.phrases:
            spans.append((end, end + len(phrase)))
            end += len(phrase) + _BETWEEN_PHRASES
        return spans


@dataclass(frozen=True)
class PromptTokens:
    """A prompt as the detector's text encoder reads it; one entry a token in each list.

    ids: with [CLS] and [SEP]. phrase: which phrase a token belongs to; -1 for full stops and the like. span: where the
    token begins and ends in the text.
    """

    ids: list[int]
    phrase: list[int]
    span: list[tuple[int, int]]


def parse_prompt(text: str, widget: str = "prompt") -> DetectionPrompt:
    """Splits "face . hair" into its phrases; full stops of any script, 、 ; | and line ends divide, commas do not.

    Raises: InputError when nothing is left.
    """
    parts = [" ".join(part.lower().split()) for part in _DIVIDERS.split(text)]
    phrases = tuple(dict.fromkeys(part for part in parts if any(c.isalnum() for c in part)))
    if not phrases:
        raise InputError(
            f"`{widget}` is empty: write what to find, for example face, or several things with full stops between"
            " them: face . hair"
        )
    return DetectionPrompt(phrases, widget)


def has_words(text: str) -> bool:
    """Whether there is anything to find in it."""
    return any(character.isalnum() for character in text)


def load_tokenizer(folder: pathlib.Path | None = None) -> Any:
    """A folder's own tokenizer (tokenizer.json or vocab.txt), else BERT's, which comes with the pack.

    Raises: InputError when the folder's is damaged.
    """
    if folder is not None:
        for name in ("tokenizer.json", "vocab.txt"):
            if (folder / name).is_file():
                return read_tokenizer(folder / name, f"{AGAIN}, or delete it to use the one of this pack")
    return read_tokenizer(VOCABULARY)


@lru_cache(maxsize=4)
def read_tokenizer(path: pathlib.Path, advice: str = AGAIN) -> Any:
    """A tokenizer.json, or BERT's vocab.txt. advice: what to do when it is damaged.

    Raises: InputError when it is.
    """
    try:
        tokenizer = _read_json(path) if path.suffix == ".json" else _read_vocabulary(path)
        tokenizer.no_truncation()
        tokenizer.no_padding()
    except Exception as error:  # the tokenizers library raises bare Exception
        raise InputError(f"`detector`: the tokenizer {path} cannot be read ({error}): {advice}.") from error
    return tokenizer


def _read_json(path: pathlib.Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def _read_vocabulary(path: pathlib.Path) -> Any:
    from tokenizers.implementations import BertWordPieceTokenizer

    with path.open(encoding="utf-8", newline="\n") as lines:
        vocabulary = {piece.rstrip("\n"): i for i, piece in enumerate(lines)}
    return BertWordPieceTokenizer(vocab=vocabulary, lowercase=True)


def tokenize(prompt: DetectionPrompt, tokenizer: Any) -> PromptTokens:
    """Raises: InputError when the prompt is longer than the detector can read."""
    encoding = tokenizer.encode(prompt.text)
    if len(encoding.ids) > MOST_TOKENS:
        raise InputError(
            f"`{prompt.widget}` is {len(encoding.ids)} tokens long, and a detector reads at most {MOST_TOKENS}: shorten"
            " it, or use two nodes."
        )
    spans = prompt.spans
    phrases = [_phrase_of(begin, end, spans) for begin, end in encoding.offsets]
    return PromptTokens(list(encoding.ids), phrases, list(encoding.offsets))


def _phrase_of(begin: int, end: int, spans: list[tuple[int, int]]) -> int:
    """Which span holds the characters from `begin` to `end`; -1: none, or there are no characters."""
    return next((i for i, (first, last) in enumerate(spans) if first <= begin < end <= last), -1)
