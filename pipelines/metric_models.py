"""The networks that pictures are measured with: which files there are, and how each becomes a measure.

| measure | files | folder |
|---|---|---|
| CLIP | a Hugging Face folder or its model.safetensors; the pictures' half alone will do without texts | clip_vision |
| DINO, DINOv2 | likewise | clip_vision |
| LPIPS | a saved lpips.LPIPS, or torchvision's VGG16 or AlexNet where the lpips package is installed | lpips |
| aesthetic score | LAION's linear layers, for CLIP ViT-L/14 | aesthetic |
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from ..evaluation.aesthetics import Aesthetics
from ..evaluation.lpips import Lpips
from ..evaluation.networks import Clip, Dino
from ..host.model_files import AESTHETIC_FOLDER, LPIPS_FOLDER
from ..masking.family import Family, FamilyTable
from ..masking.interfaces import MaskingModel
from ..support import checks
from . import metric_families as families
from .mask_models import LoadedModel, ModelChoices

Model = TypeVar("Model", bound=MaskingModel)
NONE = "none"
"""The choice of a combo that leaves its scores out."""
NODE = "Metrics"
CLIP_VISION = "clip_vision"


def _choices(widget: str, folder: str, *families: Family[Model]) -> ModelChoices[Model]:
    return ModelChoices(FamilyTable(widget, folder, families), NODE)


CLIPS: ModelChoices[Clip] = _choices("clip_model", CLIP_VISION, families.CLIP, families.CLIP_PICTURES)
DINOS: ModelChoices[Dino] = _choices("dino_model", CLIP_VISION, families.DINOV2, families.DINO)
LPIPSES: ModelChoices[Lpips] = _choices("lpips_model", LPIPS_FOLDER.kind, families.SAVED_LPIPS, families.BACKBONE)
AESTHETIC_HEADS: ModelChoices[Aesthetics] = _choices(
    "aesthetic_model", AESTHETIC_FOLDER.kind, families.AESTHETICS, families.FIRST_AESTHETICS
)
ALL: Mapping[str, ModelChoices[Any]] = {
    choices.table.widget: choices for choices in (CLIPS, DINOS, LPIPSES, AESTHETIC_HEADS)
}


def names(widget: str) -> list[str]:
    """What a combo offers: the files that are there, and none."""
    return [*ALL[widget].names(), NONE]


def stamp(**choices: str | None) -> str:
    """Changes with any of the chosen files' content; for a node's fingerprint_inputs."""
    return " ".join(ALL[widget].stamp(choice) for widget, choice in choices.items() if choice not in (None, NONE))


def require(**choices: str) -> None:
    """Raises: InputError when one of the choices is not there."""
    for widget, choice in choices.items():
        if checks.text(widget, choice) != NONE:
            ALL[widget].path(choice)


def not_chosen(widget: str) -> str:
    """Why a score is left out."""
    return f"No file was chosen for `{widget}`: put one into models/{ALL[widget].folder.kind}."


@contextlib.contextmanager
def using(choices: ModelChoices[Model], choice: str) -> Iterator[Model | None]:
    """A measure on the host's device, freed at the end, however it comes; None for the choice none."""
    if choice == NONE:
        yield None
        return
    loaded = LoadedModel(choices)
    with loaded.freed_after(True):
        yield loaded.use(choice)
