"""What a training was asked to do. Checked when made, and saved in the concept file as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from ..diffusion.pace import RATE_SCHEDULES
from ..support import checks
from ..support.checks import CHECKPOINTING, LARGEST, LARGEST_SEED, PRECISIONS
from ..support.errors import InputError, brief
from .checks import can_be_class_word
from .encoders import ENCODER_KINDS

CLASS_TEXT_ENCODERS = ("tuned", "frozen")
LORA_BASES = ("trained", "orthogonal")
DRAWN = ("uniform", "stratified")  # how timesteps may be
PHRASE_ALONE = "*"  # the paper's only prompt: the phrase and nothing else
SMALLEST_RESOLUTION = 64
LARGEST_RESOLUTION = 4096
LARGEST_BATCH, LARGEST_RANK = 4096, 1024
RESOLUTION_STEP = 8  # one latent pixel


_S = TypeVar("_S", bound="StageSettings")  # typing.Self is newer than Python 3.10


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """What both stages' settings share.

    learning_rate: AdamW's, at first. background_weight: gamma. preview_every: steps between previews, 0 for none.
    training_prompts: lines such as "* on a beach", of which each step takes one; * is where "* class" goes. Nothing,
    the paper's: the phrase alone. timesteps, rate_schedule: see `diffusion.pace`.
    Raises: InputError when a value does not fit.
    """

    steps: int = 50
    batch_size: int = 4
    learning_rate: float = 1e-4
    background_weight: float = 1.0
    seed: int = 0
    precision: str = "auto"
    gradient_checkpointing: str = "auto"
    preview_every: int = 0
    training_prompts: str = ""
    timesteps: str = "uniform"
    rate_schedule: str = "constant"

    def __post_init__(self) -> None:
        checks.whole("steps", self.steps, 1, LARGEST)
        checks.whole("batch_size", self.batch_size, 1, LARGEST_BATCH)
        checks.whole("preview_every", self.preview_every, 0, LARGEST)
        checks.whole("seed", self.seed, 0, LARGEST_SEED)
        self._put("learning_rate", checks.number("learning_rate", self.learning_rate, above_zero=True))
        self._put("background_weight", checks.number("background_weight", self.background_weight))
        checks.choice("precision", self.precision, PRECISIONS)
        checks.choice("gradient_checkpointing", self.gradient_checkpointing, CHECKPOINTING)
        checks.choice("timesteps", self.timesteps, DRAWN)
        checks.choice("rate_schedule", self.rate_schedule, tuple(RATE_SCHEDULES))
        checks.text("training_prompts", self.training_prompts)
        for line in self.prompts:
            _require_one_place(line)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The lines to train with, at least one; `*` is the place of the phrase."""
        lines = (" ".join(line.split()) for line in self.training_prompts.splitlines())
        return tuple(filter(None, lines)) or (PHRASE_ALONE,)

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, in values that JSON knows."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[_S], values: Mapping[str, Any]) -> _S:
        """Makes settings from saved ones; names that this version does not know are passed over.

        Raises: InputError when a value does not fit.
        """
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the one place where a frozen dataclass is filled in


@dataclass(frozen=True, kw_only=True)
class Stage1Settings(StageSettings):
    """Stage I, inversion: only the image encoder is trained. The defaults are the paper's.

    class_word: what the subject is, in the model's own words; spaces around it are dropped.
    resolution: pixels of the square picture that is trained on.
    Raises: InputError when a value does not fit.
    """

    class_word: str = ""
    batch_size: int = 16
    encoder: str = "vit_b32"
    resolution: int = 512

    def __post_init__(self) -> None:
        self._put("class_word", clean_class_word(self.class_word))
        super().__post_init__()
        checks.choice("encoder", self.encoder, ENCODER_KINDS)
        checks.whole("resolution", self.resolution, SMALLEST_RESOLUTION, LARGEST_RESOLUTION)
        if self.resolution % RESOLUTION_STEP:
            raise InputError(
                f"`resolution` is {self.resolution}; it must be a multiple of {RESOLUTION_STEP}: change `resolution`."
            )


@dataclass(frozen=True, kw_only=True)
class Stage2Settings(StageSettings):
    """Stage II, finetuning: the encoder and a LoRA are trained. The defaults are the paper's.

    class_text_encoder: which text encoder reads the class word for the frozen model's prediction. "tuned", with the
    LoRA, is what the reference does; "frozen" keeps the target apart from what is trained.
    semantic_weight: eta. rank: the LoRA's. lora_basis: "trained", or "orthogonal" for a fixed `down` of its own, which
    keeps several concepts' LoRAs apart (see `concept.lora`).
    Raises: InputError when a value does not fit.
    """

    steps: int = 100
    learning_rate: float = 5e-5
    semantic_weight: float = 1.0
    rank: int = 4
    train_text_encoder: bool = True
    class_text_encoder: str = "tuned"
    lora_basis: str = "trained"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._put("semantic_weight", checks.number("semantic_weight", self.semantic_weight))
        checks.whole("rank", self.rank, 1, LARGEST_RANK)
        checks.choice("class_text_encoder", self.class_text_encoder, CLASS_TEXT_ENCODERS)
        checks.choice("lora_basis", self.lora_basis, LORA_BASES)
        checks.flag("train_text_encoder", self.train_text_encoder)


def _require_one_place(line: str) -> None:
    if line.count(PHRASE_ALONE) != 1:
        raise InputError(
            f"`training_prompts` has the line {brief(line)}: write * once in each line, where the phrase goes, as in"
            " * on a beach."
        )


def clean_class_word(class_word: object) -> str:
    """The class word on one line, without spaces around it. It may be several words ("teddy bear").

    Raises: InputError when nothing is left, or what no concept can be called.
    """
    words = class_word.split() if isinstance(class_word, str) else []
    if not words:
        came = "empty" if isinstance(class_word, str) else brief(class_word)
        raise InputError(f"`class_word` is {came}: name the subject's kind in a word or two, such as face or dog.")
    word = " ".join(words)
    if not can_be_class_word(word):
        raise InputError(
            f"`class_word` is {brief(word)}, which no concept can be called: name the subject's kind in a word or two,"
            " such as face or dog."
        )
    return word
