"""The nodes as an artist meets them: over HTTP, on a real ComfyUI, with the demo model."""

from __future__ import annotations

import io
import json
import os
import pathlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lab.hosting.client import Client, RunFailed, describe_failure

from ..helpers.graphs import applied, loaded, node, picture, save, sources, stage1, stage2, trained
from ..helpers.runs import failure, pixels, stock
from ..helpers.waiting import cancel_at, wait_to_the_last_event

SCHEMAS = pathlib.Path(__file__).parent / "schemas.json"


def test_schemas_are_as_saved(server: Client) -> None:
    """Saved workflows depend on ids, names, order, types and defaults: a change here must be an appended input, on
    purpose.

    SIS_UPDATE_SCHEMAS=1 writes the file anew.
    """
    found = {}
    for name, info in sorted(server.get("/object_info").items()):
        if not name.startswith("SIS_"):
            continue
        inputs = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
        order = [*info["input_order"].get("required", []), *info["input_order"].get("optional", [])]
        found[name] = {
            "display_name": info["display_name"],
            "inputs": [
                [
                    key,
                    "COMBO" if isinstance(inputs[key][0], list) else inputs[key][0],
                    (inputs[key][1] or {}).get("default"),
                ]
                for key in order
            ],
            "outputs": [list(pair) for pair in zip(info["output_name"], info["output"])],
        }
        assert info["description"]
        assert all(inputs[key][1].get("tooltip") for key in order), name
        assert all(info["output_tooltips"]), name
    if os.environ.get("SIS_UPDATE_SCHEMAS"):
        SCHEMAS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert found == dict(sorted(json.loads(SCHEMAS.read_text(encoding="utf-8")).items()))


def test_learn_save_load_and_use_in_one_graph(server: Client) -> None:
    before = stock(server)
    graph = {
        **trained(),
        "save": save("graph_test"),
        "load": loaded(["save", 1]),
        "apply": applied(["two", 0], "graph_test"),
        "lora": node(
            "LoraLoader",
            model=["ckpt", 0],
            clip=["ckpt", 1],
            lora_name="graph_test.safetensors",
            strength_model=1.0,
            strength_clip=1.0,
        ),
        **picture("loaded", ["load", 0], ["load", 1], "(<graph_test> heart:1.2) on a green background"),
        **picture("applied", ["apply", 0], ["apply", 1], "(<graph_test> heart:1.2) on a green background"),
        **picture("class", ["ckpt", 0], ["ckpt", 1], "(heart:1.2) on a green background"),
        "phrase": node("PreviewAny", source=["load", 2]),
    }
    export = graph.pop("lora")
    entry = server.run(graph)
    assert server.base is not None
    file = server.base / "models" / "single_image_studio" / "concepts" / "graph_test.safetensors"
    assert file.is_file() and file.stat().st_size < 2_000_000
    assert "<graph_test> heart" in json.dumps(entry["outputs"]["phrase"])
    by_name, by_wire, plain = (pixels(server, entry, key) for key in ("loaded", "applied", "class"))
    assert np.array_equal(by_name, by_wire)
    assert not np.array_equal(by_name, plain)
    # the same through the stock nodes, from the exported files
    exported = {
        **sources(),
        "lora": export,
        **picture("exported", ["lora", 0], ["lora", 1], "(embedding:graph_test heart:1.2) on a green background"),
    }
    assert np.array_equal(pixels(server, server.run(exported), "exported"), by_name)
    assert np.array_equal(stock(server), before)


def test_fp16_exports_draw_nearly_the_same_through_the_stock_nodes(server: Client) -> None:
    server.run({**trained(), "save": save("exported_half", export_precision="fp16")})
    assert server.base is not None
    models = server.base / "models"
    files = [models / kind / "exported_half.safetensors" for kind in ("embeddings", "loras")]
    assert all(tensor.dtype == torch.float16 for file in files for tensor in load_file(file).values())
    for file in files:  # the host's own model library shows the preview, as WebP
        shown = server.request(f"/experiment/models/preview/{file.parent.name}/0/{file.name}")
        pictures = [Image.open(io.BytesIO(shown)), Image.open(file.with_name("exported_half.preview.png"))]
        found, written = (np.asarray(image.convert("RGB"), float) for image in pictures)
        assert found.shape == written.shape and np.abs(found - written).mean() < 8
    prompt = "heart on a green background"
    lora = node("LoraLoader", model=["ckpt", 0], clip=["ckpt", 1], lora_name="exported_half.safetensors")
    lora["inputs"] |= {"strength_model": 1.0, "strength_clip": 1.0}
    entry = server.run(
        {
            **sources(),
            "load": loaded("exported_half"),
            "lora": lora,
            **picture("ours", ["load", 0], ["load", 1], f"<exported_half> {prompt}"),
            **picture("stock", ["lora", 0], ["lora", 1], f"embedding:exported_half {prompt}"),
            **picture("plain", ["ckpt", 0], ["ckpt", 1], prompt),
        }
    )
    ours, exported, plain = (pixels(server, entry, key).astype(float) for key in ("ours", "stock", "plain"))
    assert np.abs(exported - ours).mean() < 0.05 * np.abs(plain - ours).mean()


def test_saving_again_never_overwrites(server: Client) -> None:
    assert server.base is not None
    folder = server.base / "models" / "single_image_studio" / "concepts"
    first = server.run({**trained(seed=11), "save": save("twice")})
    content = (folder / "twice.safetensors").read_bytes()
    server.free()
    server.run({**trained(seed=11), "save": save("twice")})
    assert not (folder / "twice_2.safetensors").exists()  # the same concept: the same seed gives the same bits
    second = server.run({**trained(seed=12), "save": save("twice")})
    assert (folder / "twice.safetensors").read_bytes() == content
    assert "twice_2" in json.dumps(second["outputs"]["save"]) and "twice_2" not in json.dumps(first["outputs"]["save"])


def test_a_loaded_concept_goes_on_to_stage_two(server: Client) -> None:
    server.run({**trained(encoder="cnn", seed=21), "save": save("go_on", include_picture=True)})
    load = loaded("go_on")
    graph = {**sources(), "load": load, "two": stage2(concept=["load", 3]), "save": save("gone_on")}
    server.run(graph)
    server.run({**trained(seed=22), "save": save("bare", include_picture=False)})
    graph["load"]["inputs"]["concept_name"] = "bare"
    with pytest.raises(RunFailed, match="include_picture"):
        server.run(graph)


def test_two_concepts_in_one_prompt(server: Client) -> None:
    graph = {**trained(seed=31), "three": stage1(image=["image", 0], seed=32, steps=1)}
    graph["a"] = applied(["two", 0], "a")
    graph["b"] = applied(["three", 0], "b", model=["a", 0], clip=["a", 1])
    entry = server.run(
        {
            **graph,
            **picture("ab", ["b", 0], ["b", 1], "<a> heart and a <b> heart"),
            **picture("aa", ["b", 0], ["b", 1], "<a> heart and a <a> heart"),
        }
    )
    assert not np.array_equal(pixels(server, entry, "ab"), pixels(server, entry, "aa"))


def test_loss_plots_in_the_stock_node(server: Client) -> None:
    plots = {
        key: node("LossGraphNode", loss=[source, 1], filename_prefix="loss")
        for key, source in (("plot", "two"), ("plot1", "one"))
    }
    entry = server.run({**trained(steps=3), **plots})
    assert entry["outputs"]["plot"]["images"] and entry["outputs"]["plot1"]["images"]


def test_previews_are_shown_while_it_trains(server: Client) -> None:
    graph = {**trained(steps=4, preview_every=1, seed=41), "save": save("previews")}
    prompt_id = server.post(graph)
    assert describe_failure(wait_to_the_last_event(server, prompt_id)) is None
    assert any(event["type"] == "preview" for event in server.events)
    progress = [event["data"] for event in server.events_of(prompt_id, "progress")]
    assert any(p["value"] == 4 and p["max"] == 4 for p in progress)


def test_cancel_takes_effect_within_a_step_and_leaves_nothing(server: Client) -> None:
    before = stock(server)
    for name, graph in (
        ("one", {**sources(), "one": stage1(steps=5000, seed=51)}),
        ("two", {**sources(), "one": stage1(steps=1, seed=52), "two": stage2(steps=5000)}),
    ):
        run = cancel_at(server, {**graph, "save": save("never", concept=[name, 0])}, name, step=3)
        # the host throttles its messages; what counts is that it stopped thousands of steps early
        assert run.after - run.before < 50
    assert server.base is not None
    assert not (server.base / "models" / "single_image_studio" / "concepts" / "never.safetensors").exists()
    assert np.array_equal(stock(server), before)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"class_word": " "}, "class_word"),
        ({"class_word": "heart " * 90}, "class_word"),
        ({"steps": 0}, "steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"image": ["two_images", 0]}, "`image` is a batch of 2"),
        ({"mask": ["black", 0]}, "`mask` marks nothing"),
        ({"image": ["small", 0]}, "at least 64"),
    ],
)
def test_bad_input_is_one_sentence_that_names_the_input(server: Client, changes: dict[str, Any], words: str) -> None:
    graph = {
        **trained(**changes),
        "save": save("bad"),
        "two_images": node("RepeatImageBatch", image=["image", 0], amount=2),
        "black": node("SolidMask", value=0.0, width=128, height=128),
        "small": node("EmptyImage", width=32, height=32, batch_size=1, color=0),
    }
    message = failure(server, graph)
    assert words in message and "Traceback" not in message


def test_strange_but_workable_input_runs(server: Client) -> None:
    graph = {
        **sources(),
        "wide": node("EmptyImage", width=200, height=128, batch_size=1, color=255),
        "white": node("SolidMask", value=1.0, width=64, height=64),
        "one": stage1(image=["wide", 0], mask=["white", 0], steps=1, class_word="red heart star", seed=61),
        "two": stage2(steps=1),
        "save": save("strange"),
    }
    server.run(graph)
    assert "mask was resized" in server.log() and "repeating its edge" in server.log()
    server.run(graph | {"one": stage1(mask=["white", 0], steps=1, seed=62)})
    assert "nothing is left for the background loss" in server.log()


@pytest.mark.parametrize("name", ["", "   ", "../evil", "a/b", "CON", "x" * 300, "two words", ".hidden"])
def test_bad_names_are_refused_and_nothing_is_written(server: Client, name: str) -> None:
    assert server.base is not None
    before = sorted(server.base.rglob("*.safetensors"))
    assert "name" in failure(server, {**trained(), "save": save(name)})
    assert sorted(server.base.rglob("*.safetensors")) == before


def test_bad_concept_files(server: Client) -> None:
    assert server.base is not None
    folder = server.base / "models" / "single_image_studio" / "concepts"
    folder.mkdir(parents=True, exist_ok=True)
    trap = server.base / "trap"
    (folder / "pickle.safetensors").write_bytes(b"\x80\x04cposix\nsystem\n(S'touch %s'\ntR." % str(trap).encode())
    (folder / "torn.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    for name, words in (("pickle", "pickle"), ("torn", "torn"), ("missing", "missing")):
        graph = {**sources(), "load": loaded(name), "show": node("PreviewAny", source=["load", 2])}
        assert words in failure(server, graph)
    assert not trap.exists()
    for name in ("pickle", "torn"):
        (folder / f"{name}.safetensors").unlink()
