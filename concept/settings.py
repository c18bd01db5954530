"""What a training was asked to do. Checked when made, and saved in the concept file as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from ..support.errors import InputError
from .encoders import ENCODER_KINDS

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CHECKPOINTING = ("auto", "on", "off")
CLASS_TEXT_ENCODERS = ("tuned", "frozen")
LARGEST_SEED = 2**64 - 1
SMALLEST_RESOLUTION = 64
RESOLUTION_STEP = 8  # one latent pixel


_S = TypeVar("_S", bound="_Settings")  # typing.Self is newer than Python 3.10


class _Settings:
    """What both stages' settings share. A dataclass inherits it."""

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, in values that JSON knows."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls: type[_S], values: Mapping[str, Any]) -> _S:
        """Makes settings from saved ones; names that this version does not know are passed over.

        Raises: InputError when a value does not fit.
        """
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in known})

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the one place where a frozen dataclass is filled in

    def _check_shared(self) -> None:
        _check_whole(self, "steps", 1)
        _check_whole(self, "batch_size", 1)
        _check_whole(self, "preview_every", 0)
        _check_whole(self, "seed", 0, LARGEST_SEED)
        _check_number(self, "learning_rate", above_zero=True)
        _check_number(self, "background_weight")
        _check_choice(self, "precision", PRECISIONS)
        _check_choice(self, "gradient_checkpointing", CHECKPOINTING)


@dataclass(frozen=True)
class Stage1Settings(_Settings):
    """Stage I, inversion: only the image encoder is trained. The defaults are the paper's.

    class_word: what the subject is, in the model's own words; spaces around it are dropped.
    resolution: pixels of the square picture that is trained on.
    Raises: InputError when a value does not fit.
    """

    class_word: str = ""
    steps: int = 50
    batch_size: int = 16
    learning_rate: float = 1e-4
    background_weight: float = 1.0
    encoder: str = "vit_b32"
    seed: int = 0
    precision: str = "auto"
    gradient_checkpointing: str = "auto"
    preview_every: int = 0
    resolution: int = 512

    def __post_init__(self) -> None:
        self._put("class_word", clean_class_word(self.class_word))
        self._check_shared()
        _check_choice(self, "encoder", ENCODER_KINDS)
        _check_whole(self, "resolution", SMALLEST_RESOLUTION)
        if self.resolution % RESOLUTION_STEP:
            raise InputError(
                f"`resolution` is {self.resolution}; it must be a multiple of {RESOLUTION_STEP}: change `resolution`."
            )


@dataclass(frozen=True)
class Stage2Settings(_Settings):
    """Stage II, finetuning: the encoder and a LoRA are trained. The defaults are the paper's.

    class_text_encoder: which text encoder reads the class word for the frozen model's prediction. "tuned", with the
    LoRA, is what the reference does; "frozen" keeps the target apart from what is trained.
    Raises: InputError when a value does not fit.
    """

    steps: int = 100
    batch_size: int = 4
    learning_rate: float = 5e-5
    background_weight: float = 1.0
    semantic_weight: float = 1.0
    rank: int = 4
    train_text_encoder: bool = True
    class_text_encoder: str = "tuned"
    seed: int = 0
    precision: str = "auto"
    gradient_checkpointing: str = "auto"
    preview_every: int = 0

    def __post_init__(self) -> None:
        self._check_shared()
        _check_number(self, "semantic_weight")
        _check_whole(self, "rank", 1)
        _check_choice(self, "class_text_encoder", CLASS_TEXT_ENCODERS)
        if not isinstance(self.train_text_encoder, bool):
            raise InputError(
                f"`train_text_encoder` is {self.train_text_encoder!r}; it must be true or false: switch it on or off."
            )


def clean_class_word(class_word: object) -> str:
    """The class word on one line, without spaces around it. It may be several words ("teddy bear").

    Raises: InputError when nothing is left.
    """
    words = class_word.split() if isinstance(class_word, str) else []
    if not words:
        raise InputError(
            f"`class_word` is {class_word!r}: name the subject's kind in a word or two, such as face or dog."
        )
    return " ".join(words)


def _check_whole(settings: _Settings, name: str, low: int, high: int | None = None) -> None:
    value = getattr(settings, name)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and value >= low and (high is None or value <= high):
        return
    limits = f"at least {low}" if high is None else f"from {low} to {high}"
    raise InputError(f"`{name}` is {value!r}; it must be a whole number, {limits}: change `{name}`.")


def _check_number(settings: _Settings, name: str, above_zero: bool = False) -> None:
    value = getattr(settings, name)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (above_zero and value == 0):
        raise InputError(
            f"`{name}` is {value!r}; it must be a number {'above 0' if above_zero else 'of at least 0'}: change"
            f" `{name}`."
        )
    settings._put(name, float(value))


def _check_choice(settings: _Settings, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(settings, name)
    if value not in choices:
        raise InputError(f"`{name}` is {value!r}; expected one of {', '.join(choices)}: choose one of these.")
