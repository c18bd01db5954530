"""Ties detectors and segmenters to the host: which files there are, placing and freeing, progress; and what the node
does with what they find."""

from __future__ import annotations

import json
import logging
import pathlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..host import model_files, networks
from ..host.progress import Progress
from ..masking import packages
from ..masking.boxes import Select, select
from ..masking.catalogue import PUBLISHED, how_to_get, published
from ..masking.embeddings import Embeddings
from ..masking.finishing import feathered, grown, joined
from ..masking.grounding_dino import GroundingDino
from ..masking.interfaces import Detection
from ..masking.loading import load_detector, load_segmenter
from ..masking.prompt import Prompt, parse_prompt
from ..masking.sam import Sam
from ..pictures.overlay import LabelledBox, overlay
from ..support.errors import InputError

log = logging.getLogger("single_image_studio")
OnMissing = Literal["error", "empty", "full"]


@dataclass(frozen=True)
class Models:
    """What one combo offers: found files first, then published ones (so that saved workflows load), then those through
    the original's package."""

    widget: str
    folder: model_files.ModelFolder
    package: str

    def names(self) -> list[str]:
        known = [model.name for model in PUBLISHED if model.kind == self.folder.kind]
        names = list(dict.fromkeys([*self.folder.found(), *known]))
        return names + [f"{name} [{self.package}]" for name in names if name.endswith(".pth")]

    def parse(self, choice: str) -> tuple[str, str]:
        """(name, package or "")."""
        mark = f" [{self.package}]"
        return (choice.removesuffix(mark), self.package) if choice.endswith(mark) else (choice, "")

    def path(self, choice: str) -> pathlib.Path:
        """Raises: InputError when there is no such model; a published one's says how to get it."""
        name, _ = self.parse(choice)
        found = self.folder.found().get(name)
        if found is not None:
            return found
        folder = str(self.folder.folders()[0])
        model = published(name, self.folder.kind)
        if model is not None:
            raise InputError(f"`{self.widget}`: {how_to_get(model, folder)}")
        raise InputError(
            f"`{self.widget}`: there is no {name!r} in {folder} nor in the extra model paths: choose another in the"
            " list."
        )

    def stamp(self, choice: str | None) -> str:
        found = self.folder.found().get(self.parse(choice)[0]) if choice else None
        return f"{choice} {model_files.stamp(found)}" if found is not None else ""


DETECTORS = Models("detector", model_files.DETECTORS, packages.GROUNDINGDINO)
SEGMENTERS = Models("segmenter", model_files.SEGMENTERS, packages.SEGMENT_ANYTHING)


@dataclass(frozen=True)
class Wanted:
    """The node's inputs but the pictures."""

    prompt: str
    detector: str
    segmenter: str
    box_threshold: float
    text_threshold: float
    select: Select
    on_missing: OnMissing
    grow: int
    feather: int


@dataclass(frozen=True)
class Found:
    """masks: (B, H, W). overlays: (B, H, W, 3). report: JSON."""

    masks: Tensor
    overlays: Tensor
    report: str


@dataclass
class _Kept:
    """The last model of each kind that the user wants kept; another one takes its place."""

    which: str = ""
    placed: networks.Placed | None = None
    model: Any = None


_kept: dict[str, _Kept] = {"detector": _Kept(), "segmenter": _Kept()}
_embeddings = Embeddings()


def find(pictures: Tensor, wanted: Wanted, keep_loaded: bool, node: str | None) -> Found:
    """Finds and cuts out what the prompt names, in every picture on its own.

    pictures: (B, H, W, C) in [0, 1].
    Raises: InputError for prompts, files and pictures that cannot work, and when nothing is found and on_missing is
        "error".
    """
    prompt = parse_prompt(wanted.prompt)
    if pictures.dim() != 4 or 0 in pictures.shape:
        raise InputError(
            f"`image` holds no picture (its shape is {tuple(pictures.shape)}): connect one of at least 1×1 pixels."
        )
    SEGMENTERS.path(wanted.segmenter)  # told before the detector has worked for nothing
    show = Progress(2 * len(pictures), None, node)
    try:
        found = _detect(pictures, prompt, wanted, show)
    finally:
        if not keep_loaded:
            _free("detector")  # before the segmenter needs its room
    chosen = [select(detections, wanted.select) for detections in found]
    try:
        masks = _segment(pictures, chosen, wanted, show)
    finally:
        if not keep_loaded:
            _free("segmenter")
    overlays = [
        overlay(picture, mask, [LabelledBox(d.box, d.label or d.phrase, d.score, d in some) for d in all_of])
        for picture, mask, all_of, some in zip(pictures, masks, found, chosen)
    ]
    return Found(torch.stack(masks), torch.stack(overlays), _report(pictures, masks, prompt, wanted, found, chosen))


def _detect(pictures: Tensor, prompt: Prompt, wanted: Wanted, show: Progress) -> list[list[Detection]]:
    out, began = [], time.monotonic()
    detector: GroundingDino = _use("detector", wanted.detector)
    with networks.cancellable(detector.net):
        for i, picture in enumerate(pictures):
            found = detector.detect(picture, prompt, wanted.box_threshold, wanted.text_threshold)
            if not found:
                _missing(prompt, wanted, i, len(pictures), detector.best_score())
            for phrase in prompt.phrases if found else ():
                if all(d.phrase != phrase for d in found):
                    log.warning(
                        "Mask from Prompt: picture %d has no %r above the threshold; its mask is of the rest of the"
                        " prompt.",
                        i + 1,
                        phrase,
                    )
            out.append(found)
            show.update(i + 1, f"looked at picture {i + 1} of {len(pictures)}")
    log.info(
        "Mask from Prompt: %s found %d things in %d pictures, %.1f s.",
        wanted.detector,
        sum(map(len, out)),
        len(pictures),
        time.monotonic() - began,
    )
    return out


def _missing(prompt: Prompt, wanted: Wanted, index: int, count: int, best: float) -> None:
    where = f" in picture {index + 1} of {count}" if count > 1 else ""
    told = (
        f"no {' nor '.join(prompt.phrases)} was found{where}: the best score was {best:.2f} and `box_threshold` is"
        f" {wanted.box_threshold:.2f}"
    )
    if wanted.on_missing == "error":
        raise InputError(
            f"`prompt`: {told}; lower `box_threshold`, use other words, or set `on_missing` to empty or full."
        )
    log.warning("Mask from Prompt: %s; its mask is %s.", told, wanted.on_missing)


def _segment(pictures: Tensor, chosen: Sequence[Sequence[Detection]], wanted: Wanted, show: Progress) -> list[Tensor]:
    missing = (torch.ones if wanted.on_missing == "full" else torch.zeros)(pictures.shape[1:3])
    masks = [missing] * len(pictures)
    if not any(chosen):
        show.update(2 * len(pictures), "nothing to cut out")
        return masks
    began = time.monotonic()
    segmenter: Sam = _use("segmenter", wanted.segmenter)
    which = f"{SEGMENTERS.stamp(wanted.segmenter)} {networks.half_precision()}"
    with networks.cancellable(segmenter.net):
        for i, (picture, detections) in enumerate(zip(pictures, chosen)):
            if detections:
                embedding = _embeddings.get(segmenter, which, picture)
                mask = joined(segmenter, embedding, [d.box for d in detections])
                masks[i] = feathered(grown(mask, wanted.grow), wanted.feather)
            show.update(len(pictures) + i + 1, f"cut out picture {i + 1} of {len(pictures)}")
    log.info(
        "Mask from Prompt: %s cut out %d of them, %.1f s.",
        wanted.segmenter,
        sum(map(len, chosen)),
        time.monotonic() - began,
    )
    return masks


def _use(kind: str, choice: str) -> Any:
    """A detector or segmenter on the host's device: the kept one, or read from its file.

    Raises: InputError as `Models.path` and the loaders.
    """
    models, load = (DETECTORS, _load_detector) if kind == "detector" else (SEGMENTERS, _load_segmenter)
    path, which = models.path(choice), models.stamp(choice)
    if _kept[kind].which != which:
        _free(kind)
        with torch.inference_mode(False):
            model = load(path, models.parse(choice)[1])
            _kept[kind] = _Kept(which, networks.Placed(model.net), model)
        log.info("Mask from Prompt: loaded %s.", choice)
    placed, model = _kept[kind].placed, _kept[kind].model
    assert placed is not None
    placed.load()
    return model


def _free(kind: str) -> None:
    _kept[kind] = _Kept()
    networks.freed()


def _load_detector(path: pathlib.Path, package: str) -> GroundingDino:
    detector = load_detector(path, package)
    detector.half = networks.half_precision()
    return detector


def _load_segmenter(path: pathlib.Path, package: str) -> Sam:
    segmenter = load_segmenter(path, package)
    segmenter.use_half(networks.half_precision())
    return segmenter


def _report(
    pictures: Tensor,
    masks: Sequence[Tensor],
    prompt: Prompt,
    wanted: Wanted,
    found: Sequence[Sequence[Detection]],
    chosen: Sequence[Sequence[Detection]],
) -> str:
    height, width = pictures.shape[1:3]
    images = [
        {
            "width": width,
            "height": height,
            "missing": not some,
            "mask_share": round(float(mask.mean()), 6),
            "detections": [
                {
                    "phrase": d.phrase,
                    "label": d.label,
                    "score": round(d.score, 4),
                    "box": [round(v, 2) for v in d.box],
                    "selected": d in some,
                }
                for d in all_of
            ],
        }
        for mask, all_of, some in zip(masks, found, chosen)
    ]
    return json.dumps(
        {"prompt": list(prompt.phrases), "detector": wanted.detector, "segmenter": wanted.segmenter, "images": images},
        indent=1,
    )
