"""The graph's CLIP: prompts with an embedding in them, with gradients or as an ordinary CLIP wire."""

from __future__ import annotations

import copy
import logging
import re
from typing import Any

import torch
from torch import Tensor

from ..support.errors import InputError

Token = tuple[Any, float]
log = logging.getLogger("single_image_studio")
_NAME = re.compile(r"<([\w.-]+)>")


def class_tokens(clip: Any, class_word: str) -> list[Token]:
    """The class word's tokens alone, without start, end and padding.

    Raises: InputError when there are none, or too many to share the context with a concept's token.
    """
    tokenizer = clip.tokenizer.clip_l
    chunks = clip.tokenize(class_word)["l"]
    start, length = getattr(tokenizer, "tokens_start", 1), tokenizer.max_length
    ends = [
        i
        for i, (token, _) in enumerate(chunks[0])
        if i >= start and isinstance(token, int) and token == tokenizer.end_token
    ]
    count = ends[0] - start if ends else length
    if count == 0:
        raise InputError("`class_word` is empty: name the subject's kind in a word or two, such as face or dog.")
    if len(chunks) > 1 or count > length - start - 2:
        raise InputError(
            f"`class_word` is longer than the text encoder's context of {length - start - 2} tokens beside the concept:"
            " use a word or two, such as face or dog."
        )
    return list(chunks[0][start : start + count])


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

    def __init__(self, inner: Any, concepts: dict[str, Tensor]) -> None:
        self.inner = inner
        self.concepts = concepts

    def __getattr__(self, name: str) -> Any:
        if name in ("inner", "concepts"):  # not there yet while copy or pickle rebuilds the object
            raise AttributeError(name)
        return getattr(self.inner, name)

    def tokenize_with_weights(
        self, text: str, return_word_ids: bool = False, **kwargs: Any
    ) -> list[list[tuple[Any, ...]]]:
        """As the host's: chunks of (token id or embedding, weight[, word id])."""
        named = [name for name in self.concepts if f"<{name}>" in text]
        for unknown in sorted(set(_NAME.findall(text)) - set(self.concepts)):
            log.warning(
                "The prompt writes <%s>, and no such concept is loaded here; there are %s.",
                unknown,
                ", ".join(f"<{n}>" for n in self.concepts),
            )
        if not named:
            return self.inner.tokenize_with_weights(text, return_word_ids, **kwargs)  # type: ignore[no-any-return]
        words = self._rare_words(text, len(named) * max(len(self.concepts[n]) for n in named))
        swaps: dict[int, Tensor] = {}
        for name in named:
            rows = self.concepts[name]
            chosen = [words.pop() for _ in range(len(rows))]
            swaps.update({token: row for (_, token), row in zip(chosen, rows)})
            text = text.replace(f"<{name}>", " " + " ".join(word for word, _ in chosen) + " ")
        chunks = self.inner.tokenize_with_weights(text, return_word_ids, **kwargs)
        return [
            [(swaps.get(entry[0], entry[0]) if isinstance(entry[0], int) else entry[0], *entry[1:]) for entry in chunk]
            for chunk in chunks
        ]

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


def with_concept(clip: Any, name: str, embedding: Tensor, nickname: str | None = None) -> Any:
    """A clone of the CLIP whose prompts know `<name>`; concepts that it knew before stay known.

    embedding: (n, width) float32. nickname: a second name, unless another concept has it.
    """
    clone = clip.clone()
    tokenizer = copy.copy(clip.tokenizer)
    inner = tokenizer.clip_l
    known = dict(inner.concepts) if isinstance(inner, ConceptTokenizer) else {}
    base = inner.inner if isinstance(inner, ConceptTokenizer) else inner
    known[name] = embedding.clone()
    if nickname:
        known.setdefault(nickname, known[name])
    tokenizer.clip_l = ConceptTokenizer(base, known)
    clone.tokenizer = tokenizer
    return clone
