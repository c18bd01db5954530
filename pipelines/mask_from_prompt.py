"""Masks from words and hints: a detector finds what a prompt names, a segmenter cuts it out, and what boxes, points and
rough masks show."""

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
from ..masking.detection_prompt import DetectionPrompt, has_words, parse_prompt
from ..masking.embedding_cache import EmbeddingCache
from ..masking.hints import Hints, HintWires, read_hints
from ..masking.interfaces import BROKEN_MODEL, Detection, Detector, Embedding, Segmenter, Thing
from ..masking.picks import Picks, parse_picks, pick
from ..masking.postprocessing import CutOut, cut_out, feather_mask, grow_mask, union
from ..masking.segs import Segs
from ..support import checks
from ..support.errors import InputError
from ..support.finite import require_finite
from ..support.warnings import warn
from ..support.wires import require_pictures
from .mask_models import DETECTORS, SEGMENTERS, LoadedModel, require_models
from .masked_picture import MaskedPicture, Shown
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
    negative: words for what is cut out of the mask. picked: which finds a person took in place of select.
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
    negative: str = ""
    picked: str = ""

    def __post_init__(self) -> None:
        for name in ("prompt", "detector", "segmenter", "negative", "picked"):
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
    """masks: (B, H, W). overlays: (B, H, W, 3). report: JSON. boxes, segs: of each picture, what the mask is of.
    finds: of each picture, what the words found, for the page."""

    masks: Tensor
    overlays: Tensor
    report: str
    boxes: list[list[dict[str, Any]]]
    segs: list[Segs]
    finds: list[dict[str, Any]]


@dataclass(frozen=True)
class _Words:
    """What to find, and what to cut out of it; None for nothing. picks: of each picture."""

    prompt: DetectionPrompt | None
    negative: DetectionPrompt | None
    picks: list[Picks]

    def any(self) -> bool:
        return self.prompt is not None or self.negative is not None


def mask_from_prompt(
    pictures: Tensor, settings: MaskSettings, reporter: Reporter | None = None, hints: HintWires | None = None
) -> MaskResult:
    """Finds and cuts out what the prompt names and the hints show, in every picture on its own.

    pictures: (B, H, W, C) in [0, 1].
    Raises: InputError for prompts, hints, files and pictures that cannot work, and when nothing is found and on_missing
        is "error"; the host's InterruptProcessingException when the user has pressed cancel.
    """
    wires = hints or HintWires()
    require_pictures("image", pictures)
    words = _words(settings, wires.any(), len(pictures))
    of_each = read_hints(wires, len(pictures), (pictures.shape[1], pictures.shape[2]))
    # now, and not after the detector has worked for nothing
    require_models(settings.detector if words.any() else None, settings.segmenter)
    reporter = reporter or Reporter()
    reporter.begin(2 * len(pictures))
    with _detector.freed_after(not settings.keep_loaded):  # before the segmenter needs its memory
        shown = (_detect if words.any() else _only_hinted)(pictures, words, of_each, settings, reporter)
    with _segmenter.freed_after(not settings.keep_loaded):
        masked = _segment(pictures, shown, settings, reporter)
    return MaskResult(
        torch.stack([picture.mask for picture in masked]),
        torch.stack([picture.overlay() for picture in masked]),
        _report(words, settings, masked),
        [picture.bounding_boxes() for picture in masked],
        [picture.segs() for picture in masked],
        [picture.finds() for picture in masked],
    )


def _words(settings: MaskSettings, hinted: bool, count: int) -> _Words:
    """hinted: whether there may be something to cut out without words. Raises: InputError when there is nothing."""
    prompt = parse_prompt(settings.prompt) if has_words(settings.prompt) or not hinted else None
    negative = parse_prompt(settings.negative, "negative") if has_words(settings.negative) else None
    return _Words(prompt, negative, parse_picks(settings.picked, max(1, count)))


def _only_hinted(
    pictures: Tensor, words: _Words, hints: Sequence[Hints], settings: MaskSettings, reporter: Reporter
) -> list[Shown]:
    """What is shown without words. Raises: InputError when that is nothing and on_missing is "error"."""
    for number, of_picture in enumerate(hints, 1):
        _require_hint(of_picture, (number, len(pictures)), settings)
    reporter.advance(len(pictures), "read the hints")
    return [Shown(hints=of_picture) for of_picture in hints]


def _detect(
    pictures: Tensor, words: _Words, hints: Sequence[Hints], settings: MaskSettings, reporter: Reporter
) -> list[Shown]:
    """What is shown in each picture. Raises: InputError when that is nothing and on_missing is "error"."""
    began, shown, count = time.monotonic(), [], len(pictures)
    detector = _detector.use(settings.detector)
    with networks.cancellable(detector.net):
        for number, (picture, of_picture) in enumerate(zip(pictures, hints), 1):
            shown.append(_look(detector, picture, words, of_picture, (number, count), settings))
            reporter.advance(1, f"looked at picture {number} of {count}")
    things, seconds = sum(len(each.detections) for each in shown), time.monotonic() - began
    log.info("Mask from Prompt: %s found %d things in %d pictures, %.1f s.", settings.detector, things, count, seconds)
    return shown


def _look(
    detector: Detector, picture: Tensor, words: _Words, hints: Hints, place: tuple[int, int], settings: MaskSettings
) -> Shown:
    """place: the picture's number, and of how many."""
    found: list[Detection] = []
    if words.prompt is not None:
        found = _find(detector, picture, words.prompt, settings)
        if found:
            _warn_of_missing(found, words.prompt, place[0], "phrase_not_found")
        else:
            _refuse_or_warn(words.prompt, place, detector, settings, hints)
    else:
        _require_hint(hints, place, settings)
    negatives: list[Detection] = []
    if words.negative is not None and (found or hints.any()):
        negatives = _find(detector, picture, words.negative, settings)
        _warn_of_missing(negatives, words.negative, place[0], "negative_not_found")
    picks = words.picks[place[0] - 1] if found else None
    selected = select(found, settings.select) if picks is None else pick(found, picks, place[0])
    return Shown(found, selected, negatives, hints)


def _find(detector: Detector, picture: Tensor, prompt: DetectionPrompt, settings: MaskSettings) -> list[Detection]:
    found = detector.detect(picture, prompt, settings.box_threshold, settings.text_threshold)
    numbers = torch.tensor([detector.best_score(), *(end for each in found for end in each.box)])
    require_finite("detector", BROKEN_MODEL, numbers, verb="gives")
    return found


def _warn_of_missing(detections: Sequence[Detection], prompt: DetectionPrompt, number: int, warning: str) -> None:
    for phrase in prompt.phrases:
        if all(detection.phrase != phrase for detection in detections):
            warn(warning, number=number, phrase=phrase)


def _require_hint(hints: Hints, place: tuple[int, int], settings: MaskSettings) -> None:
    """There are no words. place: the picture's number, and of how many."""
    if hints.any():
        return
    if settings.on_missing == "error":
        raise InputError(
            f"`prompt` is empty, and no box, point or rough mask shows anything{_where(place)}: add one, write what to"
            " find, or change `on_missing`."
        )
    warn("nothing_shown", number=place[0])


def _where(place: tuple[int, int]) -> str:
    number, count = place
    return f" in picture {number} of {count}" if count > 1 else ""


def _refuse_or_warn(
    prompt: DetectionPrompt, place: tuple[int, int], detector: Detector, settings: MaskSettings, hints: Hints
) -> None:
    """Nothing was found. place: the picture's number, and of how many."""
    best_score = detector.best_score()
    score, threshold = f"{best_score:.2f}", f"{settings.box_threshold:.2f}"
    if hints.any():
        warn("only_hints", number=place[0], score=score, threshold=threshold)
        return
    if settings.on_missing == "error":
        found = (
            f"`prompt`: no {' nor '.join(prompt.phrases)} was found{_where(place)}: the best score was {score} and"
            f" `box_threshold` is {threshold}; "
        )
        # what is below so low a threshold is anything
        if best_score < min(settings.box_threshold, detector.usual_threshold) / 2:
            raise InputError(f"{found}use another word, or paint the mask instead.")
        raise InputError(f"{found}lower `box_threshold`, use another word, or paint the mask instead.")
    warn(f"nothing_found_{settings.on_missing}", number=place[0], score=score, threshold=threshold)


def _segment(
    pictures: Tensor, shown: Sequence[Shown], settings: MaskSettings, reporter: Reporter
) -> list[MaskedPicture]:
    masked = [
        MaskedPicture(picture, _nothing(picture, each, settings), each, []) for picture, each in zip(pictures, shown)
    ]
    if not any(each.things for each in shown):
        reporter.advance(len(pictures), "nothing to cut out")
        return masked
    began = time.monotonic()
    segmenter = _segmenter.use(settings.segmenter)
    key = (SEGMENTERS.stamp(settings.segmenter), networks.half_precision())
    with networks.cancellable(segmenter.net):
        for i, (picture, each) in enumerate(zip(pictures, shown)):
            if each.things:
                mask, cuts = _cut(segmenter, _embeddings.get(segmenter, key, picture), each, settings)
                masked[i] = MaskedPicture(picture, mask, each, cuts)
            reporter.advance(1, f"cut out picture {i + 1} of {len(pictures)}")
    things, seconds = sum(len(each.things) for each in shown), time.monotonic() - began
    log.info("Mask from Prompt: %s cut out %d of them, %.1f s.", settings.segmenter, things, seconds)
    return masked


def _nothing(picture: Tensor, shown: Shown, settings: MaskSettings) -> Tensor:
    """The mask of a picture with nothing to cut out: by on_missing, unless a person took none of what was found."""
    full = settings.on_missing == "full" and not shown.detections
    return torch.full(picture.shape[:2], 1.0 if full else 0.0)


def _cut(
    segmenter: Segmenter, embedding: Embedding, shown: Shown, settings: MaskSettings
) -> tuple[Tensor, list[CutOut]]:
    """The mask of all things together, as an artist uses it, and of each alone."""
    cuts = cut_out(segmenter, embedding, shown.things)
    mask = grow_mask(union(cuts, *embedding.size), settings.grow)
    if shown.negatives:
        away = union(
            cut_out(segmenter, embedding, [Thing(detection.box) for detection in shown.negatives]), *embedding.size
        )
        mask = mask * (1 - away)
        cuts = [cut.without(away) for cut in cuts]
    return feather_mask(mask, settings.feather), cuts


def _report(words: _Words, settings: MaskSettings, masked: Sequence[MaskedPicture]) -> str:
    report = {
        "prompt": list(words.prompt.phrases if words.prompt else ()),
        "detector": settings.detector,
        "segmenter": settings.segmenter,
        "images": [picture.report() for picture in masked],
    }
    return json.dumps(report, indent=1)
