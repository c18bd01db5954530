"""A concept goes onto MODEL and CLIP, into a file, and back."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..concept.data import Concept
from ..concept.export import ExportSettings
from ..concept.file import check_width, load_concept
from ..concept.saving import Folders, save_everywhere
from ..host import checks as checks_of_wires
from ..host import folders, saved_files
from ..host.apply import TextPatches, with_lora
from ..host.lora_hooks import hooks_of
from ..host.text import name_left, with_concept
from ..host.unet_apart import with_lora_apart, with_name_free
from ..host.weights import require_finite_weights, warn_of_another_checkpoint
from ..support import checks
from ..support.errors import InputError
from ..support.finite import require_finite

log = logging.getLogger("single_image_studio")
LARGEST_STRENGTH = 100


@dataclass(frozen=True)
class Strengths:
    """How strongly a concept's LoRA acts on the UNet and on the text encoder; 1 as it was trained.

    Raises: InputError for what is no number from -100 to 100.
    """

    model: float = 1.0
    clip: float = 1.0

    def __post_init__(self) -> None:
        checks.within("strength_model", self.model, LARGEST_STRENGTH)
        checks.within("strength_clip", self.clip, LARGEST_STRENGTH)


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How a concept is kept apart from what else is in a picture.

    region: (B, H, W) in [0, 1], where it may act; None to find it in the first steps.
    found: told the regions that were found, (pictures, h, w) of zeros and ones.
    """

    region: Tensor | None = None
    found: Callable[[Tensor], None] | None = None

    def on(self, model: Any, name: str, lora: Mapping[str, Tensor], strength: float) -> Any:
        """A clone of MODEL with the LoRA on it.

        Raises: InputError when the region is not finite.
        """
        region = self.region
        if region is not None:
            if not isinstance(region, Tensor) or region.is_complex() or region.dim() not in (2, 3) or 0 in region.shape:
                raise InputError("`region` is no mask of pictures: connect a MASK, such as Load Image's.")
            require_finite("region", "make the mask again", region)
        return with_lora_apart(model, name, lora, strength, region=self.region, found=self.found)


def concept_hooks(concept: Concept, strengths: Strengths) -> Any:
    """The concept's LoRA as HOOKS, for the host's own nodes."""
    return hooks_of(concept.lora, strengths.model, strengths.clip)


def use_concept(
    model: Any,
    clip: Any,
    concept: Concept,
    name: str,
    strengths: Strengths | None = None,
    nicknames: Sequence[str] = (),
    apart: Apart | None = None,
) -> tuple[Any, Any, str]:
    """Clones of MODEL and CLIP that know the concept as `<name>`, and the phrase to write in prompts.

    nicknames: what it is called as well, unless another concept is (its file's path, where two files share a name).
    apart: how it is kept to its own words and its own place; None for on everything.

    The model may predict whatever it likes (LCM, v-prediction, inpainting): using is not learning.
    Raises: InputError when MODEL and CLIP have not Stable Diffusion 1.x's layers, or another width than the concept, or
    weights that are not finite.
    """
    checks.kind("concept", concept, Concept, "Load Concept")
    checks_of_wires.require_sd1_layers(model)
    checks_of_wires.require_sd1_clip(clip, model)
    require_finite_weights(model, clip)
    check_width(concept, checks_of_wires.text_width(clip))
    warn_of_another_checkpoint(model, concept.base_model, "concept_of_another_checkpoint", name=name)
    # Saving again gives NAME_2: prompts that write <NAME> go on working, as long as nothing else is called so.
    nicknames = [re.sub(r"_\d+$", "", name), *nicknames]
    strengths = strengths or Strengths()
    # MODEL's LoRAs find their phrases by the CLIP's names, so that the CLIP alone decides who is called what.
    model = with_name_free(model, name, name_left(clip, name))
    merged, patched = with_lora(model, clip, concept.lora, strengths.model, strengths.clip)
    if apart is None:
        model, own = merged, None
    else:
        model = apart.on(model, name, concept.lora, strengths.model)
        own = TextPatches.between(clip, patched)
    clip = with_concept(patched if own is None else clip, name, concept.embedding, nicknames, concept.class_word, own)
    return model, clip, concept.phrase(name)


def saved_concept(concept_name: str) -> Concept:
    """A concept from the pack's folders, with its file's name.

    Raises: InputError when there is no such file, or when it cannot be read.
    """
    path = folders.CONCEPTS.file(concept_name)
    return dataclasses.replace(load_concept(path), name=path.stem)


def save_concept(concept: Concept, name: str, *, export: ExportSettings | None, include_picture: bool) -> Concept:
    """Saves a concept in the pack's folders, and with `export` for other tools too. Returns it with the name it got.

    Raises: InputError when the name cannot be used, the disk is full or a folder cannot be written.
    """
    checks.kind("concept", concept, Concept, "Stage I or Stage II")
    saved = save_everywhere(concept, name, Folders(*folders.save_folders()), export, include_picture)
    saved_files.keep(saved.path)
    log.info("Saved the concept as %s; write %s in prompts.", saved.path, concept.phrase(saved.name))
    return dataclasses.replace(concept, name=saved.name)
