"""How well pictures of a concept keep its subject, leave its background and follow their prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..evaluation import report
from ..evaluation.editing_prompts import WHOLE, without_names
from ..evaluation.estimated_esr import Asked, estimate
from ..evaluation.lpips import SMALLEST, Lpips, of_one_size
from ..evaluation.networks import Clip
from ..evaluation.regions import parts
from ..evaluation.report import Scale, Score
from ..evaluation.scores import pairwise, similarities
from ..host import networks
from ..host.clip_tokens import clip_tokens
from ..pictures.chart import Bar, bar_chart
from ..support.errors import InputError
from .metric_models import CLIPS, DINOS, LPIPSES, NONE, not_chosen, require, using
from .metric_wires import Masked, PromptSet
from .reporter import Reporter


@dataclass(frozen=True, kw_only=True)
class ConceptWires:
    """What is compared. references: the pictures that the concept was learned from."""

    references: Sequence[Masked]
    sets: Sequence[PromptSet]

    @property
    def pictures(self) -> list[Masked]:
        return [picture for asked in self.sets for picture in asked.pictures]


@dataclass(frozen=True, kw_only=True)
class ConceptNetworks:
    """The files that measure, by their names in the lists; none leaves scores out."""

    clip_model: str
    dino_model: str
    lpips_model: str = NONE


@dataclass(frozen=True)
class Measured:
    """report: in words, and then as JSON. chart: (1, H, W, 3)."""

    report: str
    chart: Tensor


def concept_metrics(wires: ConceptWires, chosen: ConceptNetworks, reporter: Reporter | None = None) -> Measured:
    """Raises: InputError for pictures, masks and files that cannot work; the host's InterruptProcessingException when
    the user has pressed cancel."""
    require(**vars(chosen))
    for reference in wires.references:
        if parts(reference.picture, reference.mask)["foreground"] is None:
            raise InputError("`reference_mask` is empty: paint the subject, or connect Mask from Prompt's mask.")
    reporter = reporter or Reporter()
    reporter.begin(2 * (len(wires.references) + len(wires.pictures)) + len(wires.pictures))
    scores = [
        *_by_clip(wires, chosen.clip_model, reporter),
        *_by_dino(wires, chosen.dino_model, reporter),
        _diversity(wires, chosen.lpips_model, reporter),
    ]
    heading = (
        f"{len(wires.pictures)} pictures of {len(wires.sets)} prompts against {len(wires.references)} reference"
        f"{'s' if len(wires.references) > 1 else ''}."
    )
    return measured(heading, scores, vars(chosen))


def measured(heading: str, scores: Sequence[Score], chosen: dict[str, str]) -> Measured:
    """The report and the chart of some scores."""
    bars = [
        Bar(score.scale.name, score.values, score.scale.low, score.scale.high) for score in scores if score.measured
    ]
    return Measured(report.text(heading, scores, chosen), bar_chart(heading, bars))


def _by_clip(wires: ConceptWires, choice: str, reporter: Reporter) -> list[Score]:
    scales = (report.CLIP_I_F, report.CLIP_I_B, report.CLIP_T, report.ESR_ESTIMATE)
    with using(CLIPS, choice) as clip:
        if clip is None:
            return [Score(scale, note=not_chosen("clip_model")) for scale in scales]
        with networks.cancellable(clip.net):
            return [
                *_of_parts(wires, clip.of_picture, (report.CLIP_I_F, report.CLIP_I_B), reporter),
                *_of_texts(wires, clip),
            ]


def _by_dino(wires: ConceptWires, choice: str, reporter: Reporter) -> list[Score]:
    scales = (report.DINO_F, report.DINO_B)
    with using(DINOS, choice) as dino:
        if dino is None:
            return [Score(scale, note=not_chosen("dino_model")) for scale in scales]
        with networks.cancellable(dino.net):
            return _of_parts(wires, dino.of_picture, scales, reporter)


def _of_parts(
    wires: ConceptWires, look: Callable[[Tensor], Tensor], scales: Sequence[Scale], reporter: Reporter
) -> list[Score]:
    """The likeness of the foregrounds and of the backgrounds. scales: of these two, in this order."""
    references = [_looked_at(masked, look, reporter) for masked in wires.references]
    pictures = [_looked_at(masked, look, reporter) for masked in wires.pictures]
    return [
        _likeness(scale, part, [of[part] for of in references], [of[part] for of in pictures])
        for scale, part in zip(scales, ("foreground", "background"))
    ]


def _looked_at(masked: Masked, look: Callable[[Tensor], Tensor], reporter: Reporter) -> dict[str, Tensor | None]:
    found = {name: None if part is None else look(part) for name, part in parts(masked.picture, masked.mask).items()}
    reporter.advance(1, f"looked at picture {reporter.done + 1} of {reporter.total}")
    return found


def _likeness(scale: Scale, part: str, references: Sequence[Tensor | None], pictures: Sequence[Tensor | None]) -> Score:
    there = [picture for picture in pictures if picture is not None]
    left_out, kept = len(pictures) - len(there), [reference for reference in references if reference is not None]
    if not kept:
        return Score(scale, note=f"The reference has no {part}: its mask leaves no pixels for it.")
    note = f"{left_out} pictures without a {part} in their masks were left out." if left_out else ""
    return Score(scale, tuple(similarities(kept, there)), note)


def _of_texts(wires: ConceptWires, clip: Clip) -> list[Score]:
    if not clip.reads_texts:
        note = "The file of `clip_model` has CLIP's pictures' half alone: choose a whole CLIP for texts."
        return [Score(report.CLIP_T, note=note), Score(report.ESR_ESTIMATE, note=note)]
    asked = [Asked([clip.of_picture(masked.picture) for masked in one.pictures], _goals(one)) for one in wires.sets]
    references = [clip.of_picture(masked.picture) for masked in wires.references]
    return [_prompts_followed(wires, asked, clip), _estimated(asked, references, clip)]


def _goals(asked: PromptSet) -> tuple[str, ...]:
    """In words that CLIP can look for: a prompt that nobody has divided into goals is one itself."""
    whole = without_names(asked.prompt)
    goals = (whole if goal == WHOLE else goal for goal in asked.goals)
    return tuple(goal for goal in goals if goal)


def _prompts_followed(wires: ConceptWires, asked: Sequence[Asked], clip: Clip) -> Score:
    values, cut = list[float](), 0
    for one, pictures in zip(wires.sets, asked):
        if one.prompt:
            tokens, shortened = clip_tokens(without_names(one.prompt))
            values += similarities([clip.of_text(tokens)], pictures.pictures)
            cut += shortened
    note = f"{cut} prompts are longer than CLIP's 77 tokens: their ends were not read." if cut else ""
    return Score(report.CLIP_T, tuple(values), note if values else "`prompts` is empty.")


def _estimated(asked: Sequence[Asked], references: Sequence[Tensor], clip: Clip) -> Score:
    points = estimate(asked, references, lambda goal: clip.of_text(clip_tokens(goal)[0]))
    return Score(report.ESR_ESTIMATE, tuple(points), "" if points else "`goals` is empty.")


def _diversity(wires: ConceptWires, choice: str, reporter: Reporter) -> Score:
    with using(LPIPSES, choice) as lpips:
        if lpips is None:
            return Score(report.DIV, note=not_chosen("lpips_model"))
        with networks.cancellable(lpips.net):
            values = [value for one in wires.sets for value in _distances(one, lpips, reporter)]
    return Score(report.DIV, tuple(values), "" if values else "Every prompt has a single picture: draw several.")


def _distances(asked: PromptSet, lpips: Lpips, reporter: Reporter) -> list[float]:
    """Between the pictures of one prompt, all at the first one's size."""
    height, width = asked.pictures[0].picture.shape[:2]
    if min(height, width) < SMALLEST:
        raise InputError(f"`images` has a picture of {width}×{height}: LPIPS needs at least {SMALLEST} pixels a side.")
    features = []
    for masked in asked.pictures:
        features.append(lpips.features(of_one_size(masked.picture, height, width)))
        reporter.advance(1, f"compared {len(features)} of {len(asked.pictures)} pictures of a prompt")
    return pairwise(features, lpips.distance)
