"""What Mask from Prompt does with detectors and segmenters, inside this process: what is read, kept, freed, encoded,
and never dropped."""

from __future__ import annotations

import gc
import json
import weakref

import pytest
import torch

from single_image_studio.masking.interfaces import Detection
from single_image_studio.masking.sam import Sam
from single_image_studio.support.errors import InputError

from ..helpers.masking import HEART, pictures, settings


class Scripted:
    """A detector that finds what a list says, picture by picture."""

    usual_threshold = 0.3

    def __init__(self, script: list[list[Detection]]) -> None:
        self.net = torch.nn.Linear(1, 1)
        self.script = iter(script)

    def use_half(self, half) -> None:
        pass

    def detect(self, picture, prompt, box_threshold, text_threshold):
        return next(self.script)

    def best_score(self) -> float:
        return 0.125


def script(mask_pipeline, monkeypatch: pytest.MonkeyPatch, *detections: list[Detection]) -> None:
    monkeypatch.setattr(mask_pipeline.DETECTORS, "load", lambda _: Scripted(list(detections)))


SMALL = Detection((2.0, 2.0, 12.0, 12.0), 0.95, "heart", "heart")


def encodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    count: list[int] = []
    real = Sam.encode

    def encode(self, picture):  # type: ignore[no-untyped-def]
        count.append(1)
        return real(self, picture)

    monkeypatch.setattr(Sam, "encode", encode)
    return count


def test_a_new_prompt_encodes_nothing(mask_pipeline, monkeypatch) -> None:
    count = encodings(monkeypatch)
    first = mask_pipeline.mask_from_prompt(pictures(2), settings())
    assert len(count) == 2 and first.masks.shape == (2, 48, 64) and first.overlays.shape == (2, 48, 64, 3)
    mask_pipeline.mask_from_prompt(pictures(2), settings(prompt="hat . shoe", select="all"))
    assert len(count) == 2
    again = mask_pipeline.mask_from_prompt(pictures(2), settings())
    assert len(count) == 2 and torch.equal(again.masks, first.masks)
    mask_pipeline.mask_from_prompt(pictures(2), settings(segmenter="small_sam.pth"))
    assert len(count) == 4  # another file sees for itself


def test_models_are_kept_or_freed_as_asked(mask_pipeline) -> None:
    mask_pipeline.mask_from_prompt(pictures(), settings(keep_loaded=True))
    slots = [mask_pipeline._detector, mask_pipeline._segmenter]
    kept = [slot.model for slot in slots]
    mask_pipeline.mask_from_prompt(pictures(seed=1), settings(keep_loaded=True))
    assert all(slot.model is model for slot, model in zip(slots, kept))
    nets = [weakref.ref(model.net) for model in kept]
    kept.clear()
    mask_pipeline.mask_from_prompt(pictures(), settings())
    gc.collect()
    assert [net() for net in nets] == [None, None]


def test_the_detector_is_gone_before_the_segmenter_comes(mask_pipeline, monkeypatch) -> None:
    alive: list[object] = []
    nets: list[weakref.ref[object]] = []
    load, load_next = mask_pipeline.DETECTORS.load, mask_pipeline.SEGMENTERS.load

    def detector(*args):  # type: ignore[no-untyped-def]
        model = load(*args)
        nets.append(weakref.ref(model.net))
        return model

    def segmenter(*args):  # type: ignore[no-untyped-def]
        gc.collect()
        alive.extend(net() for net in nets)
        return load_next(*args)

    monkeypatch.setattr(mask_pipeline.DETECTORS, "load", detector)
    monkeypatch.setattr(mask_pipeline.SEGMENTERS, "load", segmenter)
    mask_pipeline.mask_from_prompt(pictures(), settings())
    assert alive == [None]


def test_a_cancel_frees_everything_and_the_next_run_works(mask_pipeline, monkeypatch) -> None:
    import comfy.model_management as manager

    manager.interrupt_current_processing()
    with pytest.raises(manager.InterruptProcessingException):
        mask_pipeline.mask_from_prompt(pictures(), settings())
    manager.interrupt_current_processing(False)
    assert mask_pipeline._detector.model is None
    assert mask_pipeline.mask_from_prompt(pictures(), settings()).masks.shape == (1, 48, 64)


def test_a_cancel_ends_the_loading_of_a_file(mask_pipeline, monkeypatch) -> None:
    import comfy.model_management as manager

    read: list[str] = []
    table = type(mask_pipeline.DETECTORS.table)

    def load(self, path, package, watch):  # type: ignore[no-untyped-def]
        read.append(path.name)
        manager.interrupt_current_processing()
        watch()
        pytest.fail("went on")

    monkeypatch.setattr(table, "load", load)
    with pytest.raises(manager.InterruptProcessingException):
        mask_pipeline.mask_from_prompt(pictures(), settings())
    manager.interrupt_current_processing(False)
    assert read == ["small_dino"] and mask_pipeline._detector.model is None


@pytest.mark.parametrize("on_missing, level", [("empty", 0.0), ("full", 1.0)])
def test_pictures_in_which_nothing_is_found_keep_their_place(
    mask_pipeline, monkeypatch, on_missing: str, level: float
) -> None:
    script(mask_pipeline, monkeypatch, [], [HEART], [])
    result = mask_pipeline.mask_from_prompt(pictures(3), settings(on_missing=on_missing, grow=2, feather=3))
    assert result.masks.shape == (3, 48, 64) and (result.masks[0] == level).all() and (result.masks[2] == level).all()
    images = json.loads(result.report)["images"]
    assert [image["missing"] for image in images] == [True, False, True] and images[0]["mask_share"] == level


def test_nothing_found_at_all_loads_no_segmenter(mask_pipeline, monkeypatch) -> None:
    script(mask_pipeline, monkeypatch, [], [])
    monkeypatch.setattr(mask_pipeline.SEGMENTERS, "load", lambda *_: pytest.fail("loaded"))
    assert mask_pipeline.mask_from_prompt(pictures(2), settings(on_missing="full")).masks.min() == 1


def test_an_error_names_the_picture_and_the_best_score(mask_pipeline, monkeypatch) -> None:
    script(mask_pipeline, monkeypatch, [HEART], [])
    with pytest.raises(
        InputError,
        match=r"no heart nor hat was found in picture 2 of 2: the best score was 0\.12 and `box_threshold` is 0\.30",
    ):
        mask_pipeline.mask_from_prompt(pictures(2), settings(prompt="heart . hat", box_threshold=0.3))
    assert mask_pipeline._detector.model is None


@pytest.mark.parametrize(
    "threshold, advice",
    [
        (0.2, "; lower `box_threshold`, use another word, or paint the mask instead."),
        (0.3, "; use another word, or paint the mask instead."),  # 0.12 is what anything scores
    ],
)
def test_the_advice_fits_the_score(mask_pipeline, monkeypatch, threshold: float, advice: str) -> None:
    script(mask_pipeline, monkeypatch, [])
    with pytest.raises(InputError) as error:
        mask_pipeline.mask_from_prompt(pictures(), settings(box_threshold=threshold))
    assert str(error.value).endswith(f"`box_threshold` is {threshold:.2f}{advice}")


def test_the_advice_fits_the_detector(mask_pipeline, monkeypatch) -> None:
    """0.12 is much for one whose finds score 0.1, and the widget's 0.3 is too high for it."""
    script(mask_pipeline, monkeypatch, [])
    monkeypatch.setattr(Scripted, "usual_threshold", 0.1)
    with pytest.raises(InputError, match="`box_threshold` is 0.30; lower `box_threshold`, use another word"):
        mask_pipeline.mask_from_prompt(pictures(), settings(box_threshold=0.3))


@pytest.mark.parametrize("select, chosen", [("best", [SMALL]), ("largest", [HEART]), ("all", [SMALL, HEART])])
def test_the_report_says_what_is_selected(mask_pipeline, monkeypatch, select: str, chosen: list[Detection]) -> None:
    script(mask_pipeline, monkeypatch, [SMALL, HEART])
    (image,) = json.loads(mask_pipeline.mask_from_prompt(pictures(), settings(select=select)).report)["images"]
    assert [d["score"] for d in image["detections"]] == [0.95, 0.9]
    assert [d["box"] for d in image["detections"] if d["selected"]] == [list(d.box) for d in chosen]


def test_grow_and_feather_are_applied_to_the_mask(mask_pipeline, monkeypatch) -> None:
    def masks(**changes):  # type: ignore[no-untyped-def]
        script(mask_pipeline, monkeypatch, [HEART])
        monkeypatch.setattr(
            mask_pipeline, "union", lambda *_: torch.nn.functional.pad(torch.ones(4, 4), (30, 30, 22, 22))
        )
        return mask_pipeline.mask_from_prompt(pictures(), settings(**changes)).masks[0]

    assert masks().sum() == 16 and masks(grow=1).sum() == 32 and masks(grow=-1).sum() == 4
    soft = masks(feather=4)
    assert 0 < float(soft[24, 28]) < float(soft[24, 31]) < 1 and soft.sum() == pytest.approx(16, rel=1e-3)


def test_no_picture_is_refused(mask_pipeline) -> None:
    for shape in ((0, 8, 8, 3), (1, 0, 8, 3), (8, 8, 3)):
        with pytest.raises(InputError, match="`image` holds no picture"):
            mask_pipeline.mask_from_prompt(torch.zeros(shape), settings())


def test_numbers_that_are_not_finite_are_named(mask_pipeline, monkeypatch) -> None:
    with pytest.raises(InputError, match="`image` holds numbers that are not finite"):
        mask_pipeline.mask_from_prompt(pictures() * torch.nan, settings())
    for choices, name in ((mask_pipeline.SEGMENTERS, "segmenter"), (mask_pipeline.DETECTORS, "detector")):
        load = choices.load

        def broken(choice, load=load):  # type: ignore[no-untyped-def]
            model = load(choice)
            for weight in model.net.parameters():
                weight.data.fill_(torch.nan)
            return model

        monkeypatch.setattr(choices, "load", broken)
        with pytest.raises(InputError, match=f"^`{name}` gives numbers that are not finite"):
            mask_pipeline.mask_from_prompt(pictures(), settings(on_missing="empty"))
    assert len(mask_pipeline._embeddings) == 0


@pytest.mark.parametrize(
    "values, words",
    [
        ({"box_threshold": -0.1}, "`box_threshold` is -0.1"),
        ({"text_threshold": float("nan")}, "`text_threshold` is nan"),
        ({"select": "first"}, "`select` is 'first'; expected one of best, all, largest"),
        ({"on_missing": "skip"}, "`on_missing` is 'skip'; expected one of error, empty, full"),
        ({"grow": 513}, "`grow` is 513; it must be a whole number, from -512 to 512"),
        ({"feather": -1}, "`feather` is -1"),
        ({"negative": "hair\ud800"}, "`negative` holds half of a character"),
        ({"negative": 3}, "`negative` is 3; it must be a text"),
        ({"picked": 3}, "`picked` is 3; it must be a text"),
    ],
)
def test_settings_that_do_not_fit_are_refused(host, values, words: str) -> None:
    with pytest.raises(InputError, match=words):
        settings(**values)
