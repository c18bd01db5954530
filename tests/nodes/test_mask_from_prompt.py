"""Mask from Prompt over HTTP, on a real ComfyUI: with small random-weight models in every layout, and with the demo's
trained ones."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lab import ROOT
from lab.hosting.client import Client
from lab.measuring import masking_weights

from ..helpers.graphs import Graph, node
from ..helpers.masking import Trap
from ..helpers.runs import failure
from ..helpers.waiting import cancel_at

DEMO = ROOT / "lab" / "weights"


@pytest.fixture
def small(server: Client) -> Client:
    """The server, with small random-weight models in its models folder."""
    assert server.base is not None
    if not (server.base / "models" / "sams" / "small_sam.pth").exists():
        masking_weights.make_small(server.base / "models")
    return server


def mask_node(**changes: Any) -> dict[str, Any]:
    inputs = {
        "image": ["image", 0],
        "prompt": "red heart",
        "detector": "small_dino",
        "segmenter": "small_sam",
        "box_threshold": 0.0,
        "text_threshold": 0.0,
        "select": "best",
        "on_missing": "error",
        "grow": 0,
        "feather": 0,
        "keep_loaded": False,
    }
    return node("SIS_MaskFromPrompt", **(inputs | changes))


def graph(**changes: Any) -> Graph:
    return {
        "image": node("LoadImage", image="heart.png"),
        "found": mask_node(**changes),
        "as_image": node("MaskToImage", mask=["found", 0]),
        "mask": node("SaveImage", images=["as_image", 0], filename_prefix="mask"),
        "overlay": node("SaveImage", images=["found", 1], filename_prefix="overlay"),
        "json": node("PreviewAny", source=["found", 2]),
    }


def pictures(server: Client, entry: dict[str, Any], key: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(server.view(image)))) for image in entry["outputs"][key]["images"]]


def report(entry: dict[str, Any]) -> dict[str, Any]:
    return json.loads(entry["outputs"]["json"]["text"][0])


@pytest.mark.parametrize(
    "detector, segmenter",
    [
        ("small_dino", "small_sam"),
        ("small_dino.pth", "small_sam.pth"),
        ("small_dino", "small_sam.pth [segment-anything]"),
    ],
)
def test_every_layout_gives_mask_overlay_and_report(small: Client, detector: str, segmenter: str) -> None:
    if "segment-anything" in segmenter:
        pytest.importorskip("segment_anything")
    entry = small.run(graph(detector=detector, segmenter=segmenter))
    (mask,), (drawn,), told = pictures(small, entry, "mask"), pictures(small, entry, "overlay"), report(entry)
    assert mask.shape == drawn.shape == (128, 128, 3) and set(np.unique(mask)) <= {0, 255}
    assert told["detector"] == detector and told["prompt"] == ["red heart"] and len(told["images"]) == 1
    (chosen,) = [d for d in told["images"][0]["detections"] if d["selected"]]
    assert (
        chosen["score"] == max(d["score"] for d in told["images"][0]["detections"]) and chosen["phrase"] == "red heart"
    )
    assert told["images"][0]["mask_share"] == pytest.approx((mask[..., 0] > 0).mean(), abs=1e-4)


def test_each_picture_of_a_batch_gets_its_own_mask(small: Client) -> None:
    prompt = graph(image=["batch", 0], on_missing="empty", prompt="heart . star")
    prompt["other"] = node("ImageInvert", image=["image", 0])
    prompt["batch"] = node("ImageBatch", image1=["image", 0], image2=["other", 0])
    entry = small.run(prompt)
    masks, told = pictures(small, entry, "mask"), report(entry)
    assert len(masks) == len(pictures(small, entry, "overlay")) == len(told["images"]) == 2
    alone = small.run(graph(image=["image", 0], prompt="heart . star"))
    assert np.array_equal(pictures(small, alone, "mask")[0], masks[0])
    assert not np.array_equal(masks[0], masks[1])


@pytest.mark.parametrize("on_missing, level", [("empty", 0), ("full", 255)])
def test_nothing_found_has_a_policy(small: Client, on_missing: str, level: int) -> None:
    entry = small.run(graph(box_threshold=1.0, on_missing=on_missing, grow=5, feather=3))
    (mask,), told = pictures(small, entry, "mask"), report(entry)
    assert (
        mask.shape == (128, 128, 3)
        and (mask == level).all()
        and told["images"][0]["missing"]
        and told["images"][0]["detections"] == []
    )


def test_nothing_found_as_an_error_tells_the_best_score(small: Client) -> None:
    message = failure(small, graph(box_threshold=1.0))
    assert "no red heart was found" in message and "`box_threshold`" in message and "Traceback" not in message


def test_grow_and_feather_reach_the_mask(small: Client) -> None:
    plain, larger, softer = (
        pictures(small, small.run(graph(**c)), "mask")[0][..., 0].astype(int) for c in ({}, {"grow": 4}, {"feather": 4})
    )
    if 0 < (plain > 0).sum() < plain.size:  # random weights decide
        assert (larger >= plain).all() and (larger > plain).any()
        assert ((softer > 0) & (softer < 255)).any()


def test_all_includes_best(small: Client) -> None:
    best, everything = (pictures(small, small.run(graph(select=select)), "mask")[0] for select in ("best", "all"))
    assert (everything >= best).all()


def test_a_new_prompt_encodes_nothing_and_kept_models_are_not_read_again(small: Client) -> None:
    small.run(graph(keep_loaded=True, grow=1))
    before = small.log().count("Mask from Prompt: loaded")
    small.run(graph(keep_loaded=True, grow=2))
    assert small.log().count("Mask from Prompt: loaded") == before
    small.run(graph(keep_loaded=False, grow=3))
    small.run(graph(keep_loaded=False, grow=4))
    assert small.log().count("Mask from Prompt: loaded") == before + 2


def test_hints_reach_the_mask_and_come_out_as_boxes_and_segs(small: Client) -> None:
    """Boxes of one node go into another, as the host's type and as text."""
    prompt = graph(prompt="", boxes="[[20, 20, 90, 100]]", points='[{"x": 30, "y": 40}]')
    prompt["again"] = mask_node(prompt="", boxes=["found", 3], points='[{"x": 30, "y": 40}]')
    prompt["from_json"] = mask_node(prompt="", boxes=["found", 2], points='[{"x": 30, "y": 40}]')
    prompt["boxes"] = node("PreviewAny", source=["again", 3])
    prompt["segs"] = node("PreviewAny", source=["found", 4])
    prompt["json_mask"] = node("MaskToImage", mask=["from_json", 0])
    prompt["json_saved"] = node("SaveImage", images=["json_mask", 0], filename_prefix="from_json")
    entry = small.run(prompt)
    (detection,) = report(entry)["images"][0]["detections"]
    assert detection["label"] == "box" and detection["box"] == [20, 20, 90, 100]
    (box,) = json.loads(entry["outputs"]["boxes"]["text"][0])[0]
    assert (box["x"], box["y"], box["width"], box["height"]) == (20, 20, 70, 80)
    assert "crop_region" in entry["outputs"]["segs"]["text"][0] or "128" in entry["outputs"]["segs"]["text"][0]
    assert np.array_equal(pictures(small, entry, "mask")[0], pictures(small, entry, "json_saved")[0])


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"prompt": "", "points": "[[500, 3]]"}, "`points` has one outside of picture 1, which is 128x128 (500, 3)"),
        ({"boxes": "twelve"}, "`boxes` is not JSON"),
        ({"negative": "dog " * 300}, "`negative` is 303 tokens long"),
        ({"prompt": " . "}, "`prompt` is empty"),
        ({"prompt": "dog " * 300}, "`prompt` is 303 tokens long"),
        ({"detector": "groundingdino_swint_ogc.pth"}, "groundingdino_swint_ogc.pth (694 MB) is not in"),
        ({"segmenter": "sam_vit_h_4b8939.pth"}, "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_h_4b8939.pth"),
        ({"detector": "../../../etc/passwd"}, "`detector`: there is no"),
        ({"detector": "small_dino.pth [groundingdino-py]"}, "groundingdino-py"),
    ],
)
def test_bad_input_is_one_sentence_that_names_the_input(small: Client, changes: dict[str, Any], words: str) -> None:
    message = failure(small, graph(**changes))
    assert words in message and "Traceback" not in message


def test_odd_pictures(small: Client) -> None:
    for width, height in ((1, 1), (300, 2)):
        prompt = graph()
        prompt["image"] = node("EmptyImage", width=width, height=height, batch_size=1, color=255)
        assert pictures(small, small.run(prompt), "mask")[0].shape == (height, width, 3)
    prompt = graph(image=["rgba", 0])
    prompt["alpha"] = node("SolidMask", value=0.5, width=128, height=128)
    prompt["rgba"] = node("JoinImageWithAlpha", image=["image", 0], alpha=["alpha", 0])
    entry = small.run(prompt)
    assert np.array_equal(pictures(small, entry, "mask")[0], pictures(small, small.run(graph()), "mask")[0])


def test_bad_files_are_told_and_run_nothing(small: Client) -> None:
    assert small.base is not None
    folder, mark = small.base / "models" / "grounding-dino", small.base / "mark"
    (folder / "evil.pth").write_bytes(pickle.dumps({"model": Trap(mark)}))
    torch.save({"model": {"w": torch.ones(1), "x": Trap(mark)}}, folder / "evil_zip.pth")
    (folder / "short.pth").write_bytes((folder / "small_dino.pth").read_bytes()[:100_000])
    (folder / "other.pth").write_bytes((small.base / "models" / "sams" / "small_sam.pth").read_bytes())
    for name, words in (
        ("evil", "evil.pth"),
        ("evil_zip", "could run code when opened, so it was not loaded"),
        ("short", "cut short, damaged"),
        ("other", "not a GroundingDINO"),
    ):
        message = failure(small, graph(detector=f"{name}.pth"))
        assert words in message and "Traceback" not in message
        (folder / f"{name}.pth").unlink()
    assert not mark.exists()


def test_cancel_stops_it_and_the_next_run_works(small: Client) -> None:
    prompt = graph(image=["many", 0])
    prompt["many"] = node("RepeatImageBatch", image=["image", 0], amount=400)
    cancel_at(small, prompt, "found")
    assert pictures(small, small.run(graph(grow=7)), "mask")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def test_the_demo_s_trained_models_find_the_object(server: Client) -> None:
    if not all(
        (DEMO / name / "config.json").is_file() for name in ("grounding-dino/sis_demo_dino", "sams/sis_demo_sam")
    ):
        pytest.skip("the demo's detector and segmenter are not in lab/weights: train them first")
    found = graph(prompt="heart", detector="sis_demo_dino", segmenter="sis_demo_sam", box_threshold=0.3)
    entry = server.run(found)
    (mask,) = pictures(server, entry, "mask")
    assert server.base is not None
    wanted = np.asarray(Image.open(server.base / "input" / "heart_mask.png").convert("L")) > 127
    # it is the heart; how well such masks fit is measured on many pictures
    assert iou(mask[..., 0] > 127, wanted) >= 0.5, report(entry)
