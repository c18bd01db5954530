"""Editing as an artist meets it: over HTTP, on a real ComfyUI, with the demo model."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.hosting.client import Client
from single_image_studio.inversion.grid import LARGEST_ALPHA
from single_image_studio.inversion.methods import METHODS

from ..helpers.editing_graphs import STEPS, edit, grid, imagic, inversion, report_of, shown, sources
from ..helpers.graphs import Graph, node
from ..helpers.runs import failure, stock
from ..helpers.waiting import cancel_at


def pixels(server: Client, entry: dict[str, Any], key: str = "out") -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(server.view(entry["outputs"][key]["images"][0]))), np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_inverts_edits_and_leaves_the_model_alone(server: Client, method: str) -> None:
    before = stock(server)
    graph = {
        **sources(),
        "opt": imagic(),
        "inv": inversion(method=method, vae=["ckpt", 2]),
        "edit": edit(optimized=["opt", 0]),
        **shown(["edit", 0]),
        **report_of(),
    }
    entry = server.run(graph)
    assert pixels(server, entry).shape == (128, 128, 3)
    text = json.dumps(entry["outputs"]["report"])
    assert (
        f"method: {method}" in text
        and "pixels after the VAE" in text
        and re.search(r"UNet evaluations: \d+; seconds", text)
    )
    assert np.array_equal(stock(server), before)


def test_the_shipped_workflow_runs_on_the_demo_model(server: Client, api_workflow) -> None:
    graph = api_workflow(
        "edit_a_photo",
        {
            "Load Checkpoint": {"ckpt_name": "sis_demo_sd15.safetensors"},
            "Picture": {"image": "heart.png"},
            "Size": {"width": 128, "height": 128},
            "Target prompt": {"text": "a star"},
            "Text optimisation": {"steps": 2},
            "Inversion": {"steps": STEPS, "inner_steps": 1},
            "Save Inversion": {"name": "shipped"},
            "Edit Grid": {"alphas": "0, 1", "source_ratios": "0.2, 1"},
        },
    )
    entry = server.run(graph)
    assert (
        server.base is not None
        and (server.base / "models/single_image_studio/inversions/shipped.safetensors").is_file()
    )
    grid = np.asarray(Image.open(io.BytesIO(server.view(entry["outputs"]["15"]["images"][0]))))
    assert grid.shape[0] > 256 and grid.shape[1] > 256


@pytest.mark.parametrize("sampler", ["euler", "ddim"])
@pytest.mark.parametrize("method", ["null_text", "negative_prompt"])
def test_stock_nodes_sample_the_same_edit(server: Client, method: str, sampler: str) -> None:
    """noise_latent, uncond and the timestep-aware conditioning on an untouched KSampler, against our own sampler.

    The stock ddim_uniform ends at noise 0 where DDIM as published ends at its lowest level, which no picture shows.
    """
    chosen = {"alpha": 0.4, "source_ratio": 0.3}
    graph = {
        **sources(),
        "inv": inversion(method=method),
        "edit": edit(**chosen),
        **shown(["edit", 0]),
        "pos": node("SIS_TimestepAwareConditioning", source=["source", 0], target=["target", 0], steps=STEPS, **chosen),
        "ks": node(
            "KSamplerAdvanced",
            model=["ckpt", 0],
            add_noise="disable",
            noise_seed=0,
            steps=STEPS,
            cfg=5.0,
            sampler_name=sampler,
            scheduler="ddim_uniform",
            positive=["pos", 0],
            negative=["inv", 2],
            latent_image=["inv", 1],
            start_at_step=0,
            end_at_step=STEPS,
            return_with_leftover_noise="disable",
        ),
        "stock_decoded": node("VAEDecode", samples=["ks", 0], vae=["ckpt", 2]),
        "stock_out": node("SaveImage", images=["stock_decoded", 0], filename_prefix="stock"),
    }
    entry = server.run(graph)
    ours, theirs = pixels(server, entry), pixels(server, entry, "stock_out")
    assert np.abs(ours - theirs).mean() < 2.0 < np.abs(ours - pixels_of_source()).mean()


def pixels_of_source() -> np.ndarray:
    import pathlib

    return np.asarray(
        Image.open(pathlib.Path(__file__).parents[2] / "lab" / "world" / "concepts" / "heart.png").convert("RGB"),
        np.float32,
    )


def test_a_saved_inversion_edits_without_inverting(server: Client) -> None:
    saving = {
        **sources(),
        "inv": inversion(method="null_text"),
        "save": node("SIS_SaveInversion", inversion=["inv", 0], name="kept"),
        "edit": edit(),
        **shown(["edit", 0]),
    }
    first = pixels(server, server.run(saving))
    loading = {
        **sources(),
        "inv": node("SIS_LoadInversion", inversion_name="kept"),
        "edit": edit(),
        **shown(["edit", 0]),
    }
    server.free()
    assert np.array_equal(pixels(server, server.run(loading)), first)


def test_a_target_saved_with_its_inversion_is_not_optimised_again(server: Client) -> None:
    saving = {
        **sources(),
        "inv": inversion(method="direct"),
        "text": imagic(rate_schedule="cosine", timesteps="golden_ratio"),
        "save": node("SIS_SaveInversion", inversion=["inv", 0], name="kept_prompt", optimized=["text", 0]),
        "edit": edit(optimized=["text", 0]),
        **shown(["edit", 0]),
    }
    first = pixels(server, server.run(saving))
    loading = {
        **sources(),
        "inv": node("SIS_LoadInversion", inversion_name="kept_prompt"),
        "text": imagic(rate_schedule="cosine", timesteps="golden_ratio", inversion=["inv", 0]),
        "edit": edit(optimized=["text", 0]),
        **shown(["edit", 0]),
    }
    server.free()
    assert np.array_equal(pixels(server, server.run(loading)), first)
    assert "`inversion` keeps this prompt, so nothing is optimised" in server.log()


def test_a_new_target_inverts_nothing_again(server: Client) -> None:
    """The host's cache: source and latent are the same, so the inversion is not run again."""
    server.run({**sources("a red heart"), "inv": inversion(), "edit": edit(), **shown(["edit", 0])})
    entry = server.run({**sources("a blue heart"), "inv": inversion(), "edit": edit(), **shown(["edit", 0])})
    cached = next(data for kind, data in entry["status"]["messages"] if kind == "execution_cached")["nodes"]
    assert "inv" in cached and "edit" not in cached


def test_alpha_zero_with_the_source_alone_gives_the_picture_back(server: Client) -> None:
    graph = {
        **sources(),
        "inv": inversion(method="direct", steps=20),
        "edit": edit(alpha=0.0),
        **shown(["edit", 0]),
        "vae": node("VAEDecode", samples=["latent", 0], vae=["ckpt", 2]),
        "plain": node("SaveImage", images=["vae", 0], filename_prefix="plain"),
    }
    entry = server.run(graph)
    assert np.abs(pixels(server, entry) - pixels(server, entry, "plain")).max() <= 1


def test_a_grid_of_a_batch_of_oblong_pictures(server: Client) -> None:
    graph = {
        **sources(),
        "wide": node(
            "ImageScale", image=["image", 0], upscale_method="lanczos", width=168, height=104, crop="disabled"
        ),
        "two": node("RepeatImageBatch", image=["wide", 0], amount=2),
        "latent": node("VAEEncode", pixels=["two", 0], vae=["ckpt", 2]),
        "inv": inversion(steps=5),
        "opt": imagic(),
        "grid": grid(optimized=["opt", 0]),
        "images": node("SaveImage", images=["grid", 1], filename_prefix="cells"),
        "labels": node("PreviewAny", source=["grid", 2]),
    }
    entry = server.run(graph)
    assert len(entry["outputs"]["images"]["images"]) == 4
    assert pixels(server, entry, "images").shape == (104, 168, 3)
    assert "alpha 0.2, source ratio 0.2" in json.dumps(entry["outputs"]["labels"])


@pytest.mark.parametrize("name", ["SIS_TimestepAwareKSampler", "SIS_TimestepAwareConditioning"])
def test_every_cell_that_a_grid_can_have_fits_the_nodes_it_is_sent_to(server: Client, name: str) -> None:
    widgets = server.get("/object_info")[name]["input"]["required"]
    assert [widgets["alpha"][1][end] for end in ("min", "max")] == [-LARGEST_ALPHA, LARGEST_ALPHA]
    assert [widgets["source_ratio"][1][end] for end in ("min", "max")] == [0, 1]


@pytest.mark.parametrize("alpha", [4.0, -5.0])
def test_a_far_cell_of_a_grid_is_the_edit_of_its_values(server: Client, alpha: float) -> None:
    values, prompts = {"alpha": alpha, "source_ratio": 0.5}, {"source": ["source", 0], "target": ["target", 0]}
    graph = {
        **sources(),
        "inv": inversion(),
        "grid": grid(alphas=str(alpha), source_ratios="0.5"),
        "cell": node("SaveImage", images=["grid", 1], filename_prefix="far"),
        "edit": edit(**values),
        **shown(["edit", 0]),
        "prompt": node("SIS_TimestepAwareConditioning", **prompts, steps=STEPS, **values),
        "told": node("PreviewAny", source=["prompt", 0]),
    }
    entry = server.run(graph)
    assert np.array_equal(pixels(server, entry), pixels(server, entry, "cell"))


@pytest.mark.parametrize(
    ("slow", "step", "changes"),
    [
        ("inv", 22, {"inv": inversion(method="null_text", steps=20, inner_steps=50, tolerance=0.0)}),  # optimising
        ("opt", 3, {"opt": imagic(steps=9000), "edit": edit(optimized=["opt", 0])}),
        (
            "grid",
            3,
            {
                "grid": grid(alphas=" ".join(str(i / 100) for i in range(100))),
                "images": node("PreviewImage", images=["grid", 0]),
            },
        ),
    ],
    ids=["inversion", "text", "grid"],
)
def test_a_cancel_stops_within_a_step_and_leaves_the_model_alone(
    server: Client, slow: str, step: int, changes: Graph
) -> None:
    before = stock(server)
    graph = {**sources(), "inv": inversion(), "edit": edit(), **shown(["edit", 0]), **changes}
    run = cancel_at(server, graph, slow, step)
    assert run.after - run.before < 50
    assert np.array_equal(stock(server), before)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"inv": inversion(cfg=1.0, method="null_text")}, None),
        ({"inv": inversion(steps=7)}, None),
        ({"edit": edit(alpha=1.7)}, None),
        ({"edit": edit(alpha=-0.5, source_ratio=0.0)}, None),
        ({"edit": edit(source_ratio=1.0)}, None),
        ({"target": node("CLIPTextEncode", clip=["ckpt", 1], text="a heart " * 60)}, None),
        ({"source": node("CLIPTextEncode", clip=["ckpt", 1], text="a heart " * 90)}, None),
        (
            {"latent": node("EmptySD3LatentImage", width=128, height=128, batch_size=1)},
            "`latent` seems to be made for Stable Diffusion 3, Flux .* VAE",
        ),
        (
            {
                "sampling": node("ModelSamplingDiscrete", model=["ckpt", 0], sampling="v_prediction", zsnr=False),
                "inv": inversion(model=["sampling", 0]),
            },
            "`model` is patched",
        ),
    ],
)
def test_bad_and_odd_input(server: Client, change: Graph, sentence: str | None) -> None:
    graph = {**sources(), "inv": inversion(), "edit": edit(), **shown(["edit", 0]), **change}
    if sentence is None:
        assert np.isfinite(pixels(server, server.run(graph))).all()
    else:
        assert re.search(sentence, failure(server, graph))


@pytest.mark.parametrize(
    ("alphas", "ratios", "sentence"),
    [
        ("a, b", "0.1", "`alphas`"),
        ("", "0.1", "`alphas`"),
        ("0.1", "0.1 2", "`source_ratio`"),
        ("nan", "0", "`alphas`"),
    ],
)
def test_a_grid_without_numbers(server: Client, alphas: str, ratios: str, sentence: str) -> None:
    graph = {
        **sources(),
        "inv": inversion(),
        "grid": grid(alphas=alphas, source_ratios=ratios),
        "images": node("PreviewImage", images=["grid", 0]),
    }
    assert sentence in failure(server, graph)
