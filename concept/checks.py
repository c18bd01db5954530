"""What a concept must be, wherever it comes from: a training, another pack's wire, or a file of unknown origin.

Each check names the part that is wrong. `concept.data.Concept` makes them all when it is made; the list of concepts,
which reads headers alone, makes those of the texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch
from torch import Tensor

from ..support.checks import LARGEST, can_be_written, is_base_model
from ..support.errors import InputError, brief
from ..support.finite import NOT_FINITE, are_finite

MOST_WORDS = 75  # one chunk of the text encoder, without its start and end
WIDEST = 16_384
LONGEST_CLASS_WORD = 1000
LONGEST_SETTINGS = 1_000_000
MOST_LOSSES = 10_000_000
STAGES = (1, 2)
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
OF_ALPHA = (*FLOATS, torch.int64, torch.int32)  # some programs write a whole number
DOWN, UP, ALPHA = ".lora_down.weight", ".lora_up.weight", ".alpha"
AGAIN = "train it again"


def check_texts(class_word: object, stage: object, settings: object, losses: object, base_model: object) -> None:
    """What a concept says of itself.

    Raises: InputError that names what is wrong; so do all functions here.
    """
    _check_class_word(class_word)
    if type(stage) is not int or stage not in STAGES:
        raise InputError(f"the concept's stage is {brief(stage)}; expected 1 or 2: {AGAIN}.")
    _check_settings(settings)
    _check_losses(losses)
    if not is_base_model(base_model):
        raise InputError(f"the concept's base model is {brief(base_model)}; expected a fingerprint: {AGAIN}.")


def _check_class_word(word: object) -> None:
    if not isinstance(word, str) or not word.strip():
        raise InputError(
            f"the concept's class word is {brief(word)}; expected a word such as face: train it again with a"
            " `class_word`."
        )
    if not can_be_class_word(word):
        raise InputError(
            f"the concept's class word is {brief(word)}, of {len(word)} characters; expected a word such as face, on"
            " one line: train it again with a `class_word`."
        )


def can_be_class_word(word: str) -> bool:
    """Whether it is short enough, and files and prompts can hold it."""
    return len(word) <= LONGEST_CLASS_WORD and can_be_written(word)


def _check_settings(settings: object) -> None:
    if not isinstance(settings, dict) or not all(isinstance(settings.get(f"stage{n}", {}), dict) for n in STAGES):
        raise InputError(f"the concept's settings are no table of each stage's: {AGAIN}.")
    try:
        size = len(json.dumps(settings, ensure_ascii=False, allow_nan=False).encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"the concept's settings cannot be written to a file ({brief(str(error))}): {AGAIN}."
        ) from error
    if size > LONGEST_SETTINGS:
        raise InputError(f"the concept's settings have {size:,} characters, which no training writes: {AGAIN}.")


def _check_losses(losses: object) -> None:
    """A table by stage of tables by term of numbers; a half-precision step that was left out has one that is not
    finite."""
    by_term = list(losses.values()) if isinstance(losses, dict) else [None]
    if not all(isinstance(terms, dict) and all(map(_are_numbers, terms.values())) for terms in by_term):
        raise InputError(f"the concept's losses are no lists of numbers: {AGAIN}.")


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and len(values) <= MOST_LOSSES and all(type(v) in (int, float) for v in values)


def check_embedding(embedding: object) -> None:
    """(n, width), float32, on the CPU."""
    if not isinstance(embedding, Tensor) or embedding.dim() != 2 or 0 in embedding.shape:
        raise InputError(f"the concept's embedding is no list of words: {AGAIN}.")
    words, width = embedding.shape
    if words > MOST_WORDS or width > WIDEST:
        raise InputError(
            f"the concept's embedding has {words} words of {width} numbers, which no prompt holds: {AGAIN}."
        )
    if embedding.dtype != torch.float32 or embedding.device.type != "cpu":
        raise InputError(
            f"the concept's embedding is {embedding.dtype} on {embedding.device}; expected torch.float32 on cpu:"
            f" {AGAIN}."
        )
    _check_numbers("embedding", embedding)


def check_encoder_state(state: object) -> None:
    """Weights by name, or None. Whether they are this encoder's is told when it takes them."""
    if state is None:
        return
    pairs = state.items() if isinstance(state, dict) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(weight, Tensor) for name, weight in pairs):
        raise InputError(f"the concept's image encoder is no table of weights: {AGAIN}.")


def check_pictures(picture: Tensor | None, mask: Tensor | None) -> None:
    """(1, H, W, 3) and (1, H, W), float32, of one size; or None."""
    if picture is not None:
        _check_pixels("picture", picture, "one RGB picture", 4, (1, None, None, 3))
    if mask is not None:
        _check_pixels("mask", mask, "one mask", 3, (1, None, None))
    if picture is not None and mask is not None and picture.shape[1:3] != mask.shape[1:]:
        (height, width), (mask_height, mask_width) = picture.shape[1:3], mask.shape[1:]
        raise InputError(
            f"the concept's picture is {width}x{height} pixels and its mask {mask_width}x{mask_height}: train it again"
            " with a `mask` of the picture's size."
        )


def _check_pixels(name: str, pixels: object, expected: str, dimensions: int, shape: tuple[int | None, ...]) -> None:
    fits = isinstance(pixels, Tensor) and pixels.dim() == dimensions and pixels.dtype == torch.float32
    if not isinstance(pixels, Tensor) or not fits or 0 in pixels.shape or not _has_shape(pixels, shape):
        raise InputError(f"the concept's {name} is not {expected} in float32: {AGAIN}.")
    _check_finite(name, pixels)


def _has_shape(tensor: Tensor, shape: tuple[int | None, ...]) -> bool:
    return all(wanted in (None, there) for there, wanted in zip(tensor.shape, shape, strict=True))


def check_lora(lora: object) -> None:
    """Weights by name, in a format that computes, each pair of one rank."""
    if not isinstance(lora, Mapping):
        raise InputError(f"the concept's LoRA is {brief(lora)}; expected weights by name: {AGAIN}.")
    for name, tensor in lora.items():
        _check_weight(name, tensor)
    for name in [name for name in lora if name.endswith(DOWN)]:
        down, up = lora[name], lora.get(name.removesuffix(DOWN) + UP)
        if up is not None and (down.dim() < 2 or up.dim() < 2 or down.shape[0] != up.shape[1]):
            raise InputError(f"the concept's LoRA weight {name} does not fit its other half: {AGAIN}.")


def _check_weight(name: object, tensor: object) -> None:
    if not isinstance(name, str) or not isinstance(tensor, Tensor):
        raise InputError(f"the concept's LoRA has {brief(name)}, which is no weight with a name: {AGAIN}.")
    if tensor.dtype not in (OF_ALPHA if name.endswith(ALPHA) else FLOATS) or not tensor.numel():
        raise InputError(
            f"the concept's LoRA weight {brief(name)} is {tensor.dtype} of {tensor.numel()} numbers; expected numbers"
            f" in fp32, fp16 or bf16: {AGAIN}."
        )
    if name.endswith(ALPHA) and tensor.numel() != 1:
        raise InputError(
            f"the concept's LoRA weight {brief(name)} has {tensor.numel()} numbers; expected one: {AGAIN}."
        )
    _check_numbers(f"LoRA weight {name}", tensor)


def _check_numbers(name: str, tensor: Tensor) -> None:
    _check_finite(name, tensor)
    if float(tensor.detach().abs().max()) > LARGEST:
        raise InputError(f"the concept's {name} holds numbers above {LARGEST:,}, which overflow: {AGAIN}.")


def _check_finite(name: str, tensor: Tensor) -> None:
    if not are_finite(tensor):
        raise InputError(f"the concept's {name} holds {NOT_FINITE}: train it again, with a lower `learning_rate`.")
