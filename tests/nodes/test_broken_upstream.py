"""A broken file in the host's folders is named over HTTP too, and what comes after it works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from lab.hosting.client import Client

from ..helpers import editing_graphs
from ..helpers.graphs import Graph, node, save, sources, stage1
from ..helpers.runs import failure, stock

CHECKPOINT = "sis_demo_sd15.safetensors"
SPOILT = (
    "model.diffusion_model.out.2.bias",
    "cond_stage_model.transformer.text_model.final_layer_norm.weight",
    "first_stage_model.taesd_encoder.0.bias",
    "first_stage_model.taesd_decoder.1.bias",
)


@pytest.fixture
def broken_checkpoint(server: Client) -> str:
    """The demo checkpoint with a NaN in one weight each of its UNet, its text encoder and its VAE."""
    assert server.base is not None
    folder, name = server.base / "models" / "checkpoints", "broken.safetensors"
    tensors = load_file(folder / CHECKPOINT)
    for key in SPOILT:
        tensors[key] = tensors[key].clone()
        tensors[key].flatten()[0] = float("nan")
    save_file(tensors, folder / name)
    return name


@pytest.fixture
def infinite_vae(server: Client) -> str:
    """The demo's VAE as a file of its own, with one infinite bias in its encoder."""
    assert server.base is not None
    tensors = load_file(server.base / "models" / "checkpoints" / CHECKPOINT)
    prefix = "first_stage_model."
    vae = {key.removeprefix(prefix): tensor.clone() for key, tensor in tensors.items() if key.startswith(prefix)}
    vae["taesd_encoder.0.bias"][0] = float("inf")
    path = server.base / "models" / "vae" / "infinite.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(vae, path)
    return path.name


def learning(**changes: Any) -> Graph:
    graph = {**sources(), "bad": node("CheckpointLoaderSimple", ckpt_name="broken.safetensors")}
    return {**graph, "one": stage1(seed=881, **changes), "save": save("never", concept=["one", 0])}


def editing(**changes: Any) -> Graph:
    graph = {
        **editing_graphs.sources(),
        "bad": node("CheckpointLoaderSimple", ckpt_name="broken.safetensors"),
        "bad_latent": node("VAEEncode", pixels=["image", 0], vae=["bad", 2]),
        "bad_prompt": node("CLIPTextEncode", clip=["bad", 1], text="a heart"),
        "inv": editing_graphs.inversion(steps=2),
        "opt": editing_graphs.imagic(steps=1),
        "edit": editing_graphs.edit(optimized=["opt", 0]),
        "grid": editing_graphs.grid(),
        "images": node("PreviewImage", images=["grid", 0]),
        **editing_graphs.shown(["edit", 0]),
    }
    return graph | changes


BROKEN = {
    "Stage I, VAE": (learning(vae=["bad", 2]), "`vae` gives"),
    "Stage I, CLIP": (learning(clip=["bad", 1]), "`clip` gives"),
    "Stage I, model": (learning(model=["bad", 0]), "`model` gives"),
    "text, latent": (editing(opt=editing_graphs.imagic(steps=1, latent=["bad_latent", 0])), "`latent` holds"),
    "text, target": (editing(opt=editing_graphs.imagic(steps=1, target=["bad_prompt", 0])), "`target` holds"),
    "inversion, VAE": (editing(inv=editing_graphs.inversion(steps=2, vae=["bad", 2])), "`vae` gives"),
    "inversion, model": (editing(inv=editing_graphs.inversion(steps=2, model=["bad", 0])), "`model` gives"),
    "edit, target": (editing(edit=editing_graphs.edit(target=["bad_prompt", 0])), "`target` holds"),
    "edit, model": (editing(edit=editing_graphs.edit(model=["bad", 0])), "`model` gives"),
    "grid, VAE": (editing(grid=editing_graphs.grid(vae=["bad", 2])), "`vae` gives"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named(server: Client, broken_checkpoint: str, case: str) -> None:
    graph, sentence = BROKEN[case]
    said = failure(server, graph)
    assert f"{sentence} numbers that are not finite" in said and "lower `learning_rate`" not in said


def test_an_infinite_vae_is_named(server: Client, infinite_vae: str) -> None:
    wrong = {"wrong": node("VAELoader", vae_name=infinite_vae)}
    said = failure(
        server, {**sources(), **wrong, "one": stage1(vae=["wrong", 0]), "save": save("never", concept=["one", 0])}
    )
    assert "`vae` gives numbers that are not finite" in said


def test_nothing_is_left_of_a_broken_checkpoint(server: Client, broken_checkpoint: str) -> None:
    before = stock(server)
    failure(server, learning(model=["bad", 0]))
    assert np.array_equal(stock(server), before)
