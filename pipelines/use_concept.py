"""A concept goes onto MODEL and CLIP, into a file, and back."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..concept.data import Concept
from ..concept.export import ExportSettings
from ..concept.file import check_width, load_concept
from ..concept.saving import Folders, save_everywhere
from ..host import checks, folders
from ..host.apply import TextPatches, with_lora
from ..host.text import with_concept
from ..host.weights import require_finite_weights, warn_of_another_checkpoint

log = logging.getLogger("single_image_studio")


@dataclass(frozen=True)
class Strengths:
    """How strongly a concept's LoRA acts on the UNet and on the text encoder; 1 as it was trained."""

    model: float = 1.0
    clip: float = 1.0


def use_concept(
    model: Any,
    clip: Any,
    concept: Concept,
    name: str,
    strengths: Strengths | None = None,
    nicknames: Sequence[str] = (),
    keep_apart: bool = False,
) -> tuple[Any, Any, str]:
    """Clones of MODEL and CLIP that know the concept as `<name>`, and the phrase to write in prompts.

    nicknames: what it is called as well, unless another concept is (its file's path, where two files share a name).
    keep_apart: in a prompt, the concept's word and its LoRA act on its own phrase and on nothing else.

    The model may predict whatever it likes (LCM, v-prediction, inpainting): using is not learning.
    Raises: InputError when MODEL and CLIP have not Stable Diffusion 1.x's layers, or another width than the concept, or
    weights that are not finite.
    """
    checks.require_sd1_layers(model)
    checks.require_sd1_clip(clip, model)
    require_finite_weights(model, clip)
    check_width(concept, checks.text_width(clip))
    warn_of_another_checkpoint(model, concept.base_model, "concept_of_another_checkpoint", name=name)
    # Saving again gives NAME_2: prompts that write <NAME> go on working, as long as nothing else is called so.
    nicknames = [re.sub(r"_\d+$", "", name), *nicknames]
    strengths = strengths or Strengths()
    model, patched = with_lora(model, clip, concept.lora, strengths.model, strengths.clip)
    apart = TextPatches.between(clip, patched) if keep_apart else None
    clip = with_concept(clip if keep_apart else patched, name, concept.embedding, nicknames, concept.class_word, apart)
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
    saved = save_everywhere(concept, name, Folders(*folders.save_folders()), export, include_picture)
    log.info("Saved the concept as %s; write %s in prompts.", saved.path, concept.phrase(saved.name))
    return dataclasses.replace(concept, name=saved.name)
