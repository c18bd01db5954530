"""Masks from words: a detector finds what a prompt names, a segmenter cuts it out."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..host import networks
from ..masking.boxes import SELECTIONS, Selection, select
from ..masking.detection_prompt import DetectionPrompt, parse_prompt
from ..masking.embedding_cache import EmbeddingCache
from ..masking.interfaces import BROKEN_MODEL, Detection
from ..masking.postprocessing import feather_mask, grow_mask, union_of_masks
from ..pictures.overlay import LabelledBox, overlay
from ..support import checks
from ..support.errors import InputError
from ..support.finite import require_finite
from ..support.warnings import warn
from .mask_models import DETECTORS, SEGMENTERS, LoadedModel, require_models
from .reporter import Reporter

log = logging.getLogger("single_image_studio")
OnMissing = Literal["error", "empty", "full"]
LONGEST_GROWTH = 512  # pixels

_detector, _segmenter = LoadedModel(DETECTORS), LoadedModel(SEGMENTERS)
_embeddings = EmbeddingCache()


@dataclass(frozen=True, kw_only=True)
class MaskSettings:
    """What to find, with what, and what to make of it.

    detector, segmenter: names in DETECTORS and SEGMENTERS. select: which detections of each phrase become the mask.
    on_missing: what a picture gets in which nothing is found. grow, feather: in pixels.
    keep_loaded: keeps both models for the next run; else each is freed as soon as it is done.
    Raises: InputError when a value does not fit.
    """

    prompt: str
    detector: str
    segmenter: str
    box_threshold: float = 0.3
    text_threshold: float = 0.25
    select: Selection = "best"
    on_missing: OnMissing = "error"
    grow: int = 0
    feather: int = 0
    keep_loaded: bool = False

    def __post_init__(self) -> None:
        for name in ("prompt", "detector", "segmenter"):
            checks.text(name, getattr(self, name))
        checks.flag("keep_loaded", self.keep_loaded)
        checks.number("box_threshold", self.box_threshold)
        checks.number("text_threshold", self.text_threshold)
        checks.choice("select", self.select, SELECTIONS)
        checks.choice("on_missing", self.on_missing, get_args(OnMissing))
        checks.whole("grow", self.grow, -LONGEST_GROWTH, LONGEST_GROWTH)
        checks.whole("feather", self.feather, 0, LONGEST_GROWTH)


@dataclass(frozen=True)
class MaskResult:
    """masks: (B, H, W). overlays: (B, H, W, 3). report: JSON."""

    masks: Tensor
    overlays: Tensor
    report: str


@dataclass(frozen=True)
class _MaskedPicture:
    """picture: (H, W, C). mask: (H, W). selected: those detections that the mask is of."""

    picture: Tensor
    mask: Tensor
    detections: list[Detection]
    selected: list[Detection]

    def overlay(self) -> Tensor:
        boxes = [LabelledBox(d.box, d.label or d.phrase, d.score, d in self.selected) for d in self.detections]
        return overlay(self.picture, self.mask, boxes)

    def report(self) -> dict[str, Any]:
        height, width = self.mask.shape
        return {
            "width": width,
            "height": height,
            "missing": not self.selected,
            "mask_share": round(float(self.mask.mean()), 6),
            "detections": [_detection_report(d, d in self.selected) for d in self.detections],
        }


def _detection_report(detection: Detection, selected: bool) -> dict[str, Any]:
    return {
        "phrase": detection.phrase,
        "label": detection.label,
        "score": round(detection.score, 4),
        "box": [round(v, 2) for v in detection.box],
        "selected": selected,
    }


def mask_from_prompt(pictures: Tensor, settings: MaskSettings, reporter: Reporter | None = None) -> MaskResult:
    """Finds and cuts out what the prompt names, in every picture on its own.

    pictures: (B, H, W, C) in [0, 1].
    Raises: InputError for prompts, files and pictures that cannot work, and when nothing is found and on_missing is
        "error"; the host's InterruptProcessingException when the user has pressed cancel.
    """
    prompt = parse_prompt(settings.prompt)
    if not isinstance(pictures, Tensor) or pictures.dim() != 4 or 0 in pictures.shape or pictures.is_complex():
        raise InputError("`image` holds no picture: connect one of at least 1×1 pixels.")
    require_finite("image", "check the node before it", pictures)
    # now, and not after the detector has worked for nothing
    require_models(settings.detector, settings.segmenter)
    reporter = reporter or Reporter()
    reporter.begin(2 * len(pictures))
    with _detector.freed_after(not settings.keep_loaded):  # before the segmenter needs its memory
        detections = _detect(pictures, prompt, settings, reporter)
    selected = [select(in_picture, settings.select) for in_picture in detections]
    with _segmenter.freed_after(not settings.keep_loaded):
        masks = _segment(pictures, selected, settings, reporter)
    masked = list(map(_MaskedPicture, pictures, masks, detections, selected))
    overlays = torch.stack([picture.overlay() for picture in masked])
    return MaskResult(torch.stack(masks), overlays, _report(prompt, settings, masked))


def _detect(
    pictures: Tensor, prompt: DetectionPrompt, settings: MaskSettings, reporter: Reporter
) -> list[list[Detection]]:
    """What is found in each picture. Raises: InputError when that is nothing and on_missing is "error"."""
    began, detections, count = time.monotonic(), [], len(pictures)
    detector = _detector.use(settings.detector)
    with networks.cancellable(detector.net):
        for number, picture in enumerate(pictures, 1):
            in_picture = detector.detect(picture, prompt, settings.box_threshold, settings.text_threshold)
            numbers = torch.tensor([detector.best_score(), *(end for found in in_picture for end in found.box)])
            require_finite("detector", BROKEN_MODEL, numbers, verb="gives")
            if in_picture:
                _warn_of_missing_phrases(in_picture, prompt, number)
            else:
                _refuse_or_warn(prompt, (number, count), detector.best_score(), settings)
            detections.append(in_picture)
            reporter.advance(1, f"looked at picture {number} of {count}")
    things, seconds = sum(map(len, detections)), time.monotonic() - began
    log.info("Mask from Prompt: %s found %d things in %d pictures, %.1f s.", settings.detector, things, count, seconds)
    return detections


def _warn_of_missing_phrases(detections: Sequence[Detection], prompt: DetectionPrompt, number: int) -> None:
    for phrase in prompt.phrases:
        if all(detection.phrase != phrase for detection in detections):
            warn("phrase_not_found", number=number, phrase=phrase)


def _refuse_or_warn(
    prompt: DetectionPrompt, picture: tuple[int, int], best_score: float, settings: MaskSettings
) -> None:
    """Nothing was found. picture: its number, and of how many."""
    number, count = picture
    score, threshold = f"{best_score:.2f}", f"{settings.box_threshold:.2f}"
    if settings.on_missing == "error":
        where = f" in picture {number} of {count}" if count > 1 else ""
        found = (
            f"`prompt`: no {' nor '.join(prompt.phrases)} was found{where}: the best score was {score} and"
            f" `box_threshold` is {threshold}; "
        )
        if best_score < settings.box_threshold / 2:  # what is below so low a threshold is anything
            raise InputError(f"{found}use another word, or paint the mask instead.")
        raise InputError(f"{found}lower `box_threshold`, use another word, or paint the mask instead.")
    warn(f"nothing_found_{settings.on_missing}", number=number, score=score, threshold=threshold)


def _segment(
    pictures: Tensor, selected: Sequence[list[Detection]], settings: MaskSettings, reporter: Reporter
) -> list[Tensor]:
    """The mask of each picture, (H, W)."""
    nothing = torch.full(pictures.shape[1:3], 1.0 if settings.on_missing == "full" else 0.0)
    masks = [nothing] * len(pictures)
    if not any(selected):
        reporter.advance(len(pictures), "nothing to cut out")
        return masks
    began = time.monotonic()
    segmenter = _segmenter.use(settings.segmenter)
    key = (SEGMENTERS.stamp(settings.segmenter), networks.half_precision())
    with networks.cancellable(segmenter.net):
        for i, (picture, detections) in enumerate(zip(pictures, selected)):
            if detections:
                embedding = _embeddings.get(segmenter, key, picture)
                mask = union_of_masks(segmenter, embedding, [detection.box for detection in detections])
                masks[i] = feather_mask(grow_mask(mask, settings.grow), settings.feather)
            reporter.advance(1, f"cut out picture {i + 1} of {len(pictures)}")
    things, seconds = sum(map(len, selected)), time.monotonic() - began
    log.info("Mask from Prompt: %s cut out %d of them, %.1f s.", settings.segmenter, things, seconds)
    return masks


def _report(prompt: DetectionPrompt, settings: MaskSettings, masked: Sequence[_MaskedPicture]) -> str:
    report = {
        "prompt": list(prompt.phrases),
        "detector": settings.detector,
        "segmenter": settings.segmenter,
        "images": [picture.report() for picture in masked],
    }
    return json.dumps(report, indent=1)
