"""Editing Prompts in a graph: the host runs what follows once for each prompt."""

from __future__ import annotations

import json
import pathlib

import pytest

from lab.hosting.client import Client, RunFailed

from ..helpers.graphs import node


def prompts(phrase: object, **changes: object) -> dict:
    return node("SIS_EditingPrompts", phrase=phrase, prompt_set="singleinsert", **changes)


def test_each_prompt_gives_its_own_picture(server: Client) -> None:
    graph = {
        "ckpt": node("CheckpointLoaderSimple", ckpt_name="sis_demo_sd15.safetensors"),
        "list": prompts("heart"),
        "pos": node("CLIPTextEncode", clip=["ckpt", 1], text=["list", 0]),
        "neg": node("CLIPTextEncode", clip=["ckpt", 1], text=""),
        "empty": node("EmptyLatentImage", width=128, height=128, batch_size=1),
        "ks": node(
            "KSampler",
            model=["ckpt", 0],
            seed=5,
            steps=2,
            cfg=5.0,
            sampler_name="euler",
            scheduler="normal",
            positive=["pos", 0],
            negative=["neg", 0],
            latent_image=["empty", 0],
            denoise=1.0,
        ),
        "vae": node("VAEDecode", samples=["ks", 0], vae=["ckpt", 2]),
        "out": node("SaveImage", images=["vae", 0], filename_prefix="esr"),
        "text": node("PreviewAny", source=["list", 2]),
        "goals": node("PreviewAny", source=["list", 1]),
    }
    outputs = server.run(graph)["outputs"]
    pictures = [server.view(image) for image in outputs["out"]["images"]]
    assert len(pictures) == len(set(pictures)) == 10
    assert "10. `heart with teal hair, in front of a pink wall`" in json.dumps(outputs["text"])
    assert "half a point: police uniform; half a point: blue beret" in json.dumps(outputs["goals"])


def test_own_prompts_take_the_place_of_the_set(server: Client) -> None:
    graph = {
        "list": prompts("<a> heart", own_prompts="PHRASE in snow\na CLASS"),
        "text": node("PreviewAny", source=["list", 0]),
    }
    assert server.run(graph)["outputs"]["text"]["text"] == ["<a> heart in snow", "a heart"]


def test_an_empty_phrase_says_what_to_write(server: Client) -> None:
    with pytest.raises(RunFailed, match="`phrase` is empty"):
        server.run({"list": prompts("  "), "text": node("PreviewAny", source=["list", 2])})


def test_an_unknown_set_is_told(host: pathlib.Path) -> None:
    """By hosts that let it through."""
    from single_image_studio.nodes.judging import EditingPrompts
    from single_image_studio.support.errors import InputError

    with pytest.raises(
        InputError, match="`prompt_set` is 'mine'; expected one of singleinsert, dreambooth_object, dreambooth_live"
    ):
        EditingPrompts.execute("<a> face", "mine")
