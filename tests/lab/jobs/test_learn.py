"""What the learning demo leaves."""

from __future__ import annotations

import json
import pathlib

from lab.hosting import base_folder
from lab.jobs import learn
from lab.workflow_files import workflow


def test_old_results_go_and_a_persons_own_files_stay(tmp_path: pathlib.Path) -> None:
    for name in ("prompt_1_1.png", "mask.png", "my_heart.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    images = [{"prompt": "", "files": ["prompt_1_1.png"]}]
    (tmp_path / "learn.json").write_text(
        json.dumps({"concept": "my_heart.safetensors", "found": ["mask.png"], "images": images})
    )
    learn.make_room(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_what_a_demo_leaves_is_the_mask_the_boxes_every_prompt_and_the_concept(tmp_path: pathlib.Path) -> None:
    prompt = learn.watched(workflow.with_overrides(workflow.load(learn.WORKFLOW), learn.settings().overrides))
    shown = [node_id for kind in ("SIS_MaskFromPrompt", "MaskPreview") for node_id in workflow.nodes_of(prompt, kind)]
    outputs = {node_id: {"images": [{"filename": workflow.title(prompt[node_id])}]} for node_id in shown}
    (saved,) = workflow.nodes_of(prompt, "SaveImage")
    outputs[saved] = {"images": [{"filename": str(i)} for i in range(1, 7)]}
    entry = {"outputs": outputs | {"prompts": {"text": ["a heart", "a star", "a square"]}}}
    folder = tmp_path / "base" / "models" / "single_image_studio" / "concepts"
    folder.mkdir(parents=True)
    (folder / "my_heart.safetensors").touch()

    class Client:
        def view(self, image: dict[str, str]) -> bytes:
            return image["filename"].encode()

    report = learn.collect(prompt, entry, Client(), tmp_path / "base", tmp_path)
    left = {path.name: path.read_text() for path in tmp_path.glob("*.png")}
    assert left == {
        "overlay.png": "Mask",
        "mask.png": "MaskPreview",
        **{f"prompt_{i}_{j}.png": str(2 * i + j - 2) for i in (1, 2, 3) for j in (1, 2)},
    }
    assert [row["prompt"] for row in report["images"]] == ["a heart", "a star", "a square"]
    learn.make_room(tmp_path)  # nothing to remove yet
    (tmp_path / "learn.json").write_text(json.dumps(report))
    learn.make_room(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_the_mask_of_the_demo_comes_from_its_picture_and_class_word() -> None:
    prompt = workflow.with_overrides(workflow.load(learn.WORKFLOW), learn.settings().overrides)
    by_title = {workflow.title(node): (node_id, node) for node_id, node in prompt.items()}
    mask_id, mask = by_title["Mask"]
    assert mask["inputs"]["prompt"] == by_title["Stage I"][1]["inputs"]["class_word"] == learn.settings().class_word
    assert mask["inputs"]["image"] == by_title["Stage I"][1]["inputs"]["image"] == [by_title["Picture"][0], 0]
    assert by_title["Stage I"][1]["inputs"]["mask"] == [mask_id, 0]
    assert [f"grounding-dino/{mask['inputs']['detector']}", f"sams/{mask['inputs']['segmenter']}"] == list(
        base_folder.MASKING
    )
