"""All that computes, on a pretended card: the numbers of the CPU, results on the CPU as the host wants them, and the
stock picture the same to the bit afterwards.

The long form has every group of work on every card: SIS_ALL_CARDS=1 python dev.py test host -k pretended
With SIS_CARD_LINES=FILE it also writes what passed, for lab/measuring/pretended_cards.py to make a table of.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from lab.measuring.pretended_cards import NEAR, NEAR_IN_BF16, TINY

from ..helpers import (
    card_groups,  # noqa: F401, which fills GROUPS
    metrics,
)
from ..helpers.card_work import GROUPS, Found, Wires, loaded, node_classes, tensors_of
from ..helpers.pretend import FP8, Card, Mixed, OnCard

SMALL = 0.02 * 2**30  # bytes: less than the demo model
FP16, BF16 = torch.float16, torch.bfloat16
CARDS = {"fp32": Card(), "fp16, low VRAM": Card(half=FP16, vram="LOW", memory=SMALL)}
MORE = {
    "fp32, low VRAM": Card(vram="LOW", memory=SMALL),
    "fp32, no VRAM": Card(vram="NO", memory=SMALL),
    "fp16, no VRAM, CLIP on the CPU": Card(half=FP16, vram="NO", memory=SMALL, on_cpu=("clip",)),
    "fp32, fp8 weights": Card(fp8=True),
    "fp16, fp8 weights, low VRAM": Card(half=FP16, fp8=True, vram="LOW", memory=SMALL),
    "fp32, CLIP and VAE on the CPU": Card(on_cpu=("clip", "vae")),
    "bf16, CLIP and VAE on the CPU": Card(half=BF16, on_cpu=("clip", "vae")),
    "bf16, low VRAM": Card(half=BF16, vram="LOW", memory=SMALL),
    "fp16": Card(half=FP16),
}
LONG = bool(os.environ.get("SIS_ALL_CARDS"))
if LONG:
    CARDS |= MORE
ALWAYS = [name for name, group in GROUPS.items() if LONG or not group.long]
IN_HALF = ALWAYS if LONG else [name for name in ALWAYS if name.startswith(("training", "text", "masks"))]
CELLS = [(card, group) for card in CARDS for group in (IN_HALF if CARDS[card].half else ALWAYS)]
GO_ON_FROM = [
    name
    for name in GROUPS
    if name.startswith(("training: both", "inversion: null", "text", *(["training: image"] if LONG else [])))
]


@pytest.fixture(scope="module")
def files(host: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The pack's folders, with small networks that measure pictures."""
    from lab.measuring import metric_weights
    from single_image_studio.host import folders, model_files

    folder = tmp_path_factory.mktemp("measuring")
    metric_weights.make_small(folder)
    with pytest.MonkeyPatch.context() as patch:
        metrics.put_in_host_folders(folder, patch)
        folders.register()
        model_files.register()
        yield


class OnTheCpu:
    """What groups find on the CPU, with weights as they are or in fp8; each is computed when it is first asked for."""

    def __init__(self) -> None:
        self.wires: dict[bool, Wires] = {}
        self.found: dict[tuple[str, bool], Found] = {}

    def get(self, name: str, fp8: bool = False) -> Found:
        import comfy.model_management as manager

        if (name, fp8) not in self.found:
            with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
                for part in FP8:
                    patch.setattr(manager.args, part, fp8)
                if fp8 not in self.wires:
                    self.wires[fp8] = loaded("cpu8" if fp8 else "cpu", self.made() if fp8 else {})
                self.found[name, fp8] = GROUPS[name].run(self.wires[fp8])
                if not fp8 and name in GO_ON_FROM:
                    self.wires[fp8].made.update(self.found[name, fp8])
        return self.found[name, fp8]

    def made(self) -> Found:
        """What groups go on from, made with weights as they are."""
        for name in GO_ON_FROM:
            self.get(name)
        return self.wires[False].made


@pytest.fixture(scope="module")
def on_the_cpu(files: None) -> OnTheCpu:
    return OnTheCpu()


@dataclass(frozen=True)
class Session:
    """A card, the checkpoint loaded for it, and the first picture."""

    name: str
    card: Card
    wires: Wires
    stock: Tensor


@pytest.fixture(scope="module")
def on_a_card(request: pytest.FixtureRequest, on_the_cpu: OnTheCpu) -> Iterator[Session]:
    card, made = CARDS[request.param], on_the_cpu.made()
    with card.plugged_in(), torch.no_grad():
        wires = loaded("".join(filter(str.isalnum, request.param)), made)
        picture = wires.stock()
    yield Session(request.param, card, wires, picture)
    card.models.clear()


@pytest.mark.parametrize(
    ("on_a_card", "group"), CELLS, indirect=["on_a_card"], ids=lambda name: name.replace(", ", "-").replace(" ", "_")
)
def test_on_a_pretended_card(
    group: str,
    on_a_card: Session,
    on_the_cpu: OnTheCpu,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from single_image_studio.concept import trainer
    from single_image_studio.host import networks

    card, wires = on_a_card.card, on_a_card.wires
    monkeypatch.setattr(trainer, "WORTH_MOVING", 1)  # a word's moments leave a card that is too small, as a ViT's do
    monkeypatch.setattr(networks, "half_precision", lambda: card.half)  # which knows the card's kind by its name
    wanted = on_the_cpu.get(group, card.fp8)
    with told(on_a_card.name, group) as apart:
        with card.plugged_in(), torch.no_grad(), caplog.at_level(logging.INFO):
            found = GROUPS[group].run(wires)
            assert torch.equal(wires.stock(), on_a_card.stock)
        assert not [record.message for record in caplog.records if record.exc_info]  # such as a preview
        for what, result in found.items():
            apart.append(check(what, list(tensors_of(result)), list(tensors_of(wanted[what])), card))


def check(what: str, mine: list[Tensor], theirs: list[Tensor], card: Card) -> float:
    """Returns how far they are from each other, at most, as a share of their size."""
    assert not [value for value in mine if isinstance(value, OnCard)], f"{what} is left on the card"
    assert [value.shape for value in mine] == [value.shape for value in theirs], what
    broken = [tuple(value.shape) for value in mine if not torch.isfinite(value).all()]
    assert not broken, f"{what}: {broken}"
    most = 0.0
    for value, expected in zip(mine, theirs, strict=True):
        apart = (value.double() - expected.double()).abs()
        most = max(most, float(apart.mean() / expected.double().abs().mean().clamp(min=TINY)))
        if card.half is None and card.vram == "NORMAL":
            assert torch.allclose(value.float(), expected.float(), atol=1e-4), what
    assert most < (NEAR_IN_BF16 if card.half is BF16 else NEAR), what
    return most


@contextlib.contextmanager
def told(card: str, group: str) -> Iterator[list[float]]:
    """Writes whether a group passed on a card, and the largest of the numbers that it gave, if a file is named."""
    from comfyui_version import __version__

    apart: list[float] = []
    failed = ""
    try:
        yield apart
    except BaseException as error:
        failed = f"{type(error).__name__}: {error}"[:300]
        raise
    finally:
        if path := os.environ.get("SIS_CARD_LINES"):
            versions = f"ComfyUI {__version__}, torch {torch.__version__}"
            line = {"date": datetime.date.today().isoformat(), "versions": versions, "card": card, "group": group,
                    "failed": failed, "apart": max(apart, default=0.0)}  # fmt: skip
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


WITHOUT_A_DEVICE = {
    "SIS_EditingPrompts": "texts alone",
    "SIS_ScoringSheet": "writes pictures that are on wires, and so on the CPU, into a page",
}


def test_every_node_is_tried(on_the_cpu: OnTheCpu) -> None:
    on_the_cpu.made()
    for name in ALWAYS:
        on_the_cpu.get(name)
    assert on_the_cpu.wires[False].nodes | set(WITHOUT_A_DEVICE) == set(node_classes())


def test_the_card_refuses_what_a_card_refuses() -> None:
    with only_its_tensors(), torch.no_grad():
        here, there = torch.ones(3, device="meta"), torch.ones(3)
        assert isinstance(here, OnCard) and (here * 2).tolist() == [2.0, 2.0, 2.0]
        with pytest.raises(Mixed):
            here + there
        with pytest.raises(Mixed):
            there[here.long()]
        assert torch.equal((here + there.to(here.device)).cpu(), torch.full((3,), 2.0))
        assert here.view(1, 3)[..., [0, 2]].tolist() == [[1.0, 1.0]]


@contextlib.contextmanager
def only_its_tensors() -> Iterator[None]:
    from ..helpers.pretend import _Making, _Operations

    with _Operations(), _Making():
        yield
