"""What Mask from Prompt does with detectors and segmenters, inside this process: what is read, kept, freed, encoded,
and never dropped."""

from __future__ import annotations

import gc
import json
import pathlib
import weakref

import pytest
import torch

from lab.measuring import masking_weights
from single_image_studio.masking.interfaces import Detection
from single_image_studio.support.errors import InputError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("models")
    masking_weights.make_small(folder)
    return folder


@pytest.fixture
def finding(host, weights, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """`nodes.finding` with small random-weight models in the host's folders, and nothing kept from other tests."""
    import folder_paths

    folders = {kind: ([str(weights / kind)], {".pth"}) for kind in ("grounding-dino", "sams")}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths) | folders)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    from single_image_studio.pipelines import finding

    monkeypatch.setattr(finding, "_kept", {kind: finding._Kept() for kind in ("detector", "segmenter")})
    monkeypatch.setattr(finding, "_embeddings", finding.Embeddings())
    return finding


def wanted(finding, **changes):  # type: ignore[no-untyped-def]
    values = {
        "prompt": "heart",
        "detector": "small_dino",
        "segmenter": "small_sam",
        "box_threshold": 0.0,
        "text_threshold": 0.0,
        "select": "best",
        "on_missing": "error",
        "grow": 0,
        "feather": 0,
    }
    return finding.Wanted(**(values | changes))


def pictures(count: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 48, 64, 3, generator=torch.Generator().manual_seed(seed))


class Scripted:
    """A detector that finds what a list says, picture by picture."""

    def __init__(self, script: list[list[Detection]]) -> None:
        self.net = torch.nn.Linear(1, 1)
        self.script = iter(script)

    def detect(self, picture, prompt, box_threshold, text_threshold):
        return next(self.script)

    def best_score(self) -> float:
        return 0.125


def script(finding, monkeypatch: pytest.MonkeyPatch, *found: list[Detection]) -> None:
    monkeypatch.setattr(finding, "_load_detector", lambda *_: Scripted(list(found)))


HEART = Detection((8.0, 8.0, 40.0, 40.0), 0.9, "heart", "heart")
SMALL = Detection((2.0, 2.0, 12.0, 12.0), 0.95, "heart", "heart")


def encodings(finding, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    count: list[int] = []
    real = finding.Sam.encode

    def encode(self, picture):  # type: ignore[no-untyped-def]
        count.append(1)
        return real(self, picture)

    monkeypatch.setattr(finding.Sam, "encode", encode)
    return count


def test_a_new_prompt_encodes_nothing(finding, monkeypatch) -> None:
    count = encodings(finding, monkeypatch)
    first = finding.find(pictures(2), wanted(finding), keep_loaded=False, node=None)
    assert len(count) == 2 and first.masks.shape == (2, 48, 64) and first.overlays.shape == (2, 48, 64, 3)
    finding.find(pictures(2), wanted(finding, prompt="hat . shoe", select="all"), keep_loaded=False, node=None)
    assert len(count) == 2
    again = finding.find(pictures(2), wanted(finding), keep_loaded=False, node=None)
    assert len(count) == 2 and torch.equal(again.masks, first.masks)
    finding.find(pictures(2), wanted(finding, segmenter="small_sam.pth"), keep_loaded=False, node=None)
    assert len(count) == 4  # another file sees for itself


def test_models_are_kept_or_freed_as_asked(finding) -> None:
    finding.find(pictures(), wanted(finding), keep_loaded=True, node=None)
    kept = {kind: finding._kept[kind].model for kind in finding._kept}
    finding.find(pictures(seed=1), wanted(finding), keep_loaded=True, node=None)
    assert all(finding._kept[kind].model is model for kind, model in kept.items())
    nets = [weakref.ref(model.net) for model in kept.values()]
    kept.clear()
    finding.find(pictures(), wanted(finding), keep_loaded=False, node=None)
    gc.collect()
    assert [net() for net in nets] == [None, None]


def test_the_detector_is_gone_before_the_segmenter_comes(finding, monkeypatch) -> None:
    alive: list[object] = []
    nets: list[weakref.ref[object]] = []
    load, load_next = finding._load_detector, finding._load_segmenter

    def detector(*args):  # type: ignore[no-untyped-def]
        found = load(*args)
        nets.append(weakref.ref(found.net))
        return found

    def segmenter(*args):  # type: ignore[no-untyped-def]
        gc.collect()
        alive.extend(net() for net in nets)
        return load_next(*args)

    monkeypatch.setattr(finding, "_load_detector", detector)
    monkeypatch.setattr(finding, "_load_segmenter", segmenter)
    finding.find(pictures(), wanted(finding), keep_loaded=False, node=None)
    assert alive == [None]


def test_a_cancel_frees_everything_and_the_next_run_works(finding, monkeypatch) -> None:
    import comfy.model_management as manager

    manager.interrupt_current_processing()
    with pytest.raises(manager.InterruptProcessingException):
        finding.find(pictures(), wanted(finding), keep_loaded=False, node=None)
    manager.interrupt_current_processing(False)
    assert finding._kept["detector"].model is None
    assert finding.find(pictures(), wanted(finding), keep_loaded=False, node=None).masks.shape == (1, 48, 64)


@pytest.mark.parametrize("on_missing, level", [("empty", 0.0), ("full", 1.0)])
def test_pictures_without_a_find_keep_their_place(finding, monkeypatch, on_missing: str, level: float) -> None:
    script(finding, monkeypatch, [], [HEART], [])
    found = finding.find(
        pictures(3), wanted(finding, on_missing=on_missing, grow=2, feather=3), keep_loaded=False, node=None
    )
    assert found.masks.shape == (3, 48, 64) and (found.masks[0] == level).all() and (found.masks[2] == level).all()
    told = json.loads(found.report)["images"]
    assert [image["missing"] for image in told] == [True, False, True] and told[0]["mask_share"] == level


def test_nothing_found_at_all_loads_no_segmenter(finding, monkeypatch) -> None:
    script(finding, monkeypatch, [], [])
    monkeypatch.setattr(finding, "_load_segmenter", lambda *_: pytest.fail("loaded"))
    assert finding.find(pictures(2), wanted(finding, on_missing="full"), keep_loaded=False, node=None).masks.min() == 1


def test_an_error_names_the_picture_and_the_best_score(finding, monkeypatch) -> None:
    script(finding, monkeypatch, [HEART], [])
    with pytest.raises(
        InputError,
        match=r"no heart nor hat was found in picture 2 of 2: the best score was 0\.12 and `box_threshold` is 0\.30",
    ):
        finding.find(
            pictures(2), wanted(finding, prompt="heart . hat", box_threshold=0.3), keep_loaded=False, node=None
        )
    assert finding._kept["detector"].model is None


@pytest.mark.parametrize("select, chosen", [("best", [SMALL]), ("largest", [HEART]), ("all", [SMALL, HEART])])
def test_what_is_selected_is_told(finding, monkeypatch, select: str, chosen: list[Detection]) -> None:
    script(finding, monkeypatch, [SMALL, HEART])
    (image,) = json.loads(
        finding.find(pictures(), wanted(finding, select=select), keep_loaded=False, node=None).report
    )["images"]
    assert [d["score"] for d in image["detections"]] == [0.95, 0.9]
    assert [d["box"] for d in image["detections"] if d["selected"]] == [list(d.box) for d in chosen]


def test_grow_and_feather_are_applied_to_what_was_found(finding, monkeypatch) -> None:
    def masks(**changes):  # type: ignore[no-untyped-def]
        script(finding, monkeypatch, [HEART])
        monkeypatch.setattr(finding, "joined", lambda *_: torch.nn.functional.pad(torch.ones(4, 4), (30, 30, 22, 22)))
        return finding.find(pictures(), wanted(finding, **changes), keep_loaded=False, node=None).masks[0]

    assert masks().sum() == 16 and masks(grow=1).sum() == 32 and masks(grow=-1).sum() == 4
    soft = masks(feather=4)
    assert 0 < float(soft[24, 28]) < float(soft[24, 31]) < 1 and soft.sum() == pytest.approx(16, rel=1e-3)


def test_no_picture_is_refused(finding) -> None:
    for shape in ((0, 8, 8, 3), (1, 0, 8, 3), (8, 8, 3)):
        with pytest.raises(InputError, match="`image` holds no picture"):
            finding.find(torch.zeros(shape), wanted(finding), keep_loaded=False, node=None)
