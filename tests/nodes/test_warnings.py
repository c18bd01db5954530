"""Every warning, at the node that it belongs to: in the node's `ui`, and as an event for the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.hosting.client import Client
from single_image_studio.support.warnings import SENTENCES

from ..helpers import editing_graphs
from ..helpers.graphs import Graph, applied, loaded, node, picture, save, sources, stage1, stage2
from ..helpers.waiting import wait_to_the_last_event

EVENT = "single_image_studio.warning"
# tests/concept/test_training.py and test_optimizer.py have them
NEVER_ON_A_CPU = {"micro_batches", "checkpointing", "moments_in_ram"}
# tests/host/test_*apart*.py have them
OTHER_PACKS = {"not_kept_apart", "apart_unknown_rows", "apart_unknown_tiles", "apart_unseen", "lora_not_apart"}
SHORT_OF_MEMORY = {"optimiser_memory", "vae_in_tiles"}  # tests/host/test_out_of_memory.py has them
INVERTING = {"apart_without_region"}  # tests/host/test_unet_apart.py has it
# tests/pipelines/test_resuming.py and tests/concept/test_states_that_do_not_fit.py have them
PICTURES = {"pictures_kept"}  # tests/host/test_batches_on_host.py has it
KEPT_STATES = {"went_on", "state_damaged", "state_of_another_version", "state_beyond_steps", "state_not_kept"}
LEARNED = {"not_learned"}  # tests/concept/test_learned.py has it


def learning() -> Graph:
    """A wide picture, a small mask of all of it, a step cache on MODEL; then Stage II and use on another checkpoint."""
    return {
        **sources(),
        "wide": node("ImageScale", image=["image", 0], upscale_method="area", width=256, height=128, crop="disabled"),
        "all": node("SolidMask", value=1.0, width=64, height=64),
        "caching": node(
            "EasyCache", model=["ckpt", 0], reuse_threshold=0.2, start_percent=0.15, end_percent=0.95, verbose=False
        ),
        "other": node("ModelMergeAdd", model1=["ckpt", 0], model2=["ckpt", 0]),
        "one": stage1(model=["caching", 0], image=["wide", 0], mask=["all", 0], resolution=64, seed=51),
        "two": stage2(model=["other", 0]),
        "apply": applied(["one", 0], "twin", model=["other", 0]),
        "again": applied(["two", 0], "twin", model=["apply", 0], clip=["apply", 1]),
        "prompt": node("CLIPTextEncode", clip=["again", 1], text="<nobody> beside a <twin> star"),
        "bare": node("CLIPTextEncode", clip=["again", 1], text="a twin heart"),
        "good": node("CLIPTextEncode", clip=["again", 1], text="a (<twin>:1.2) red heart"),
        "show": node("PreviewAny", source=["prompt", 0]),
        "show_good": node("PreviewAny", source=["good", 0]),
        "show_bare": node("PreviewAny", source=["bare", 0]),
        "crop": stage1(mask=["left", 0], image=["wide", 0], resolution=64, seed=52),
        "left": node("MaskComposite", destination=["none", 0], source=["part", 0], x=0, y=0, operation="add"),
        "none": node("SolidMask", value=0.0, width=256, height=128),
        "part": node("SolidMask", value=1.0, width=32, height=32),
        "whole": stage1(mask=["all", 0], resolution=64, seed=54),
        "show_whole": node("PreviewAny", source=["whole", 1]),
        "stuck": stage1(resolution=64, seed=58, steps=10, batch_size=1, encoder="cnn", learning_rate=1e-9),
        "show_stuck": node("PreviewAny", source=["stuck", 1]),
        "show_crop": node("PreviewAny", source=["crop", 1]),
    }


def odd_masks() -> Graph:
    """Nearly the whole picture, and six specks of 3×3 pixels."""
    graph: Graph = {
        **sources(),
        "all": node("SolidMask", value=1.0, width=128, height=128),
        "none": node("SolidMask", value=0.0, width=128, height=128),
        "bit": node("SolidMask", value=1.0, width=24, height=24),
        "speck": node("SolidMask", value=1.0, width=3, height=3),
        "nearly": node("MaskComposite", destination=["all", 0], source=["bit", 0], x=9, y=9, operation="subtract"),
    }
    for i in range(6):
        before = [f"specks{i - 1}", 0] if i else ["none", 0]
        place = {"x": 9 + 18 * i, "y": 40, "operation": "add"}
        graph[f"specks{i}"] = node("MaskComposite", destination=before, source=["speck", 0], **place)
    graph["large"] = stage1(mask=["nearly", 0], resolution=64, seed=56)
    graph["specks"] = stage1(mask=["specks5", 0], resolution=64, seed=57)
    return graph | {f"show_{key}": node("PreviewAny", source=[key, 1]) for key in ("large", "specks")}


def editing() -> Graph:
    ranged = node("ConditioningSetTimestepRange", conditioning=["empty", 0], start=0.0, end=1.0)
    return {
        **editing_graphs.sources(),
        "rescaled": node("RescaleCFG", model=["ckpt", 0], multiplier=0.7),
        "other": node("ModelMergeAdd", model1=["ckpt", 0], model2=["ckpt", 0]),
        "ranged": ranged,
        "inv": editing_graphs.inversion(
            model=["rescaled", 0], uncond=["ranged", 0], method="null_text", cfg=1.0, steps=2
        ),
        "keep": node("SIS_SaveInversion", inversion=["inv", 0], name="warned"),
        "text": editing_graphs.imagic(model=["ckpt", 0], latent=["upside", 0], inversion=["inv", 0], steps=1),
        "upside": node("LatentFlip", samples=["latent", 0], flip_method="x-axis: vertically"),
        "edit": editing_graphs.edit(model=["other", 0], inversion=["keep", 0], optimized=["text", 0]),
        **editing_graphs.shown(["edit", 0]),
    }


def finding() -> Graph:
    shared = {"image": ["image", 0], "detector": "sis_demo_dino", "segmenter": "sis_demo_sam", "select": "best"}
    shared |= {"text_threshold": 0.25, "grow": 0, "feather": 0, "keep_loaded": False}

    def find(prompt: str, threshold: float, on_missing: str, **hints: Any) -> dict[str, Any]:
        widgets = {"prompt": prompt, "box_threshold": threshold, "on_missing": on_missing}
        return node("SIS_MaskFromPrompt", **(shared | widgets | hints))

    detections = [{"box": [2, 2, 6, 6], "selected": True}]
    elsewhere = {"images": [{"width": 8, "height": 8, "detections": detections}]}
    graph = {
        "image": sources()["image"],
        "part": find("heart . bicycle", 0.35, "error"),
        "empty": find("heart", 1.0, "empty"),
        "full": find("heart", 1.0, "full"),
        "rough": node("SolidMask", value=1.0, width=32, height=32),
        "hinted": find("heart", 1.0, "error", negative="bicycle", mask_hint=["rough", 0], boxes=json.dumps(elsewhere)),
        "off": find("", 1.0, "empty", negative_points="[[5, 5]]"),
    }
    shown = ("part", "empty", "full", "hinted", "off")
    return graph | {f"show_{key}": node("MaskPreview", mask=[key, 0]) for key in shown}


def composing() -> Graph:
    """Regions of every odd kind, a concept that the prompt does not name, and a prompt that knows of no concept."""
    masks = {
        "white": node("EmptyImage", width=64, height=64, batch_size=3, color=0xFFFFFF),
        "small": node("ImageToMask", image=["white", 0], channel="red"),
        "nowhere": node("SolidMask", value=0.0, width=128, height=128),
        "everywhere": node("SolidMask", value=1.0, width=128, height=128),
    }
    chain, before = {}, ["ckpt", "ckpt"]
    for name, region in (("aa", "small"), ("bb", "nowhere"), ("cc", "everywhere"), ("dd", None)):
        wires = {"model": [before[0], 0], "clip": [before[1], 1], "keep_apart": True}
        chain[name] = applied(["one", 0], name, **wires, **({"region": [region, 0]} if region else {}))
        before = [name, name]
    named = "<aa> heart and <bb> heart and <cc> heart"
    return {
        **sources(), **masks, "one": stage1(resolution=64, seed=55), **chain,
        **picture("told", ["dd", 0], ["dd", 1], named), **picture("untold", ["dd", 0], ["ckpt", 1], "a heart"),
    }  # fmt: skip


# The warnings of each node, by graph; those of stock nodes come as events alone.
OURS: dict[str, tuple[Graph, dict[str, list[str]]]] = {
    "learning": (
        learning(),
        {
            "one": ["mask_resized", "edge_repeated", "picture_resized", "wrapper_left_out"],
            "whole": ["mask_resized", "picture_resized", "mask_covers_all"],
            "two": ["stage1_of_another_checkpoint"],
            "apply": ["concept_of_another_checkpoint"],
            "again": ["concept_of_another_checkpoint", "two_concepts"],
            "stuck": ["picture_resized", "not_learned"],
            "crop": ["picture_cropped", "picture_resized", "mask_touches_edges"],
        },
    ),
    "odd masks": (
        odd_masks(),
        {
            "large": ["picture_resized", "mask_too_large"],
            "specks": ["picture_resized", "mask_too_small", "mask_in_parts"],
        },
    ),
    "editing": (
        editing(),
        {
            "inv": ["nothing_to_optimise", "guidance_patch"],
            "keep": ["uncond_not_kept"],
            "text": ["inversion_of_another_picture"],
            "edit": ["inversion_of_another_checkpoint"],
        },
    ),
    "finding": (
        finding(),
        {
            "part": ["phrase_not_found"],
            "empty": ["nothing_found_empty"],
            "full": ["nothing_found_full"],
            "hinted": ["boxes_resized", "mask_hint_resized", "only_hints", "negative_not_found"],
            "off": ["nothing_shown"],
        },
    ),
    "composing": (composing(), {"one": ["picture_resized"]}),
}
ODD_REGIONS = ["region_resized", "region_repeated", "region_empty", "regions_overlap"]
STOCK = {
    "learning": {"prompt": ["unknown_concept", "wrong_class_word"], "bare": ["name_without_brackets"]},
    "composing": {
        "told_ks": ["apart_without_phrase", *ODD_REGIONS],
        "untold_ks": ["apart_unknown_phrases", *ODD_REGIONS],
    },
}


def test_every_warning_is_looked_at() -> None:
    graphs = [nodes for _, nodes in OURS.values()] + list(STOCK.values())
    tested = {id for nodes in graphs for ids in nodes.values() for id in ids}
    elsewhere = NEVER_ON_A_CPU | OTHER_PACKS | SHORT_OF_MEMORY | INVERTING | PICTURES | KEPT_STATES | LEARNED
    assert tested | elsewhere == set(SENTENCES)


def ids_by_node(warnings: list[tuple[str, dict[str, Any]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for where, warning in warnings:
        assert warning["text"] == SENTENCES[warning["id"]].format(**warning["values"])
        found.setdefault(where, []).append(warning["id"])
    return found


def of_history(entry: dict[str, Any]) -> dict[str, list[str]]:
    return ids_by_node([(key, w) for key, output in entry["outputs"].items() for w in output.get("warnings", [])])


def of_events(server: Client, prompt_id: str) -> dict[str, list[str]]:
    return ids_by_node([(e["data"]["node"], e["data"]) for e in server.events_of(prompt_id, EVENT)])


@pytest.mark.parametrize("name", OURS)
def test_each_stands_on_its_node(server: Client, name: str) -> None:
    graph, expected = OURS[name]
    prompt_id = server.post(graph)
    entry = wait_to_the_last_event(server, prompt_id)
    assert of_history(entry) == expected
    assert of_events(server, prompt_id) == expected | STOCK.get(name, {})
    assert "Null-Text Invert: At `cfg` 1" in server.log() or name != "editing"


def test_a_reused_result_brings_its_warnings_along(server: Client) -> None:
    graph = {key: entry for key, entry in editing().items() if key not in ("edit", "decoded", "out", "other")}
    first, second = server.post(graph), server.post(graph)
    entries = [wait_to_the_last_event(server, prompt_id) for prompt_id in (first, second)]
    assert "inv" not in entries[1]["outputs"]
    assert [of_history(entry)["keep"] for entry in entries] == [["uncond_not_kept"]] * 2
    assert not server.events_of(second, EVENT)  # nothing has run


def test_the_event_says_whose_workflow_it_is(server: Client) -> None:
    graph = {
        **sources(),
        "one": stage1(seed=53, resolution=64),
        "save": save("evented", concept=["one", 0]),
        "load": loaded(["save", 1]),
        "prompt": node("CLIPTextEncode", clip=["load", 1], text="<evented> teapot"),
        "show": node("PreviewAny", source=["prompt", 0]),
    }
    extra = {"extra_pnginfo": {"workflow": {"id": "workflow-a"}}}
    body = {"prompt": graph, "client_id": server.client_id, "extra_data": extra}
    prompt_id = json.loads(server.request("/prompt", body))["prompt_id"]
    wait_to_the_last_event(server, prompt_id)
    (event,) = [e["data"] for e in server.events_of(prompt_id, EVENT) if e["data"]["node"] == "prompt"]
    assert (event["workflow"], event["id"]) == ("workflow-a", "wrong_class_word")
    assert event["values"] == {"name": "evented", "phrase": "<evented> heart"}
    run = {"prompt_id": prompt_id, "workflow": "workflow-a"}
    assert server.get(f"/single_image_studio/run?prompt={prompt_id}") == run
    assert server.get("/single_image_studio/run?prompt=none") == {"prompt_id": "none", "workflow": None}
    assert server.get("/single_image_studio/run") == {"prompt_id": None, "workflow": None}  # nothing runs
