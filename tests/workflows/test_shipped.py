"""The shipped workflows: files as described, listed by the host, and run on it with the demo's files."""

from __future__ import annotations

import io
import json
import pathlib
import urllib.parse
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.drawing import shipped, stand_ins, thumbnails
from lab.hosting.base_folder import MASKING
from lab.hosting.client import Client
from lab.hosting.environment import Host
from lab.workflow_files import workflow
from lab.workflow_files.make_workflows import made, versions
from lab.workflow_files.newer_nodes import NEWER
from lab.workflow_files.object_info import outputs_of, specs, type_of
from lab.workflow_files.pieces import DINO, SAM
from lab.workflow_files.sheet import NOTE
from lab.workflow_files.shipped_workflows import ON_NEWER_HOSTS

from ..helpers.shipped_runs import FEW, RUNS, prepare

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "workflows").glob("*.json"))
BLUEPRINTS = ("Edit a photo", "Learn a concept")
# where each kind of file that a workflow names belongs, by the input that names it
DIRECTORIES = {
    "ckpt_name": "checkpoints",
    "control_net_name": "controlnet",
    "model_name": "upscale_models",
    "detector": "grounding-dino",
    "segmenter": "sams",
}


def test_all_are_there() -> None:
    assert {file.stem for file in FILES} == set(shipped.ALL)


def test_the_files_are_what_their_description_gives(server: Client) -> None:
    """`lab.workflow_files.make_workflows` writes them; both forms come from one description, so they agree."""
    if server.get("/system_stats")["system"]["comfyui_version"] != versions()[1]:
        pytest.skip(f"the files are made on ComfyUI {versions()[1]}")
    for path, text in made(server.object_info()).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, (
            f"{path}: run `python -m lab.workflow_files.make_workflows`"
        )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_to_download_is_told_with_its_address(file: pathlib.Path) -> None:
    ui, api = (json.loads(path.read_text(encoding="utf-8")) for path in (file, file.parent / "api" / file.name))
    told = {
        (model["directory"], model["name"]): model["url"]
        for node in ui["nodes"]
        for model in node["properties"].get("models", [])
    }
    wanted = {
        (DIRECTORIES[name], value)
        for node in api.values()
        for name, value in node["inputs"].items()
        if name in DIRECTORIES and (name != "detector" or node["inputs"]["prompt"] or node["inputs"]["negative"])
    }
    assert set(told) == wanted
    for (_, name), url in told.items():
        where = urllib.parse.urlsplit(url)
        # what the page offers to download: nothing else, whatever a workflow says
        assert where.scheme == "https" and where.netloc == "huggingface.co"
        assert where.path.endswith(f"/{name}") and name.endswith(".safetensors")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_notes_say_where_the_subject_s_word_is_written(file: pathlib.Path) -> None:
    """A word of the example that stays in one node stops the run, or masks something else."""
    nodes = json.loads(file.read_text(encoding="utf-8"))["nodes"]
    notes = "\n".join(node["widgets_values"][0] for node in nodes if node["type"] == NOTE)
    for node in nodes:
        if node["type"] == "SIS_MaskFromPrompt" and node["widgets_values"][0]:
            assert f"**{node['title']}**" in notes or "*prompt*" in notes, node["title"]


@pytest.mark.parametrize("name", NEWER)
def test_nodes_of_newer_hosts_are_as_described(server: Client, name: str) -> None:
    info = server.object_info()
    if name not in info:
        pytest.skip(f"this host has no {name}")
    described, there = specs(NEWER, name), specs(info, name)
    assert {key: type_of(spec) for key, spec in described.items()} == {key: type_of(there[key]) for key in there}
    assert list(described) == list(there) and outputs_of(NEWER, name) == outputs_of(info, name)


def test_detector_and_segmenter_are_the_catalogues() -> None:
    from single_image_studio.masking.catalogue import PUBLISHED

    addresses = {model.name: model.page for model in PUBLISHED}
    for model in (DINO, SAM):
        assert addresses[model.name] == model.url


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_takes_a_new_id_each_time_and_pictures_that_every_host_has(file: pathlib.Path, real_host: Host) -> None:
    ui = json.loads(file.read_text(encoding="utf-8"))
    assert "id" not in ui
    pictures = [node["widgets_values"][0] for node in ui["nodes"] if node["type"] == "LoadImage"]
    assert all((real_host.comfyui / "input" / name).is_file() for name in pictures)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_its_form_names_widgets_and_nodes_that_are_there(file: pathlib.Path) -> None:
    """The page drops what it does not find, without a word."""
    ui = json.loads(file.read_text(encoding="utf-8"))
    nodes = {node["id"]: node for node in ui["nodes"]}
    form = ui["extra"]["linearData"]
    asked = [
        [(entry["link"], "widget" in entry) for entry in nodes[id]["inputs"] if entry["name"] == name]
        for id, name in form["inputs"]
    ]
    assert asked and all(found == [(None, True)] for found in asked)
    assert form["outputs"] and {nodes[id]["type"] for id in form["outputs"]} == {"SaveImage"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_says_where_to_start_and_has_a_thumbnail(file: pathlib.Path) -> None:
    ui = json.loads(file.read_text(encoding="utf-8"))
    notes = [node for node in ui["nodes"] if node["type"] == NOTE]
    assert notes[0]["title"] == "Start here" and len(notes) >= 2
    assert sorted(group["title"][0] for group in ui["groups"]) == [str(i) for i in range(1, len(ui["groups"]) + 1)]
    thumbnail = file.with_suffix(".jpg")
    assert thumbnail.stat().st_size <= thumbnails.MOST_BYTES
    with Image.open(thumbnail) as picture:
        assert picture.format == "JPEG" and picture.width == picture.height >= 300  # the cards are square


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_a_blueprints_links_are_whole(name: str) -> None:
    """Both ends of every link know it, by its number and its type; the edges of a subgraph are its nodes -10 and
    -20."""
    (inner,) = json.loads((ROOT / "subgraphs" / f"{name}.json").read_text(encoding="utf-8"))["definitions"]["subgraphs"]
    origins = {(-10, slot): entry["linkIds"] for slot, entry in enumerate(inner["inputs"])}
    targets = {(-20, slot): entry["linkIds"] for slot, entry in enumerate(inner["outputs"])}
    types = {(-10, slot): entry["type"] for slot, entry in enumerate(inner["inputs"])}
    for node in inner["nodes"]:
        origins |= {(node["id"], slot): entry["links"] for slot, entry in enumerate(node["outputs"])}
        targets |= {
            (node["id"], slot): [entry["link"]]
            for slot, entry in enumerate(node["inputs"])
            if entry["link"] is not None
        }
        types |= {(node["id"], slot): entry["type"] for slot, entry in enumerate(node["outputs"])}
    for link in inner["links"]:
        assert (
            link["id"] in origins[link["origin_id"], link["origin_slot"]]
            and link["id"] in targets[link["target_id"], link["target_slot"]]
        )
        assert types[link["origin_id"], link["origin_slot"]] == link["type"]
    assert sum(map(len, origins.values())) == sum(map(len, targets.values())) == len(inner["links"])
    assert all(origins[-10, slot] for slot in range(len(inner["inputs"]))), "an input leads nowhere"


def test_the_host_lists_and_serves_them(server: Client) -> None:
    listed = server.get("/workflow_templates")
    (pack,) = [name for name, found in listed.items() if "learn_a_concept" in found]
    assert sorted(listed[pack]) == sorted(shipped.ALL)
    for name in shipped.ALL:
        assert (
            server.request(f"/api/workflow_templates/{pack}/{name}.json")
            == (ROOT / "workflows" / f"{name}.json").read_bytes()
        )
        assert server.request(f"/api/workflow_templates/{pack}/{name}.jpg")[:3] == b"\xff\xd8\xff"


def test_the_host_lists_and_serves_the_blueprints(server: Client) -> None:
    listed = {
        entry["name"]: (key, entry)
        for key, entry in server.get("/global_subgraphs").items()
        if entry["info"]["node_pack"].endswith("single-image-studio")
    }
    assert sorted(listed) == sorted(BLUEPRINTS)
    for name, (key, _) in listed.items():
        assert server.get(f"/global_subgraphs/{key}")["data"] == (ROOT / "subgraphs" / f"{name}.json").read_text(
            encoding="utf-8"
        )


# runs, with few steps


@pytest.fixture(scope="module")
def prepared(session_server: Client) -> Client:
    return prepare(session_server)


def saved(client: Client, prompt: dict[str, Any]) -> dict[str, list[np.ndarray]]:
    """Runs a workflow; its pictures by their Save Image's title."""
    outputs = client.run(prompt)["outputs"]
    return {
        workflow.title(prompt[node_id]): [
            np.asarray(Image.open(io.BytesIO(client.view(entry)))) for entry in outputs[node_id]["images"]
        ]
        for node_id in workflow.nodes_of(prompt, "SaveImage")
    }


@pytest.mark.parametrize("name", shipped.ALL)
def test_it_runs_on_the_demos_files(prepared: Client, name: str) -> None:
    changes, sizes = RUNS[name]
    prompt = shipped.prompt(name, changes)
    if (
        name in ON_NEWER_HOSTS
        or name == "learn_a_concept"
        and not all((ROOT / "lab" / "weights" / folder).is_dir() for folder in MASKING)
    ):
        prompt = shipped.with_painted_mask(prompt, "heart.png")
    pictures = [
        picture for title, found in saved(prepared, prompt).items() if title != "Save the grid" for picture in found
    ]
    assert [picture.shape[:2] for picture in pictures] == sizes
    assert all(picture.std() > 1 for picture in pictures), "a picture is empty"
    if name in MARKED:
        check_mask(pictures[0][..., 0] > 127, name)


# which object of the demo's pictures each hint shows: the picture, and the columns that it is in
MARKED = {
    "mask_by_boxes": ("two_hearts.png", slice(0, 64)),
    "mask_by_points": ("heart.png", slice(0, 128)),
    "mask_by_negative_words": ("heart_and_star.png", slice(0, 64)),
    "mask_by_rough_mask": ("heart.png", slice(0, 128)),
    "mask_by_picking": ("two_hearts.png", slice(64, 128)),
}


def check_mask(mask: np.ndarray, name: str) -> None:
    """It is of that object and of nothing else, as well as the demo's small SAM can tell."""
    file, columns = MARKED[name]
    with Image.open(ROOT / "lab" / "world" / "concepts" / file) as picture:
        colours = np.asarray(picture.convert("RGB")).astype(int)
    wanted = np.abs(colours - colours[0, 0]).max(2) > 40  # not the background
    wanted[:, [x for x in range(128) if not columns.start <= x < columns.stop]] = False
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.85


def test_a_concept_changes_the_picture(prepared: Client) -> None:
    with_it = saved(prepared, shipped.prompt("use_a_concept", FEW))["Save"]
    off = {
        "Prompt": {"text": "heart on a green background"},
        "Load Concept": {"strength_model": 0.0, "strength_clip": 0.0},
    }
    without = saved(prepared, shipped.prompt("use_a_concept", FEW | off))
    assert np.abs(with_it[0].astype(float) - without["Save"][0]).mean() > 0.5


def test_the_controlnet_acts_and_the_second_pass_adds(prepared: Client) -> None:
    first = saved(prepared, shipped.prompt("concept_controlnet_upscale", FEW))
    bare = saved(prepared, shipped.prompt("concept_controlnet_upscale", FEW | {"Apply ControlNet": {"strength": 0.0}}))
    assert np.abs(first["Save"][0].astype(float) - bare["Save"][0]).mean() > 0.5
    enlarged = np.asarray(Image.fromarray(bare["Save"][0]).resize((256, 256), Image.Resampling.LANCZOS), float)
    assert 0.5 < np.abs(enlarged - bare["Save large"][0]).mean() < 60  # the same picture, drawn again in part


# the stand-ins


def test_a_fresh_controlnet_copies_the_encoder_and_is_silent() -> None:
    from safetensors.torch import load_file

    if not stand_ins.CHECKPOINT.is_file():
        pytest.skip("no demo model yet: `python -m lab.training.train_model`")
    checkpoint = load_file(stand_ins.CHECKPOINT)
    made_silent, acting = stand_ins.controlnet(checkpoint), stand_ins.controlnet(checkpoint, noise=0.1)
    assert not made_silent["zero_convs.0.0.weight"].any() and acting["zero_convs.0.0.weight"].any()
    assert (made_silent["input_blocks.0.0.weight"] == checkpoint[f"{stand_ins.UNET}input_blocks.0.0.weight"]).all()
    count = len({name.split(".")[1] for name in made_silent if name.startswith("input_blocks.")})
    assert (
        len([name for name in made_silent if name.startswith("zero_convs.") and name.endswith("weight")])
        == count
        == len(
            stand_ins.encoder_widths({name.removeprefix(stand_ins.UNET): weight for name, weight in checkpoint.items()})
        )
    )


# the thumbnails


def test_thumbnails_fit_and_stay_small() -> None:
    noise = [Image.fromarray(np.random.default_rng(i).integers(0, 255, (128, 128, 3), np.uint8)) for i in range(9)]
    for count in (1, 2, 4, 9):
        drawn = thumbnails.sheet(noise[:count])
        assert drawn.size == (480, 480)
        assert len(thumbnails.encode(drawn)) <= thumbnails.MOST_BYTES
