"""What is compared of SingleInsert: one row of the tables a way of learning a concept.

Each is named, with what it is learned from, in one place; the queue, the tables, the claims and the tests read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..learning import VARIANTS, Training, Variant

PACE = Training(steps1=20, steps2=20, rate1=3e-2, rate2=1.05e-2)
FALLING = {"timesteps": "stratified", "rate_schedule": "cosine"}
"""With these, half of the demo's usual 40 + 40 steps learn enough to tell the rows apart."""
NODES = Training(steps1=50, batch1=16, rate1=1e-4, steps2=100, batch2=4, rate2=5e-5, encoder="vit_b32")
"""What the nodes have by default: the paper's."""
PRIOR, FULL1, FULL2 = "prior", "I background", "II semantic"
SLOW = 1e-4  # the paper's learning rate of Stage I, at which its encoders are compared


@dataclass(frozen=True)
class Row:
    """One way of learning.

    label: in the tables. tables: which of them have it. way: how it is taught, a key of `lessons.WAYS`; "" for nothing.
    variant: its losses. training: steps, batches and rates. pace: how timesteps are drawn and the rate falls.
    starts_from: Stage II's row of Stage I.
    every, first: it takes the concepts first, first + every, … heat: where its words look is measured too.
    """

    label: str
    tables: tuple[str, ...]
    way: str = "pack"
    variant: Variant = field(default_factory=lambda: Variant("", 1))
    training: Training = PACE
    pace: Mapping[str, str] = field(default_factory=lambda: FALLING)
    starts_from: str = ""
    every: int = 1
    first: int = 0
    heat: bool = False

    def takes(self, index: int) -> bool:
        return index % self.every == self.first


def _losses() -> dict[str, Row]:
    """The paper's table 2. Its stages come in order, so that each finds what it starts from."""
    more = {
        FULL1: ("gamma", "stages", "words", "encoders", "baselines"),
        FULL2: ("eta", "words", "stages", "baselines"),
    }
    return {
        key: Row(
            f"Stage {key.split()[0]}, {variant.label}",
            ("losses", *more.get(key, {"I foreground": ("gamma",), "II background": ("eta",)}.get(key, ()))),
            variant=variant,
            starts_from=variant.starts_from,
            heat=True,
        )
        for key, variant in VARIANTS.items()
    }


def _weights() -> dict[str, Row]:
    """The paper's figure 12: gamma in Stage I, eta in Stage II; 0 and 1 are rows of the losses."""
    rows = {}
    for weight in (0.1, 10.0):
        variant = Variant(f"γ = {weight:g}", 1, background=weight)
        rows[f"gamma {weight:g}"] = Row(f"Stage I, {variant.label}", ("gamma",), variant=variant)
    for weight in (0.1, 10.0):
        variant = Variant(f"η = {weight:g}", 2, background=1.0, semantic=weight)
        rows[f"eta {weight:g}"] = Row(f"Stage II, {variant.label}", ("eta",), variant=variant, starts_from=FULL1)
    return rows


def _slow(encoder: str) -> Training:
    return replace(PACE, encoder=encoder, rate1=SLOW)


def _encoders() -> dict[str, Row]:
    """The paper's figure 9 and table 3: the same steps, batch and rate with ViT, CNN and none."""
    one = VARIANTS[FULL1]
    names = {"vit_b32": "ViT-B/32", "cnn": "CNN", "none": "no encoder"}
    return {
        f"encoder {kind}": Row(
            f"Stage I, {name}, rate {SLOW:g}", ("encoders",), variant=one, training=_slow(kind), pace={}
        )
        for kind, name in names.items()
    }


def _others() -> dict[str, Row]:
    """The paper's figures 10, 11, 13 and 14, and its baselines."""
    whole, full2 = Variant("whole picture", 1, whole=True), VARIANTS[FULL2]
    cropped = Variant("cropped picture, plain", 1, whole=True, cropped=True)
    cropped2 = Variant("cropped picture, plain", 2, whole=True, cropped=True)
    long = replace(PACE, steps1=PACE.steps1 + PACE.steps2, steps2=PACE.steps1 + PACE.steps2)
    return {
        "no class word": Row("Stage I, without the class word", ("words",), "no class word", VARIANTS[FULL1]),
        "no Stage I": Row("Stage II alone, as many steps as both", ("stages",), "no Stage I", full2, long),
        "I cropped": Row("Stage I, cropped picture, plain", ("words",), variant=cropped),
        "II cropped": Row("Stage II, cropped picture, plain", ("words",), variant=cropped2, starts_from="I cropped"),
        "embedding": Row(
            "Stage II, class embedding kept in place of the semantic loss",
            ("eta",),
            "class embedding",
            VARIANTS["II background"],
            starts_from=FULL1,
        ),
        "textual inversion": Row("textual inversion", ("baselines",), "textual inversion", whole, long),
        "dreambooth": Row("DreamBooth-style LoRA, no mask", ("baselines",), "dreambooth", whole, long),
        "core": Row("core's Train LoRA, half as many steps", ("baselines",), "core", whole),
    }


def _nodes() -> dict[str, Row]:
    """The nodes' defaults, which are the paper's for SD 1.5."""
    one = Row(
        "Stage I, the nodes' defaults",
        ("defaults",),
        variant=VARIANTS[FULL1],
        training=NODES,
        pace={},
        every=4,
        first=3,
    )
    two = Row(
        "Stage II, the nodes' defaults",
        ("defaults",),
        variant=VARIANTS[FULL2],
        training=NODES,
        pace={},
        starts_from="I nodes",
        every=4,
        first=3,
    )
    return {"I nodes": one, "II nodes": two}


ALL_TABLES = ("losses", "gamma", "eta", "encoders", "words", "stages", "baselines", "defaults")
ROWS: dict[str, Row] = {
    PRIOR: Row("class word alone", ALL_TABLES, way=""),
    **_losses(),
    **_weights(),
    **_others(),
    **_encoders(),
    **_nodes(),
}
