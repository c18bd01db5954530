"""Boxes, points and rough masks, as wires and JSON bring them."""

from __future__ import annotations

import json

import pytest
import torch

from single_image_studio.masking.hints import Hints, HintWires, read_hints
from single_image_studio.masking.interfaces import Thing
from single_image_studio.masking.postprocessing import CutOut
from single_image_studio.masking.segs import make_segs
from single_image_studio.support import warnings
from single_image_studio.support.errors import InputError

SIZE = (40, 60)
HOST = {"x": 5, "y": 10, "width": 20, "height": 15}
CORNERS = (5.0, 10.0, 25.0, 25.0)
REPORT = {
    "images": [
        {"detections": [{"box": list(CORNERS), "selected": True}, {"box": [0, 0, 9, 9], "selected": False}]},
        {"detections": []},
    ]
}


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    "value, wanted",
    [
        (HOST, [1, 1]),
        ([HOST], [1, 1]),
        (list(CORNERS), [1, 1]),
        ([list(CORNERS), HOST], [2, 2]),
        ([[HOST], []], [1, 0]),
        ([[HOST, list(CORNERS)], [HOST]], [2, 1]),
        ([[HOST]], [1, 1]),
        ([], [0, 0]),
        (REPORT, [1, 0]),
    ],
)
def test_boxes_in_every_form(value, wanted: list[int], as_text: bool) -> None:
    hints = read_hints(HintWires(json.dumps(value) if as_text else value), 2, SIZE)
    assert [len(each.boxes) for each in hints] == wanted
    assert {box for each in hints for box in each.boxes} <= {CORNERS}


def test_detections_of_the_picture_in_another_size_are_resized_with_it() -> None:
    """As of a picture that was halved or doubled between two of these nodes."""

    def of(width: object, height: object) -> tuple[object, list[dict[str, object]]]:
        report = {"images": [{**REPORT["images"][0], "width": width, "height": height}]}
        with warnings.collecting("test") as told:
            (hints,) = read_hints(HintWires(json.dumps(report)), 1, SIZE)
        return hints.boxes, [dict(warning.values) for warning in told if warning.id == "boxes_resized"]

    assert of(60, 40) == of("60", None) == ((CORNERS,), [])
    assert of(120, 80) == (((2.5, 5, 12.5, 12.5),), [{"boxes": "120x80", "picture": "60x40"}])
    assert of(30, 40) == (((10, 10, 50, 25),), [{"boxes": "30x40", "picture": "60x40"}])


@pytest.mark.parametrize(
    "value, wanted",
    [
        ('[{"x": 3, "y": 4}]', [[(3, 4, True)]] * 2),
        ('[{"x": 3, "y": 4, "label": 0}, [5, 6], [7, 8, 0]]', [[(3, 4, False), (5, 6, True), (7, 8, False)]] * 2),
        ("[[[3, 4]], []]", [[(3, 4, True)], []]),
        ("[3, 4]", [[(3, 4, True)]] * 2),
        ("  ", [[], []]),
        ("[]", [[], []]),
    ],
)
def test_points_in_every_form(value: str, wanted) -> None:
    assert [list(each.points) for each in read_hints(HintWires(points=value), 2, SIZE)] == wanted


def test_negative_points_are_off_whatever_their_labels() -> None:
    (hints,) = read_hints(HintWires(points="[[1, 2]]", negative_points='[{"x": 3, "y": 4, "label": 1}]'), 1, SIZE)
    assert hints.points == ((1, 2, True), (3, 4, False))


@pytest.mark.parametrize(
    "wires, words",
    [
        ({"boxes": "[{"}, "`boxes` is not JSON"),
        ({"boxes": "7"}, "`boxes` cannot be understood: it must be a list, or one for each picture, with x, y, width"),
        ({"boxes": [{"x": 1, "y": 2}]}, "`boxes` cannot be understood"),
        ({"boxes": {"images": [{}]}}, "`boxes` cannot be understood"),
        ({"boxes": {"images": [7]}}, "`boxes` cannot be understood"),
        ({"boxes": f"[1, 2, 3, 1{'0' * 400}]"}, "`boxes` cannot be understood"),
        ({"boxes": [[1, 2, float("nan"), 4]]}, "`boxes` cannot be understood"),
        ({"boxes": [[HOST]] * 3}, "`boxes` has hints for 3 pictures and `image` has 2"),
        ({"boxes": [5, 5, 5, 9]}, r"`boxes` has one without area in picture 1 \(5, 5, 5, 9\)"),
        ({"boxes": [[HOST], [[9, 9, 5, 5]]]}, "`boxes` has one without area in picture 2"),
        ({"boxes": [60, 0, 70, 9]}, r"`boxes` has one outside of picture 1, which is 60x40 \(60, 0, 70, 9\)"),
        ({"points": "{}"}, "`points` cannot be understood"),
        ({"points": "[[1, 2, 5]]"}, "`points` cannot be understood"),
        ({"points": "x"}, "`points` is not JSON"),
        ({"points": "[[61, 2]]"}, r"`points` has one outside of picture 1, which is 60x40 \(61, 2\)"),
        ({"points": "[[[1, 2]], [[1, 2]], []]"}, "`points` has hints for 3 pictures"),
        ({"negative_points": "[[-1, 2]]"}, "`negative_points` has one outside"),
        ({"mask": torch.ones(3, 4, 4)}, "`mask_hint` holds 3 masks and `image` 2 pictures"),
        ({"mask": torch.ones(0, 4, 4)}, "`mask_hint` holds no mask"),
        ({"mask": torch.ones(1, 0, 4)}, "`mask_hint` holds no mask"),
        ({"mask": torch.ones(4)}, "`mask_hint` holds no mask"),
        ({"mask": torch.ones(1, 4, 4, dtype=torch.complex64)}, "`mask_hint` holds no mask"),
        ({"mask": "mask"}, "`mask_hint` holds no mask"),
        ({"mask": torch.full((1, 4, 4), torch.nan)}, "`mask_hint` holds numbers that are not finite"),
    ],
)
def test_bad_hints_are_one_sentence(wires, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        read_hints(HintWires(**wires), 2, SIZE)
    assert "\n" not in str(error.value)


def test_a_box_over_the_edge_is_cut_at_it() -> None:
    (hints,) = read_hints(HintWires({"x": -5, "y": 30, "width": 100, "height": 100}), 1, SIZE)
    assert hints.boxes == ((0, 30, 60, 40),)


def test_masks_one_or_each_and_empty_ones() -> None:
    masks = torch.zeros(2, *SIZE)
    masks[1, 10:20, 5:30] = 1
    first, second = read_hints(HintWires(mask=masks), 2, SIZE)
    assert first == Hints()
    assert second.mask is not None and torch.equal(second.mask, masks[1])
    assert all(each.mask is not None for each in read_hints(HintWires(mask=masks[1]), 2, SIZE))
    (small,) = read_hints(HintWires(mask=torch.ones(1, 4, 6)), 1, SIZE)
    assert small.mask is not None and torch.equal(small.mask, torch.ones(SIZE))


def test_points_go_with_the_boxes_that_they_are_in() -> None:
    inside, outside, off = (6.0, 11.0, True), (50.0, 5.0, True), (50.0, 6.0, False)
    hints = Hints((CORNERS,), (inside, outside, off))
    found = (40.0, 0.0, 60.0, 10.0)
    assert hints.things([]) == [Thing(CORNERS, (inside,)), Thing(points=(outside, off))]
    assert hints.things([found]) == [Thing(found, (outside, off)), Thing(CORNERS, (inside,))]
    assert not Hints(points=(off,)).any() and Hints(points=(off,)).things([]) == []
    mask = torch.zeros(SIZE)
    mask[10:20, 5:30] = 1
    (thing,) = Hints(points=(inside,), mask=mask).things([])
    assert [thing.box, thing.points] == [(5, 10, 30, 20), (inside,)] and thing.mask is mask


def test_segs_by_hand() -> None:
    """A box of 10×10 in the middle has a crop of 30×30; one in the corner is moved into the picture."""
    mask = torch.ones(4, 6, dtype=torch.bool)
    (height, width), segs = make_segs(
        (100, 100),
        [
            (CutOut((42, 43, 48, 47), mask), (40.0, 40.0, 50.0, 50.0), 0.9, "heart"),
            (CutOut((0, 0, 6, 4), mask), (0.0, 0.0, 9.5, 10.0), 1.0, "box"),
        ],
    )
    assert (height, width) == (100, 100) and [seg.label for seg in segs] == ["heart", "box"]
    assert segs[0].bbox == [40, 40, 50, 50] and segs[0].crop_region == [30, 30, 60, 60]
    assert segs[0].cropped_mask.shape == (30, 30) and segs[0].cropped_mask[13:17, 12:18].all()
    assert segs[0].cropped_mask.sum() == 24 and segs[0].confidence == 0.9
    assert segs[1].bbox == [0, 0, 10, 10] and segs[1].crop_region == [0, 0, 30, 30]
    assert segs[0]._fields[:3] == ("cropped_image", "cropped_mask", "confidence")
