"""Prompts and their tokens; the ids are those of BERT's published vocabulary."""

from __future__ import annotations

import hashlib

import pytest

from single_image_studio.masking.detection_prompt import (
    MOST_TOKENS,
    VOCABULARY,
    DetectionPrompt,
    load_tokenizer,
    parse_prompt,
    tokenize,
)
from single_image_studio.support.errors import InputError


def test_the_vocabulary_is_the_published_one() -> None:
    content = VOCABULARY.read_bytes()
    assert hashlib.sha256(content).hexdigest() == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    assert content.count(b"\n") == 30_522


@pytest.mark.parametrize(
    "text, phrases",
    [
        ("face", ("face",)),
        (" A  Face .hair.", ("a face", "hair")),
        ("red shoe, left\nblue   hat", ("red shoe, left", "blue hat")),
        ("dog . dog", ("dog",)),
        ("... cat ..", ("cat",)),
        ("猫", ("猫",)),
    ],
)
def test_phrases_lie_between_full_stops_and_line_ends(text: str, phrases: tuple[str, ...]) -> None:
    assert parse_prompt(text) == DetectionPrompt(phrases)


@pytest.mark.parametrize("text", ["", "   ", " . . ", "\n", "?!,"])
def test_an_empty_prompt_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="`prompt` is empty"):
        parse_prompt(text)


def test_tokens_are_bert_s_and_know_their_phrase() -> None:
    tokens = tokenize(parse_prompt("a face . teapots"), load_tokenizer())
    assert parse_prompt("a face . teapots").text == "a face. teapots."
    assert tokens.ids == [101, 1037, 2227, 1012, 5572, 11008, 2015, 1012, 102]  # [CLS] a face . tea ##pot ##s . [SEP]
    assert tokens.phrase == [-1, 0, 0, -1, 1, 1, 1, -1, -1]
    assert tokens.span[4:7] == [(8, 11), (11, 14), (14, 15)]


def test_the_longest_prompt_is_256_tokens() -> None:
    tokenizer = load_tokenizer()
    longest = DetectionPrompt(("dog " * (MOST_TOKENS - 3),))  # [CLS] … . [SEP]
    assert len(tokenize(longest, tokenizer).ids) == MOST_TOKENS
    with pytest.raises(InputError, match="`prompt` is 257 tokens long"):
        tokenize(DetectionPrompt(("dog " * (MOST_TOKENS - 2),)), tokenizer)


def test_a_folder_s_own_tokenizer_comes_first(tmp_path) -> None:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", "heart"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    assert tokenize(parse_prompt("heart"), load_tokenizer(tmp_path)).ids == [2, 5, 4, 3]
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="tokenizer.json cannot be read"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("divider", [".", "。", "．", "｡", "、", ";", "；", "|", "｜", "\n", "\r\n"])
def test_every_divider_divides(divider: str) -> None:
    assert parse_prompt(f"face{divider}hair").phrases == ("face", "hair")
