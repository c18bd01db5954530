"""Words, boxes, points, rough masks and negative words in one mask, with a detector and a segmenter that do as they are
told."""

from __future__ import annotations

import json

import pytest
import torch

from single_image_studio.masking.hints import HintWires
from single_image_studio.masking.interfaces import Detection, Embedding
from single_image_studio.support import warnings
from single_image_studio.support.errors import InputError

from ..helpers.masking import HEART, pictures, settings

HAIR = Detection((8.0, 8.0, 40.0, 12.0), 0.8, "hair", "hair")
BOX = {"x": 50, "y": 4, "width": 6, "height": 10}
CLICK = '[{"x": 52, "y": 40}]'


class Knows:
    """A detector that knows where each phrase is. asked: what it was."""

    usual_threshold = 0.3

    def __init__(self, **where: Detection) -> None:
        self.net, self.where, self.asked = torch.nn.Linear(1, 1), where, []

    def use_half(self, half) -> None:
        pass

    def detect(self, picture, prompt, box_threshold, text_threshold):
        self.asked.append(prompt.phrases)
        return [self.where[phrase] for phrase in prompt.phrases if phrase in self.where]

    def best_score(self) -> float:
        return 0.125


class Plain:
    """A segmenter whose mask is the box, and of points the 3×3 pixels around each, without those around points off
    it."""

    def __init__(self) -> None:
        self.net, self.encoded = torch.nn.Linear(1, 1), 0

    def use_half(self, half) -> None:
        pass

    def encode(self, picture):
        self.encoded += 1
        return Embedding(torch.zeros(1), picture.shape[:2], picture.shape[:2])

    def masks(self, embedding, things):
        out = torch.full((len(things), *embedding.size), -1.0)
        for mask, thing in zip(out, things):
            for x0, y0, x1, y1 in [thing.box] if thing.box else []:
                mask[int(y0) : int(y1), int(x0) : int(x1)] = 1
            for x, y, on in sorted(thing.points, key=lambda point: not point[2]):
                mask[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 1 if on else -1
        return out


@pytest.fixture
def models(mask_pipeline, monkeypatch):  # type: ignore[no-untyped-def]
    detector, segmenter = Knows(heart=HEART, hair=HAIR), Plain()
    monkeypatch.setattr(mask_pipeline.DETECTORS, "load", lambda _: detector)
    monkeypatch.setattr(mask_pipeline.SEGMENTERS, "load", lambda _: segmenter)
    return mask_pipeline, detector, segmenter


def run(models, count: int = 1, hints: dict | None = None, **changes):  # type: ignore[no-untyped-def]
    module, detector, _ = models
    detector.asked.clear()
    with warnings.collecting("test") as warned:
        result = module.mask_from_prompt(pictures(count), settings(**changes), hints=HintWires(**(hints or {})))
    return result, [each.id for each in warned]


def rectangle(x0: int, y0: int, x1: int, y1: int) -> torch.Tensor:
    out = torch.zeros(48, 64)
    out[y0:y1, x0:x1] = 1
    return out


BOXED, CLICKED, FOUND = rectangle(50, 4, 56, 14), rectangle(51, 39, 54, 42), rectangle(8, 8, 40, 40)


@pytest.mark.parametrize(
    "prompt, hints, wanted",
    [
        ("", {"boxes": BOX}, BOXED),
        (" . ", {"points": CLICK}, CLICKED),
        ("", {"mask": rectangle(20, 20, 30, 30)}, rectangle(20, 20, 30, 30)),
        ("", {"boxes": BOX, "points": CLICK}, BOXED + CLICKED),
        ("heart", {"boxes": BOX}, FOUND + BOXED),
        ("heart", {"points": CLICK}, FOUND + CLICKED),
        ("heart", {"negative_points": "[[20, 20]]"}, FOUND - rectangle(19, 19, 22, 22)),
        ("heart", {"boxes": BOX, "points": CLICK, "mask": rectangle(0, 44, 9, 48)},
         FOUND + BOXED + CLICKED + rectangle(0, 44, 9, 48)),
    ],
)  # fmt: skip
def test_words_boxes_points_and_masks_alone_and_together(models, prompt: str, hints, wanted: torch.Tensor) -> None:
    result, _ = run(models, prompt=prompt, hints=hints)
    assert torch.equal(result.masks[0], wanted)
    assert bool(models[1].asked) == (prompt == "heart")  # without words there is nothing to detect
    (image,) = json.loads(result.report)["images"]
    assert not image["missing"] and all(detection["selected"] for detection in image["detections"])
    assert len(image["detections"]) == len(result.boxes[0]) == len(result.segs[0][1])
    joined = torch.zeros(48, 64)
    for seg in result.segs[0][1]:
        x0, y0, x1, y1 = seg.crop_region
        joined[y0:y1, x0:x1] = torch.maximum(joined[y0:y1, x0:x1], torch.from_numpy(seg.cropped_mask))
    assert torch.equal(joined, wanted) and result.segs[0][0] == (48, 64)


def test_the_report_names_hints_and_boxes_come_as_the_host_has_them(models) -> None:
    result, _ = run(models, prompt="heart", hints={"boxes": BOX, "points": CLICK})
    (image,) = json.loads(result.report)["images"]
    assert [(d["phrase"], d["label"], d["box"]) for d in image["detections"]] == [
        ("heart", "heart", [8, 8, 40, 40]),
        ("", "box", [50, 4, 56, 14]),
        ("", "points", [51, 39, 54, 42]),
    ]
    assert result.boxes[0][1] == {"x": 50, "y": 4, "width": 6, "height": 10, "label": "box", "score": 1.0}
    again, _ = run(models, prompt="", hints={"boxes": result.boxes})
    assert torch.equal(again.masks, torch.maximum(run(models, hints={"boxes": BOX})[0].masks, CLICKED[None]))
    from_report, _ = run(models, prompt="", hints={"boxes": result.report})
    assert torch.equal(from_report.masks, again.masks)


def test_negative_words_are_cut_out_after_growing(models) -> None:
    result, warned = run(models, prompt="heart", negative="hair . hat", grow=2)
    plain, _ = run(models, prompt="heart", grow=2)
    assert torch.equal(result.masks[0], plain.masks[0] * (1 - rectangle(8, 8, 40, 12)))
    assert warned == ["negative_not_found"]
    (image,) = json.loads(result.report)["images"]
    assert [d["phrase"] for d in image["negative"]] == ["hair"] and len(image["detections"]) == 1
    assert result.segs[0][1][0].cropped_mask.sum() == 32 * 28
    boxed, _ = run(models, prompt="", negative="hair", hints={"boxes": [8, 8, 40, 40]})
    assert boxed.masks[0].sum() == 32 * 28 and models[1].asked == [("hair",)]


def test_hints_of_each_picture_and_what_a_picture_without_gets(models) -> None:
    boxes = [[BOX], [], [BOX, [0, 0, 4, 4]]]
    result, warned = run(models, 3, prompt="", hints={"boxes": boxes}, on_missing="full")
    assert result.masks.sum((1, 2)).tolist() == [60, 48 * 64, 76] and warned == ["nothing_shown"]
    assert [len(each) for each in result.boxes] == [len(segs) for _, segs in result.segs] == [1, 0, 2]
    with pytest.raises(
        InputError, match=r"`prompt` is empty, and no box, .* shows anything in picture 2 of 3: add one"
    ):
        run(models, 3, prompt="", hints={"boxes": boxes})
    with pytest.raises(InputError, match="`prompt` is empty, and no box, point or rough mask shows anything: add"):
        run(models, prompt="", hints={"negative_points": "[[1, 1]]"})


def test_hints_stand_in_where_the_words_find_nothing(models) -> None:
    result, warned = run(models, prompt="bicycle", hints={"boxes": BOX})
    assert torch.equal(result.masks[0], BOXED) and warned == ["only_hints"]


def test_without_words_the_detector_s_file_need_not_be_there(models) -> None:
    result, _ = run(models, prompt="", detector="no such file", hints={"boxes": BOX})
    assert torch.equal(result.masks[0], BOXED)
    with pytest.raises(InputError, match="`detector`: there is no 'no such file'"):
        run(models, prompt="heart", detector="no such file")
    with pytest.raises(InputError, match="`prompt` is empty: write what to find"):
        run(models, prompt="")


def test_hints_share_one_encoding(models) -> None:
    _, _, segmenter = models
    segmenter.encoded = 0
    for hints in ({"boxes": BOX}, {"points": CLICK}, {"mask": BOXED}):
        run(models, prompt="", hints=hints)
    assert segmenter.encoded == 1


def test_picks_stand_in_for_select(models) -> None:
    result, _ = run(models, 3, prompt="heart . hair", picked="2 / / 0")
    hair = rectangle(8, 8, 40, 12)
    assert torch.equal(result.masks, torch.stack([hair, FOUND, torch.zeros(48, 64)]))
    chosen = [[find["selected"] for find in picture["finds"]] for picture in result.finds]
    assert chosen == [[False, True], [True, True], [False, False]]
    with pytest.raises(InputError, match="`picked` names find 3 of picture 1, where 2 were found"):
        run(models, prompt="heart . hair", picked="3")
    none, _ = run(models, 2, prompt="heart", picked="0", on_missing="full")
    assert not none.masks[0].any() and torch.equal(none.masks[1], rectangle(8, 8, 40, 40))
    alone, _ = run(models, prompt="", picked="7", hints={"boxes": BOX})  # of words that are gone
    assert torch.equal(alone.masks[0], BOXED)
