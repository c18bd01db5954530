"""The nodes that judge, in graphs on a real ComfyUI: a list of prompts judged at once, and what the host keeps."""

from __future__ import annotations

import json
import re

import pytest
from PIL import Image

from lab.hosting.client import Client
from lab.measuring import metric_weights

from ..helpers.graphs import Graph, node, sources
from ..helpers.runs import failure

PROMPTS, GOALS = "PHRASE on a green background\na small PHRASE", "green background\nsmall"


@pytest.fixture
def small(server: Client) -> Client:
    """The server, with small random measuring networks in its models folder."""
    assert server.base is not None
    if not (server.base / "models" / "aesthetic" / "small_head.safetensors").exists():
        metric_weights.make_small(server.base / "models")
    return server


def drawn() -> Graph:
    """Two pictures of each of two prompts, as two batches."""
    return sources() | {
        "listed": node("SIS_EditingPrompts", phrase="heart", prompt_set="singleinsert", own_prompts=PROMPTS),
        "each": node("CLIPTextEncode", clip=["ckpt", 1], text=["listed", 0]),
        "negative": node("CLIPTextEncode", clip=["ckpt", 1], text=""),
        "empty": node("EmptyLatentImage", width=128, height=128, batch_size=2),
        "sampled": node(
            "KSampler",
            model=["ckpt", 0],
            seed=5,
            steps=2,
            cfg=5.0,
            sampler_name="euler",
            scheduler="normal",
            positive=["each", 0],
            negative=["negative", 0],
            latent_image=["empty", 0],
            denoise=1.0,
        ),
        "pictures": node("VAEDecode", samples=["sampled", 0], vae=["ckpt", 2]),
    }


def concept_metrics(**changes: object) -> dict:
    inputs = {
        "reference": ["image", 0],
        "reference_mask": ["mask", 0],
        "images": ["pictures", 0],
        "masks": ["mask", 0],
        "prompts": ["listed", 0],
        "clip_model": "small_clip",
        "dino_model": "small_dino",
        "lpips_model": "small_lpips.safetensors",
        "goals": GOALS,
    }
    return node("SIS_ConceptMetrics", **(inputs | changes))


def shown(key: str) -> dict:
    return node("PreviewAny", source=[key, 0])


def test_all_prompts_of_a_list_are_judged_at_once(small: Client) -> None:
    graph = drawn() | {
        "scores": concept_metrics(),
        "report": shown("scores"),
        "sheet": node(
            "SIS_ScoringSheet",
            images=["pictures", 0],
            prompts=["listed", 0],
            goals=GOALS,
            filename_prefix="judged/sheet",
            reference=["image", 0],
        ),
        "path": shown("sheet"),
        "edit": node(
            "SIS_EditMetrics",
            source=["image", 0],
            edited=["image", 0],
            target_prompt="a heart",
            clip_model="small_clip",
            lpips_model="small_lpips.safetensors",
            aesthetic_model="small_head.safetensors",
        ),
        "edited": shown("edit"),
    }
    outputs = small.run(graph)["outputs"]
    (report,) = outputs["report"]["text"]
    assert report.startswith("4 pictures of 2 prompts against 1 reference.")
    scores = json.loads(report.partition("\n\n")[2])["scores"]
    assert {name: len(score["values"]) for name, score in scores.items()} == {
        "CLIP-I-f": 4, "CLIP-I-b": 4, "CLIP-T": 4, "ESR (estimate by CLIP)": 4, "DINO-f": 4, "DINO-b": 4, "DIV": 2
    }  # fmt: skip
    assert outputs["scores"]["images"]
    (edited,) = outputs["edited"]["text"]
    assert json.loads(edited.partition("\n\n")[2])["scores"]["LPIPS"]["mean"] == 0
    (path,) = outputs["path"]["text"]
    assert path == "output/judged/sheet_00001_.html" and small.base is not None
    page = (small.base / path).read_text(encoding="utf-8")
    data = json.loads(re.search(r'application/json">(.*?)</script>', page)[1])
    assert [(one["prompt"], one["goals"]) for one in data["pictures"]] == [
        ("heart on a green background", ["green background"])
    ] * 2 + [("a small heart", ["small"])] * 2


def test_a_missing_file_is_told(small: Client) -> None:
    graph = drawn() | {"scores": concept_metrics(clip_model="gone"), "report": shown("scores")}
    assert "`clip_model`: there is no 'gone' in" in failure(small, graph)


def test_heat_maps_come_with_the_picture(server: Client) -> None:
    graph = drawn() | {
        "looks": node(
            "SIS_WordHeatmaps",
            model=["ckpt", 0],
            clip=["ckpt", 1],
            prompt="a red heart and a star",
            negative=["negative", 0],
            latent_image=["empty", 0],
            words="heart, star",
            seed=3,
            steps=2,
            cfg=5.0,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
            vae=["ckpt", 2],
            mask=["mask", 0],
        ),
        "picture": node("VAEDecode", samples=["looks", 0], vae=["ckpt", 2]),
        "saved": node("SaveImage", images=["picture", 0], filename_prefix="looks"),
        "overlays": node("SaveImage", images=["looks", 1], filename_prefix="overlays"),
        "grey": node("MaskToImage", mask=["looks", 2]),
        "maps": node("SaveImage", images=["grey", 0], filename_prefix="maps"),
        "report": node("PreviewAny", source=["looks", 3]),
    }
    outputs = server.run(graph)["outputs"]
    assert [len(outputs[key]["images"]) for key in ("saved", "overlays", "maps")] == [2, 4, 4]
    assert server.base is not None
    with Image.open(server.base / "output" / outputs["maps"]["images"][0]["filename"]) as picture:
        assert picture.size == (128, 128)
    (report,) = outputs["report"]["text"]
    assert len(report.partition("\n\n")[0].splitlines()) == 4 and "in the mask" in report
