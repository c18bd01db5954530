"""Phrases of a prompt as CLIP's text encoder reads them: each is a text of its own."""

from __future__ import annotations

import json
import pathlib
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..support.errors import InputError, brief
from .detection_prompt import DetectionPrompt, read_tokenizer

WORDS, MERGES = "vocab.json", "merges.txt"
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"  # what CLIP never merges across


def load_clip_tokenizer(folder: pathlib.Path) -> Any:
    """A folder's tokenizer.json, else CLIP's own vocab.json and merges.txt.

    Raises: InputError when the folder has neither, or they are damaged.
    """
    if (folder / "tokenizer.json").is_file():
        return read_tokenizer(folder / "tokenizer.json")
    if (folder / WORDS).is_file() and (folder / MERGES).is_file():
        return _read_clip(folder)
    raise InputError(
        f"`detector`: {folder.name} lacks its tokenizer: download tokenizer.json, or {WORDS} and {MERGES}, into its"
        " folder."
    )


@lru_cache(maxsize=4)
def _read_clip(folder: pathlib.Path) -> Any:
    try:
        return _clip_tokenizer(json.loads((folder / WORDS).read_text(encoding="utf-8")), _read_merges(folder / MERGES))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise InputError(
            f"`detector`: the tokenizer of {folder.name} ({WORDS}, {MERGES}) cannot be read ({error}): download it"
            " again."
        ) from error


def _read_merges(path: pathlib.Path) -> list[tuple[str, str]]:
    """Pairs of pieces, the first to merge first; after a line that tells the format's version."""
    lines = path.read_text(encoding="utf-8").split("\n")
    pairs = [tuple(line.split()) for line in lines if line.strip() and not line.startswith("#version")]
    return [(left, right) for left, right in pairs]


def _clip_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    """Source: Radford et al. 2021, arXiv:2103.00020, section 2.4: lower-cased bytes, merged in pairs within words."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix="</w>", unk_token=END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, vocabulary[END]), (BEGIN, vocabulary[BEGIN]), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer


def tokenize_phrases(prompt: DetectionPrompt, tokenizer: Any, longest: int, words: int) -> Tensor:
    """(P, T) ids, one row a phrase, filled up with 0: the text encoder looks back only, and never at what follows.

    longest: the most tokens that it reads. words: how many it knows.
    Raises: InputError when a phrase is too long, or when the tokenizer is not the network's.
    """
    rows = [tokenizer.encode(phrase).ids for phrase in prompt.phrases]
    for phrase, ids in zip(prompt.phrases, rows):
        if len(ids) > longest:
            raise InputError(
                f"`{prompt.widget}`: {brief(phrase)} is {len(ids)} tokens long, and this detector reads at most"
                f" {longest} a phrase: shorten it, or put a full stop between things."
            )
        if max(ids) >= words:
            raise InputError(
                "`detector`: its tokenizer belongs to another model: download all its files from one place."
            )
    return pad_sequence([torch.tensor(ids) for ids in rows], batch_first=True)
