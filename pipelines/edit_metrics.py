"""How much an edit changes its picture, how well it follows the prompt, and how much people would like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..evaluation import report
from ..evaluation.lpips import SMALLEST, of_one_size
from ..evaluation.networks import Clip
from ..evaluation.report import Score
from ..evaluation.scores import similarities
from ..host import networks
from ..host.clip_tokens import clip_tokens
from ..support import checks
from ..support.errors import InputError
from .concept_metrics import Measured, measured
from .metric_models import AESTHETIC_HEADS, CLIPS, LPIPSES, NONE, not_chosen, require, using
from .reporter import Reporter


@dataclass(frozen=True, kw_only=True)
class EditNetworks:
    """The files that measure, by their names in the lists; none leaves scores out."""

    clip_model: str
    lpips_model: str = NONE
    aesthetic_model: str = NONE


def edit_metrics(
    sources: Sequence[Tensor],
    edited: Sequence[Tensor],
    prompts: str,
    chosen: EditNetworks,
    reporter: Reporter | None = None,
) -> Measured:
    """sources, edited: (H, W, C) in [0, 1]; one source is of all. prompts: one for all, or a line for each picture.

    Raises: InputError for pictures, prompts and files that cannot work; the host's InterruptProcessingException when
        the user has pressed cancel.
    """
    require(**vars(chosen))
    if len(sources) not in (1, len(edited)):
        raise InputError(
            f"`source` holds {len(sources)} pictures and `edited` {len(edited)}: give one source for all, or one for"
            " each."
        )
    lines = [line.strip() for line in checks.text("target_prompt", prompts).splitlines() if line.strip()]
    if len(lines) not in (0, 1, len(edited)):
        raise InputError(
            f"`target_prompt` has {len(lines)} lines for {len(edited)} pictures: write one prompt for all, or a line"
            " for each picture."
        )
    reporter = reporter or Reporter()
    reporter.begin(2 * len(edited))
    scores = [*_by_clip(edited, lines, chosen, reporter), _changed(sources, edited, chosen.lpips_model, reporter)]
    return measured(f"{len(edited)} edited pictures against {len(sources)} sources.", scores, vars(chosen))


def _by_clip(edited: Sequence[Tensor], prompts: Sequence[str], chosen: EditNetworks, reporter: Reporter) -> list[Score]:
    with using(CLIPS, chosen.clip_model) as clip:
        if clip is None:
            note = not_chosen("clip_model")
            return [Score(report.CLIP_T, note=note), Score(report.AESTHETICS, note=note)]
        with networks.cancellable(clip.net):
            vectors = []
            for picture in edited:
                vectors.append(clip.of_picture(picture))
                reporter.advance(1, f"looked at picture {len(vectors)} of {len(edited)}")
            return [_prompt_followed(vectors, prompts, clip), _liked(vectors, chosen.aesthetic_model)]


def _prompt_followed(vectors: Sequence[Tensor], prompts: Sequence[str], clip: Clip) -> Score:
    if not prompts:
        return Score(report.CLIP_T, note="`target_prompt` is empty.")
    if not clip.reads_texts:
        return Score(report.CLIP_T, note="The file of `clip_model` has CLIP's pictures' half alone.")
    texts = [clip.of_text(clip_tokens(prompt)[0]) for prompt in prompts]
    values = [similarities([texts[i % len(texts)]], [vector])[0] for i, vector in enumerate(vectors)]
    return Score(report.CLIP_T, tuple(values))


def _liked(vectors: Sequence[Tensor], choice: str) -> Score:
    """Raises: InputError when the head reads another CLIP's vectors."""
    with using(AESTHETIC_HEADS, choice) as head:
        if head is None:
            return Score(report.AESTHETICS, note=not_chosen("aesthetic_model"))
        if head.width != len(vectors[0]):
            raise InputError(
                f"`aesthetic_model` reads CLIP's vectors of {head.width} numbers, and `clip_model` gives"
                f" {len(vectors[0])}: choose the CLIP that it was made for, such as ViT-L/14."
            )
        return Score(report.AESTHETICS, tuple(head.score(vector) for vector in vectors))


def _changed(sources: Sequence[Tensor], edited: Sequence[Tensor], choice: str, reporter: Reporter) -> Score:
    with using(LPIPSES, choice) as lpips:
        if lpips is None:
            return Score(report.LPIPS, note=not_chosen("lpips_model"))
        values, resized = list[float](), 0
        with networks.cancellable(lpips.net):
            for i, picture in enumerate(edited):
                source = sources[i % len(sources)]
                height, width = source.shape[:2]
                if min(height, width) < SMALLEST:
                    raise InputError(
                        f"`source` has a picture of {width}×{height}: LPIPS needs at least {SMALLEST} pixels a side."
                    )
                resized += picture.shape[:2] != source.shape[:2]
                fitted = of_one_size(picture, height, width)
                values.append(lpips.distance(lpips.features(source), lpips.features(fitted)))
                reporter.advance(1, f"compared picture {i + 1} of {len(edited)}")
    note = f"{resized} edited pictures were brought to their sources' size." if resized else ""
    return Score(report.LPIPS, tuple(values), note)
