"""Warnings: what an artist should know of a run that goes on all the same.

Each sentence stands here once, in English; web/warnings/ has the other languages. `warn` writes it to the log, gives it
to the node that runs (`collecting`), and tells whoever listens, as page/warnings.py does. Nobody writes a warning to
the log in another way: a test holds that, so that every one of them reaches the page.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger("single_image_studio")

SENTENCES: Mapping[str, str] = {
    # Pictures to learn from
    "mask_resized": "The mask is {mask} and the picture {picture}: the mask was resized.",
    "picture_resized": "The picture was resized from {before} to {after} pixels.",
    "picture_cropped": "The picture is {size}: it was cropped to a square over the subject.",
    "edge_repeated": (
        "The picture is {size} and its subject longer than its short side: it was made square by repeating its edge."
    ),
    "mask_covers_all": (
        "The mask covers the whole picture: nothing is left for the background loss, and the concept will hold its"
        " background."
    ),
    "mask_too_large": (
        "The mask covers {percent} % of the picture: what little is left tells the background loss nothing; check that"
        " it does not spill over the subject."
    ),
    "mask_touches_edges": (
        "The mask touches {sides} sides of the picture: check that it does not spill over the subject before you train."
    ),
    "mask_too_small": (
        "The mask covers only {percent} % of the picture: crop the picture around the subject, or check the mask."
    ),
    "mask_in_parts": "The mask is in {parts} parts: check that they all are of the subject, and no specks.",
    # Training
    "micro_batches": "Out of memory: going on with micro-batches of {size} (slower; the same up to rounding).",
    "moments_in_ram": (
        "Out of memory: going on with what the optimiser remembers in the computer's memory (slower; the same result)."
    ),
    "checkpointing": "Out of memory: going on with gradient checkpointing (slower; the same up to rounding).",
    "optimiser_memory": (
        "Out of memory in the update of step {step}: it was made weight by weight, with its running means a little off."
    ),
    "vae_in_tiles": (
        "Out of memory in the VAE: the picture was encoded in tiles, so the same latents are learned at every step, and"
        " not draws of the VAE's spread."
    ),
    "not_learned": (
        "Stage I did not learn: at last, the subject's loss was {percent} % of what the class word alone gives; try"
        " twice or half the `learning_rate`, more `steps`, or another `seed`."
    ),
    # Going on with a training
    "went_on": "Went on from step {done} of {steps}, which was kept.",
    "state_damaged": "What was kept of this training is damaged, so it began anew.",
    "state_of_another_version": (
        "What was kept of this training was made by another version of the pack, of ComfyUI or of torch, or on another"
        " device, so it began anew."
    ),
    "state_beyond_steps": (
        "What was kept of this training is of step {done}, and `steps` is {steps}, so it began anew."
    ),
    "state_not_kept": (
        "The state of this training could not be kept ({reason}): if it is cancelled, it will begin anew."
    ),
    "pictures_kept": "{found} of {pictures} pictures were finished in an earlier run, and were not made again.",
    # MODEL and what was made with another one
    "concept_of_another_checkpoint": (
        "The concept {name} was made with another checkpoint than `model`: the likeness may be weaker."
    ),
    "stage1_of_another_checkpoint": (
        "`concept` was made with another checkpoint than `model`: the likeness may be weaker."
    ),
    "inversion_of_another_checkpoint": (
        "`inversion` was made with another checkpoint than `model`: the picture will not be reconstructed correctly;"
        " invert it again with this one."
    ),
    "inversion_of_another_picture": (
        "`inversion` is of another picture than `latent`: no prompt that it keeps is used; connect both from the same"
        " picture."
    ),
    "wrapper_left_out": (
        "`model` carries {wrappers}, which needs a sampler's falling noise: inverting, optimising, training and the"
        " timestep-aware sampler leave it out."
    ),
    "guidance_patch": (
        "`model` carries a patch of the guidance (such as RescaleCFG), which inversion and its sampler do not use: the"
        " stock KSampler route does."
    ),
    # Prompts
    "unknown_concept": "The prompt writes <{written}>, and no such concept is loaded here; loaded: {known}.",
    "name_without_brackets": (
        "The prompt writes {name} without angle brackets, so that concept is not used: write {phrase}."
    ),
    "two_concepts": "Two concepts are called <{name}> here, and the one that was loaded later is used: rename one.",
    "wrong_class_word": (
        "The prompt names <{name}> without its class word: it was learned as “{phrase}”, and is best written so."
    ),
    "not_kept_apart": (
        "Another pack has changed how `clip` encodes prompts, so that a token has not one place in the result: in this"
        " prompt, the concepts with `keep_apart` act on all words."
    ),
    # Concepts kept apart
    "apart_without_phrase": (
        "No prompt here says <{name}>, so the concept stays out of the picture: write <{name}> and its class word in a"
        " CLIP Text Encode, or turn `keep_apart` off."
    ),
    "apart_without_region": (
        "Inverting and editing do not look for the place of {names} in the picture: it acts through its phrase's words"
        " alone; to give it a place, connect a mask to `region`."
    ),
    "apart_unknown_phrases": (
        "`keep_apart` does nothing for {names} here, which acts on the whole picture: encode the prompts with CLIP Text"
        " Encode."
    ),
    "apart_unknown_rows": (
        "Another pack runs `model` on parts of the batch, of which it's not known which is which: {names} acts on none"
        " of them."
    ),
    "apart_unknown_tiles": (
        "Another pack runs `model` on tiles of the picture, of which it's not known where they are: {names} acts on its"
        " phrase's words alone."
    ),
    "apart_unseen": (
        "Where {names} is could not be seen here: a pack has changed every layer that could tell, or the picture is too"
        " large. It acts on its phrase's words alone; to give it a place, connect a mask to `region`."
    ),
    "lora_not_apart": "A part of the LoRA of {name} cannot be kept apart: it acts on the whole picture.",
    "region_resized": "The region of {name} is {mask} and the picture {picture}: the region was resized.",
    "region_repeated": (
        "The region of {name} has {masks} masks and the batch {pictures} pictures: the masks were repeated in turn."
    ),
    "region_empty": "The region of {name} is empty: the concept will be nowhere in the picture.",
    "regions_overlap": "The regions of {names} overlap: there each of the concepts gets its share.",
    # Inversions
    "nothing_to_optimise": (
        "At `cfg` 1 the unconditional prompt has no effect, so there is nothing to optimise; this is plain DDIM"
        " inversion."
    ),
    "uncond_not_kept": "The file keeps the unconditional embeddings, and not what else was on `uncond` ({extras}).",
    # Masks
    "phrase_not_found": (
        "Picture {number} has no “{phrase}” above the threshold; its mask is of the rest of the prompt."
    ),
    "negative_not_found": (
        "Picture {number} has no “{phrase}” of `negative` above the threshold: nothing is cut out of its mask for it."
    ),
    "only_hints": (
        "Nothing of the prompt was found in picture {number}: the best score was {score} and `box_threshold` is"
        " {threshold}; its mask is of the hints alone."
    ),
    "nothing_shown": (
        "No box, point or rough mask shows anything in picture {number}: `on_missing` decides on its mask."
    ),
    "boxes_resized": (
        "The boxes at `boxes` were found in a picture of {boxes}, and this one is {picture}: they were resized with it."
    ),
    "mask_hint_resized": "The mask at `mask_hint` is {mask} and the picture {picture}: the mask was resized.",
    "nothing_found_empty": (
        "Nothing of the prompt was found in picture {number}: the best score was {score} and `box_threshold` is"
        " {threshold}; its mask is empty."
    ),
    "nothing_found_full": (
        "Nothing of the prompt was found in picture {number}: the best score was {score} and `box_threshold` is"
        " {threshold}; its mask is the whole picture."
    ),
}


@dataclass(frozen=True)
class Warned:
    """One warning: its sentence's id in SENTENCES, and the values for the names in braces."""

    id: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence in English."""
        return SENTENCES[self.id].format(**self.values)

    def message(self) -> dict[str, Any]:
        """For a node's `ui` and the page, which translates by the id."""
        return {"id": self.id, "values": dict(self.values), "text": self.text}


@dataclass
class _Collector:
    source: str
    warned: list[Warned] = field(default_factory=list)


_collector: ContextVar[_Collector | None] = ContextVar("collector", default=None)
_listeners: list[Callable[[Warned], None]] = []


@dataclass
class _Place:
    """Where code runs that no `collecting` is around: a stock node, as the one that `look_up` names."""

    look_up: Callable[[], object] = lambda: None
    current: object = None
    warned: list[Warned] = field(default_factory=list)

    def has_told(self, warned: Warned) -> bool:
        """Whether it was told here before: a node that runs once for each of a list tells it once."""
        here = self.look_up()
        if here is None or here != self.current:
            self.current, self.warned = here, []
        told = here is not None and warned in self.warned
        self.warned.append(warned)
        return told


_place = _Place()


def warn(id: str, **values: str | int) -> None:
    """Warns, once for each run of a node. id: in SENTENCES. values: for the names in its braces."""
    tell(Warned(id, values))


def tell(warned: Warned) -> None:
    """`warn`, for a warning that was made before."""
    collector = _collector.get()
    if collector is None:
        if _place.has_told(warned):
            return
        log.warning("%s", warned.text)
    elif warned in collector.warned:
        return
    else:
        collector.warned.append(warned)
        log.warning("%s: %s", collector.source, warned.text)
    for listener in _listeners:
        try:
            listener(warned)
        except Exception as error:  # the page may be gone: telling it is a courtesy
            log.info("A warning could not be shown on the page.", exc_info=error)


@contextlib.contextmanager
def collecting(source: str) -> Iterator[list[Warned]]:
    """Collects what is warned of inside, each warning once. source: who warns, for the log."""
    collector = _Collector(source)
    token = _collector.set(collector)
    try:
        yield collector.warned
    finally:
        _collector.reset(token)


def told() -> list[Warned]:
    """What was warned of so far inside of `collecting`."""
    collector = _collector.get()
    return [] if collector is None else list(collector.warned)


def placed_by(look_up: Callable[[], object]) -> None:
    """look_up: what names the run and node that code runs in, None outside of one."""
    _place.look_up = look_up


def listen(listener: Callable[[Warned], None]) -> None:
    """Calls `listener` with every warning from now on."""
    if listener not in _listeners:
        _listeners.append(listener)
