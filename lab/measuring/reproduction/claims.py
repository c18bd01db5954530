"""What both papers say, and whether it holds here, by one rule.

A claim is one or more comparisons: of a score, one row is better than another. Of each, the paired differences have a
mean and a 95 % interval (Student's t over concepts or pictures). It holds where the whole interval is on the claimed
side; weakly where only the mean is; not where the mean is not; of fewer than three pairs nothing is said. A claim is as
good as its worst comparison. Where a paper says that something is hardly lost, the difference may be worse by `margin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..intervals import student
from .edit_part import FULL, NO_INJECTION, NO_SOURCE, NO_TEXT, PLAIN_DDIM, PLAIN_NULL_TEXT, WITH_DDIM
from .imagic import TUNED
from .values import HEAT, Values, differences

HOLDS, WEAKLY, NOT, UNKNOWN = "holds", "holds weakly", "does not hold here", "not measured"
_ORDER = (UNKNOWN, NOT, WEAKLY, HOLDS)  # the worst first
FEW, MANY = TUNED
DIGITS = 2  # of a difference, as the tables show it
FEWEST = 3  # pairs; of two, an interval is wider than any difference here


@dataclass(frozen=True)
class Comparison:
    """Of `score`, `better` is above `worse`; below it where `lower`."""

    score: str
    better: str
    worse: str
    lower: bool = False
    margin: float = 0.0

    def gains(self, values: Values) -> list[float]:
        """Each pair's difference on the claimed side, and the margin."""
        sign = -1 if self.lower else 1
        return [
            sign * difference + self.margin for difference in differences(values, self.better, self.worse, self.score)
        ]


@dataclass(frozen=True)
class Claim:
    """text: in our words. source: where the paper says it."""

    text: str
    source: str
    comparisons: tuple[Comparison, ...]

    def verdict(self, values: Values) -> str:
        """As the worst of its comparisons."""
        found = [verdict(comparison.gains(values)) for comparison in self.comparisons]
        return min(found, key=_ORDER.index)


def verdict(gains: Sequence[float]) -> str:
    """By the rule, of differences that should be above 0."""
    if len(gains) < FEWEST:
        return UNKNOWN
    mean, half = student(gains)
    if round(mean, DIGITS) <= 0:
        return NOT
    return HOLDS if mean - half > 0 else WEAKLY


def _in_both(text: str, source: str, score: str, better: str, worse: str, lower: bool = False) -> tuple[Claim, ...]:
    """The same of each stage."""
    return tuple(
        Claim(f"Stage {stage}: {text}", source, (Comparison(score, f"{stage} {better}", f"{stage} {worse}", lower),))
        for stage in ("I", "II")
    )


STAR, CLASS = HEAT["star"], HEAT["class word"]
SINGLEINSERT = (
    *_in_both(
        "the foreground loss lets go of the picture's background.",
        "table 2, CLIP-I-b",
        "source",
        "foreground",
        "plain",
        lower=True,
    ),  # fmt: skip
    Claim(
        "Stage I: the foreground loss brings a closer likeness.",
        "section 4.3; table 2, CLIP-I-f",
        (Comparison("color", "I foreground", "I plain"),),
    ),
    *_in_both(
        "the background loss lets go of still more of it.",
        "table 2, CLIP-I-b",
        "source",
        "background",
        "foreground",
        lower=True,
    ),  # fmt: skip
    *_in_both("the background loss lets prompts be followed.", "table 2, ESR", "esr", "background", "foreground"),
    *_in_both(
        "foreground and background loss together let prompts be followed.", "table 2, ESR", "esr", "background", "plain"
    ),
    Claim(
        "The semantic loss lets prompts be followed better still.",
        "table 2, ESR",
        (Comparison("esr", "II semantic", "II background"),),
    ),
    Claim(
        "The semantic loss brings a closer likeness as well.",
        "table 2, CLIP-I-f",
        (Comparison("likeness", "II semantic", "II background"),),
    ),
    Claim(
        "Stage II brings a closer likeness than Stage I.",
        "table 1, CLIP-I-f",
        (Comparison("likeness", "II semantic", "I background"),),
    ),
    Claim(
        "Stage II follows prompts hardly less than Stage I (at most 0.05 of ESR less).",
        "table 1, ESR",
        (Comparison("esr", "II semantic", "I background", margin=0.05),),
    ),
    *_in_both("with the background loss, * looks more at the subject.", "figure 5", STAR, "background", "foreground"),
    Claim(
        "While the model is tuned without the semantic loss, the class word's look disperses.",
        "figure 5",
        (Comparison(CLASS, "II background", "I background", lower=True),),
    ),
    Claim(
        "With the semantic loss, the class word looks more at the subject.",
        "figure 5",
        (Comparison(CLASS, "II semantic", "II background"),),
    ),
    Claim("Too little γ: prompts are followed less.", "figure 12", (Comparison("esr", "I background", "gamma 0.1"),)),
    Claim("Too much γ: less likeness.", "figure 12", (Comparison("color", "I background", "gamma 10"),)),
    Claim("Too much η: a little less likeness.", "figure 12", (Comparison("likeness", "II semantic", "eta 10"),)),
    Claim(
        "In as many steps at the same rate, an encoder learns more than a free word.",
        "figure 9",
        (Comparison("likeness", "encoder vit_b32", "encoder none"),),
    ),
    Claim(
        "A CNN in its place is slightly worse.", "table 3", (Comparison("likeness", "encoder vit_b32", "encoder cnn"),)
    ),
    Claim(
        "Without the class word, prompts are followed less.",
        "figure 10",
        (Comparison("esr", "I background", "no class word"),),
    ),
    Claim(
        "Without Stage I, likeness and prompts are balanced worse.",
        "figure 11",
        (Comparison("both", "II semantic", "no Stage I"),),
    ),
    Claim(
        "A cropped picture in place of the losses: prompts are followed less.",
        "figure 14",
        (Comparison("esr", "I background", "I cropped"), Comparison("esr", "II semantic", "II cropped")),
    ),
    Claim(
        "The class embedding kept in place of the semantic loss: prompts are followed less.",
        "figure 13",
        (Comparison("esr", "II semantic", "embedding"),),
    ),
    Claim(
        "Closer likeness than textual inversion and DreamBooth.",
        "table 1, CLIP-I-f",
        tuple(Comparison("likeness", "II semantic", other) for other in ("textual inversion", "dreambooth")),
    ),
    Claim(
        "Prompts followed better than by textual inversion and DreamBooth.",
        "table 1, ESR",
        tuple(Comparison("esr", "II semantic", other) for other in ("textual inversion", "dreambooth")),
    ),
)
EDITING = (
    Claim(
        "The more of the source prompt's steps, the more of the picture is kept.",
        "figures 2 and 9",
        (Comparison("kept", "ratio 0.2", "ratio 0"), Comparison("kept", "ratio 0.4", "ratio 0.2")),
    ),
    Claim(
        "The fewer of them, the more edits are done.",
        "figure 9",
        (Comparison("edit", "ratio 0", "ratio 0.2"), Comparison("edit", "ratio 0.2", "ratio 0.4")),
    ),
    Claim(
        "The larger alpha, the more edits are done, and the less is kept.",
        "section 4",
        (Comparison("edit", "alpha 1", "alpha 0.3"), Comparison("kept", "alpha 0.3", "alpha 1")),
    ),
    Claim("Injection makes better edits.", "figures 2 and 9", (Comparison("best", FULL, NO_INJECTION),)),
    Claim("Text optimisation makes better edits.", "section 4", (Comparison("best", FULL, NO_TEXT),)),
    Claim(
        "Better edits than prompts alone on a null-text or a DDIM inversion.",
        "sections 4 and 5",
        (Comparison("best", FULL, PLAIN_NULL_TEXT), Comparison("best", FULL, PLAIN_DDIM)),
    ),
    Claim("Null-text inversion makes better edits than DDIM.", "figure 7", (Comparison("best", FULL, WITH_DDIM),)),
    Claim(
        "DDIM keeps more and edits less.",
        "figure 7",
        (Comparison("kept", WITH_DDIM, FULL), Comparison("edit", FULL, WITH_DDIM)),
    ),
    Claim(
        "Null-text inversion without a source prompt keeps more.", "figure 7", (Comparison("kept", NO_SOURCE, FULL),)
    ),
    Claim(
        "Better edits than Imagic with finetuning.", "figure 6", tuple(Comparison("best", FULL, name) for name in TUNED)
    ),
    Claim(
        "Longer finetuning keeps more and edits less.",
        "figure 8",
        (Comparison("kept", MANY, FEW), Comparison("edit", FEW, MANY)),
    ),
)
