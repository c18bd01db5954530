"""Prompts: phrases between full stops, and the tokens that GroundingDINO reads them as."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..support.errors import InputError

VOCABULARY = pathlib.Path(__file__).parent / "data" / "bert_base_uncased_vocab.txt"
MOST_TOKENS = 256  # what GroundingDINO was trained with, and the length of its output
_BETWEEN = re.compile(r"[.\n]+")


@dataclass(frozen=True)
class Prompt:
    """phrases: lower case, in the user's order, each once."""

    phrases: tuple[str, ...]

    @property
    def text(self) -> str:
        """As the detector was trained to read it: every phrase ends with a full stop."""
        return "".join(f"{phrase}. " for phrase in self.phrases).strip()


@dataclass(frozen=True)
class Tokens:
    """ids: with [CLS] and [SEP]. phrase: for each token which phrase it belongs to, -1 for full stops and the like.
    span: its place in the text."""

    ids: list[int]
    phrase: list[int]
    span: list[tuple[int, int]]


def parse_prompt(text: str) -> Prompt:
    """Splits "face . hair" into its phrases; full stops and line ends divide, commas do not.

    Raises: InputError when nothing is left.
    """
    phrases = [" ".join(part.lower().split()) for part in _BETWEEN.split(text)]
    found = tuple(dict.fromkeys(p for p in phrases if any(c.isalnum() for c in p)))
    if not found:
        raise InputError(
            "`prompt` is empty: write what to find, for example face, or several things with full stops between them:"
            " face . hair"
        )
    return Prompt(found)


def load_tokenizer(folder: pathlib.Path | None = None) -> Any:
    """A folder's own tokenizer (tokenizer.json or vocab.txt), else BERT's, which comes with the pack.

    Raises: InputError when the folder's is damaged.
    """
    if folder is not None:
        for name in ("tokenizer.json", "vocab.txt"):
            if (folder / name).is_file():
                return _load(folder / name)
    return _load(VOCABULARY)


@lru_cache(maxsize=4)
def _load(path: pathlib.Path) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.implementations import BertWordPieceTokenizer

    tokenizer: Any
    try:
        if path.suffix == ".json":
            tokenizer = Tokenizer.from_file(str(path))
        else:
            vocabulary = {piece.rstrip("\n"): i for i, piece in enumerate(path.open(encoding="utf-8", newline="\n"))}
            tokenizer = BertWordPieceTokenizer(vocab=vocabulary, lowercase=True)
        tokenizer.no_truncation()
        tokenizer.no_padding()
    except Exception as error:  # the tokenizers library raises bare Exception
        raise InputError(
            f"`detector`: the tokenizer {path} cannot be read ({error}): download it again, or delete it to use the one"
            " of this pack."
        ) from error
    return tokenizer


def tokenize(prompt: Prompt, tokenizer: Any) -> Tokens:
    """Raises: InputError when the prompt is longer than the detector can read."""
    encoding = tokenizer.encode(prompt.text)
    if len(encoding.ids) > MOST_TOKENS:
        raise InputError(
            f"`prompt` is {len(encoding.ids)} tokens long, and a detector reads at most {MOST_TOKENS}: shorten it, or"
            " use two nodes."
        )
    ends, end = [], 0
    for phrase in prompt.phrases:
        begin, end = end, end + len(phrase)
        ends.append((begin, end))
        end += 2  # the full stop and the space after it
    phrases = [
        next((i for i, (b, e) in enumerate(ends) if b <= begin and until <= e and begin < until), -1)
        for begin, until in encoding.offsets
    ]
    return Tokens(list(encoding.ids), phrases, list(encoding.offsets))
