"""On the canvas: one graph learns every picture of a folder, by the host's own list of pictures."""

from __future__ import annotations

import pathlib
import shutil

import pytest
from PIL import Image, ImageOps
from safetensors import safe_open

from lab import ROOT
from lab.hosting.client import Client

LIST = "LoadImageDataSetFromFolder"


def test_one_graph_learns_a_concept_from_each_picture_of_a_folder(server: Client, api_workflow) -> None:
    if LIST not in server.object_info(LIST):
        pytest.skip(f"this host has no {LIST}")
    assert server.base is not None
    folder = server.base / "input" / "two hearts"
    folder.mkdir()
    with Image.open(ROOT / "lab" / "world" / "concepts" / "heart.png") as heart:
        heart.save(folder / "a.png")
        ImageOps.mirror(heart).save(folder / "b.png")
    few = {"steps": 2, "batch_size": 2, "learning_rate": 0.02, "seed": 0}
    prompt = api_workflow(
        "learn_a_concept",
        {
            "Load Checkpoint": {"ckpt_name": "sis_demo_sd15.safetensors"},
            "Mask": {"prompt": "heart", "detector": "sis_demo_dino", "segmenter": "sis_demo_sam"},
            "Stage I": {"class_word": "heart", "encoder": "none", "resolution": 128, **few},
            "Stage II": few,
            "Save Concept": {"name": "from_a_folder", "export_for_other_tools": False},
        },
    )
    learning = {node_id: prompt[node_id] for node_id in map(str, range(1, 7))}
    learning["2"] = {"class_type": LIST, "inputs": {"folder": folder.name}}
    saved = server.run(learning)["outputs"]["6"]["saved_concept"]
    assert saved == ["from_a_folder", "from_a_folder_2"]
    concepts = [server.base / "models" / "single_image_studio" / "concepts" / f"{name}.safetensors" for name in saved]
    try:
        assert fingerprint(concepts[0]) != fingerprint(concepts[1])
    finally:
        shutil.rmtree(folder)
        for path in concepts:
            path.unlink(missing_ok=True)


def fingerprint(path: pathlib.Path) -> str:
    with safe_open(path, "np") as file:
        return str(file.metadata()["fingerprint"])
