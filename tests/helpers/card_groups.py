"""The groups of work that a pretended card has to do. All nodes are in one of them."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.support.errors import InputError

from . import artists_graphs, metrics
from .card_work import Found, Wires, encode, group, image, latent_of, mask, numbers_in, tensors_of
from .conditionings import controlnet, with_options
from .lora import some_lora

TRAINING = {"batch_size": 1, "learning_rate": 1e-2, "background_weight": 1.0, "seed": 3, "precision": "auto",
            "gradient_checkpointing": "auto", "preview_every": 1, "resume": False}  # fmt: skip
STAGE_1 = {"class_word": "heart", "steps": 2, "encoder": "none", "resolution": 64}
STAGE_2 = {"steps": 1, "semantic_weight": 1.0, "rank": 2, "train_text_encoder": True, "class_text_encoder": "frozen"}


@group("training: both stages, with previews")
def training(wires: Wires) -> Found:
    graph = wires.model, wires.clip, wires.vae
    learned = wires.run("TrainStage1", *graph, image(), mask(), **TRAINING, **STAGE_1)
    tuned = wires.run("TrainStage2", *graph, learned[0], **TRAINING, **STAGE_2)
    return {"stage 1": learned, "stage 2": tuned}


@group("training: image encoders, several prompts, checkpointing", long=True)
def encoders(wires: Wires) -> Found:
    graph, found = (wires.model, wires.clip, wires.vae), {}
    pace = {"timesteps": "stratified", "rate_schedule": "cosine", "training_prompts": "* on a beach\n*"}
    for encoder in ("cnn", "vit_b32"):
        chosen = {**TRAINING, **STAGE_1, **pace, "encoder": encoder, "learning_rate": 1e-4}
        learned = wires.run("TrainStage1", *graph, image(), mask(), **{**chosen, "gradient_checkpointing": "on"})
        tuning = {**TRAINING, **STAGE_2, **pace, "learning_rate": 1e-4, "lora_basis": "orthogonal"}
        made = wires.made.get(f"stage 1, {encoder}", learned)[0]  # whose bits choose the basis
        tuned = wires.run("TrainStage2", *graph, made, **tuning)
        found |= {f"stage 1, {encoder}": learned, f"stage 2, {encoder}": tuned}
    return found


@group("training and batches gone on with", long=True)
def resumed(wires: Wires) -> Found:
    graph, found = (wires.model, wires.clip, wires.vae), {}

    def learned(steps: int, resume: bool) -> Any:
        chosen = {**TRAINING, **STAGE_1, "steps": steps, "resume": resume}
        return wires.run("TrainStage1", *graph, image(), mask(), **chosen)[0]

    def tuned(steps: int, resume: bool) -> Any:
        chosen = {**TRAINING, **STAGE_2, "steps": steps, "resume": resume}
        return wires.run("TrainStage2", *graph, wires.made["stage 1"][0], **chosen)[0]

    with kept_at_once() as folder:
        for what, make in {"stage 1": learned, "stage 2": tuned}.items():
            make(1, True)
            went_on = found[f"{what}, gone on with"] = make(2, True)
            assert "went_on" in wires.warned[-2:]
            assert all(map(torch.equal, tensors_of(went_on), tensors_of(make(2, False))))
        files = set(folder.iterdir())
        found["batch"] = inverted_batch(wires, "null_text", 2), inverted_batch(wires, "null_text", 2)
        assert len(set(folder.iterdir()) - files) == 2
    return found


def inverted_batch(wires: Wires, method: str, steps: int = 1) -> Any:
    """Two pictures' inversion, which goes on with those that are kept."""
    latent, values = latent_of(wires), (method, 1, 5.0, steps, 1e-2, 0.0, "auto")
    latent["samples"] = torch.cat([latent["samples"], latent["samples"].flip(-1)])
    prompts = encode(wires.clip, "a heart"), encode(wires.clip, "")
    return wires.run("NullTextInvert", wires.model, latent, *prompts, *values, resume=True)[0]


@group("half of a batch gone on with")
def half_resumed(wires: Wires) -> Found:
    found = {}
    for method in ("null_text", "direct"):
        with kept_at_once() as folder:
            found[method] = inverted_batch(wires, method)
            kept = sorted(folder.iterdir())
            assert len(kept) == 2
            for lost in kept:  # a picture of an earlier run, beside one of this run
                lost.unlink()
                assert all(map(torch.equal, tensors_of(inverted_batch(wires, method)), tensors_of(found[method])))
    return found


@contextlib.contextmanager
def kept_at_once() -> Iterator[pathlib.Path]:
    """Every state of a training and every picture of a batch is kept, in a folder of its own."""
    from single_image_studio.pipelines import finished_pictures, invert_pictures, learn_concept, resuming
    from single_image_studio.support.bounded_folder import BoundedFolder

    with tempfile.TemporaryDirectory() as path, pytest.MonkeyPatch.context() as patch:
        for name, value in {"EVERY": 0.0, "WORTH": 0.0, "SHARE": 1e9, "SHARE_AT_END": 1e9}.items():
            patch.setattr(resuming, name, value)
        patch.setattr(finished_pictures, "WORTH", 0.0)
        folder = BoundedFolder(pathlib.Path(path) / "kept", most_files=8, most_bytes=2**30, days=7, left_free=0)
        patch.setattr(learn_concept, "training_states", lambda: folder)
        patch.setattr(invert_pictures, "finished_pictures", lambda: folder)
        yield folder.path


def applied(wires: Wires, name: str, on: Any = None, **how: Any) -> Any:
    """(MODEL, CLIP) with the concept that was made on the CPU."""
    graph = on or (wires.model, wires.clip)
    return wires.run("ApplyConcept", *graph, wires.made["stage 2"][0], name, 1.0, 1.0, **how)[:2]


@group("concepts: a chain with stock LoRAs, apart, regions")
def concepts(wires: Wires) -> Found:
    import comfy.sd

    lora = some_lora(wires.model, wires.clip, 0.1)
    stock = comfy.sd.load_lora_for_models(wires.model, wires.clip, lora, 0.7, 0.7)
    chain = comfy.sd.load_lora_for_models(*applied(wires, "y", applied(wires, "x", stock)), lora, 0.2, 0.2)
    apart = applied(wires, "x", stock, keep_apart=True)
    both = applied(wires, "y", applied(wires, "x", region=mask()), region=1 - mask())
    return {
        "chain": wires.picture(*chain, "<x> heart and a (<y> heart:1.2)"),
        "apart": wires.picture(*apart, "<x> heart and a star"),
        "regions": wires.picture(*both, "<x> heart and a <y> heart"),
    }


@group("concepts: exports in stock nodes, hooks", long=True)
def exports(wires: Wires) -> Found:
    import comfy.hooks
    import nodes

    found: Found = {}
    for precision in ("fp32", "fp16"):
        concept = wires.made["stage 2"][0]
        saved = wires.run("SaveConcept", concept, f"{wires.name}_{precision}", True, True, precision)[1]
        stock = nodes.LoraLoader().load_lora(wires.model, wires.clip, f"{saved}.safetensors", 1.0, 1.0)
        found[f"exported, {precision}"] = wires.picture(*stock, f"embedding:{saved} heart")
    hooks = wires.run("ApplyConcept", wires.model, wires.clip, wires.made["stage 2"][0], "x", 1.0, 1.0)[3]
    clip = wires.clip.clone()
    clip.apply_hooks_to_conds = hooks
    prompt = comfy.hooks.set_hooks_for_conditioning(encode(clip, "a heart"), hooks)
    return found | {"hooks": wires.picture(wires.model, clip, "", positive=prompt)}


@group("inversion: null-text on concepts, with a noise mask and a VAE")
def inversion(wires: Wires) -> Found:
    graph = applied(wires, "y", applied(wires, "x", region=mask()), region=1 - mask())
    latent, source = latent_of(wires, noise_mask=mask()), encode(graph[1], "<x> heart")
    usual = (2, 5.0, 1, 1e-2, 0.0, "auto", wires.vae)
    inverted = wires.run(
        "NullTextInvert", graph[0], latent, source, encode(wires.clip, ""), "null_text", *usual, resume=False
    )
    return {"inversion": inverted[:3], "source": source}


@group("inversion: every method and solver, a batch", long=True)
def methods(wires: Wires) -> Found:
    from single_image_studio.inversion.methods import METHODS

    latent = latent_of(wires)
    latent["samples"] = torch.cat([latent["samples"], latent["samples"].flip(-1)])
    source, target, uncond = (encode(wires.clip, text) for text in ("a heart", "a star", ""))
    found: Found = {}
    for method, solver in [*((method, "adam") for method in METHODS), ("null_text", "line_search")]:
        usual = (method, 2, 5.0, 4, 1e-2, 0.0, "auto", wires.vae, 1, solver)
        inverted = wires.run("NullTextInvert", wires.model, latent, source, uncond, *usual, resume=False)
        edit = wires.run("TimestepAwareKSampler", wires.model, inverted[0], source, target, 0.5, 0.5)
        found[f"{method}, {solver}"] = inverted[:3], edit
    return found


@group("text optimisation")
def optimising(wires: Wires) -> Found:
    values = (encode(wires.clip, "a star"), latent_of(wires, noise_mask=mask()), 1, 1e-3, 1, 0, "auto")
    return {"optimised": wires.run("ImagicTextOptimize", wires.model, *values, "cosine", "golden_ratio", resume=False)}


def edit_of(wires: Wires) -> tuple[Any, ...]:
    """(inversion, source, target), and with "optimised" the fourth."""
    inverted, target = wires.made["inversion"][0], encode(wires.clip, "a star")
    return inverted, wires.made["source"], target


@group("edits: sampler, grid, several at once")
def edits(wires: Wires) -> Found:
    optimised = wires.made["optimised"][0]
    edit = edit_of(wires)
    single = wires.run("TimestepAwareKSampler", wires.model, *edit, 0.5, 0.5, optimised)
    # all target and all source, of which rounding makes neither the better one
    axes = (wires.model, wires.vae, *edit, "0.5", "0,1", optimised)
    together = wires.run("EditGrid", *axes, True, 2)
    return {"edit": single, "grid, two at once": together[:2]}


@group("files: concepts and inversions, saved and loaded, in stock samplers")
def files(wires: Wires) -> Found:
    saved = wires.run("SaveConcept", wires.made["stage 2"][0], wires.name, True)[1]
    model, clip, _, concept, _ = wires.run("LoadConcept", wires.model, wires.clip, saved, 1.0, 1.0)
    saved = wires.run("SaveInversion", wires.made["inversion"][0], wires.name, wires.made["optimised"][0], "fp16")[1]
    again, noise, uncond = wires.run("LoadInversion", saved)
    prompts = encode(clip, f"<{concept.name}> heart"), encode(wires.clip, "a star")
    positive = wires.run("TimestepAwareConditioning", *prompts, 0.5, 0.5, 2, wires.made["optimised"][0])[0]
    edit = wires.picture(model, clip, "", positive=positive, negative=uncond, latent=noise)
    return {"concept": concept, "inversion from a file": (again, noise, uncond), "stock edit": edit}


@group("edits: other grids, kept inversions and prompts", long=True)
def grids(wires: Wires) -> Found:
    optimised = wires.made["optimised"][0]
    edit = edit_of(wires)
    axes = (wires.model, wires.vae, *edit, "0.1,0.5", "0,0.5", optimised)
    found = {f"grid, {at_once} at once": wires.run("EditGrid", *axes, False, at_once)[:2] for at_once in (0, 1)}
    saved = wires.run("SaveInversion", edit[0], wires.name, optimised)[1]
    again = wires.run("LoadInversion", saved)[0]
    given = (encode(wires.clip, "a star"), latent_of(wires, noise_mask=mask()), 1, 1e-3, 1, 0, "auto")
    kept = wires.run("ImagicTextOptimize", wires.model, *given, "cosine", "golden_ratio", again, resume=False)
    found["loaded edit"] = wires.run("TimestepAwareKSampler", wires.model, again, *edit[1:], 0.5, 0.5, optimised)
    return {**found, "kept prompt": kept}


@group("ControlNet: inversion, text optimisation, edits")
def controlled(wires: Wires) -> Found:
    net = {"control": controlnet(wires.model), "control_apply_to_uncond": True}
    source, target = (with_options(encode(wires.clip, text), **net) for text in ("a heart", "a star"))
    usual = ("null_text", 2, 5.0, 1, 1e-2, 0.0, "auto")
    inverted = wires.run(
        "NullTextInvert", wires.model, latent_of(wires), source, encode(wires.clip, ""), *usual, resume=False
    )
    optimised = wires.run(
        "ImagicTextOptimize", wires.model, target, latent_of(wires), 1, 1e-3, 1, 0, "auto", resume=False
    )
    edit = wires.run("TimestepAwareKSampler", wires.model, inverted[0], source, target, 0.5, 0.5, optimised[0])
    return {"inversion under it": inverted[:3], "optimised under it": optimised, "edit under it": edit}


@group("what hangs on MODEL and prompts (docs/other_packs.md)", long=True)
def hanging(wires: Wires) -> Found:
    found: Found = {}
    for name, hang in artists_graphs.HANGS.items():
        graph = hang(artists_graphs.Graph(wires.model, wires.clip, wires.vae, latent_of(wires)))
        prompts = graph.prompts
        usual = ("null_text", 1, 5.0, 1, 1e-2, 0.0, "auto")
        given = (graph.model, graph.latent, prompts["source"], prompts["uncond"])
        trained = {**TRAINING, **STAGE_1, "steps": 1, "preview_every": 0}
        try:
            inverted = wires.run("NullTextInvert", *given, *usual, resume=False)
            learned = wires.run("TrainStage1", graph.model, graph.clip, graph.vae, image(), mask(), **trained)
            found[name] = inverted[:3], learned[0]
        except InputError:  # what both refuse
            found[name] = ()
    return found


@group("masks: words and hints")
def masks(wires: Wires) -> Found:
    models = {"detector": "sis_demo_dino", "segmenter": "sis_demo_sam", "text_threshold": 0.25}
    usual = {**models, "select": "all", "on_missing": "full", "grow": 1, "feather": 1, "keep_loaded": False}
    words = wires.run("MaskFromPrompt", scene(), prompt="heart", box_threshold=0.3, **usual)
    hints = {"boxes": [{"x": 8, "y": 8, "width": 64, "height": 64}], "points": "[[80, 80]]", "mask_hint": mask()}
    hinted = wires.run("MaskFromPrompt", scene(), prompt="", box_threshold=0.3, **hints, **usual)
    return {"words": (words, numbers_in(words[2])), "hints": hinted}


def scene() -> Tensor:
    """One of the demo's concepts: a heart."""
    import random

    from lab.world import painting, random_scenes

    return torch.from_numpy(painting.render(random_scenes.sample_concept(random.Random(3), "heart"))[0])[None] / 255


@group("word heat maps")
def heatmaps(wires: Wires) -> Found:
    graph, latent = applied(wires, "x", keep_apart=True), {"samples": torch.zeros(1, 4, 8, 8)}
    sampling = {"seed": 7, "steps": 2, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    drawn = {"negative": encode(wires.clip, ""), "latent_image": latent, "vae": wires.vae, "mask": mask()}
    shown = wires.run("WordHeatmaps", *graph, prompt="<x> heart and a star", words="", **drawn, **sampling)
    return {"heat maps": (shown, numbers_in(shown[3]))}


@group("metrics of concepts and edits")
def measured(wires: Wires) -> Found:
    files = {"clip_model": "small_clip", "lpips_model": "small_lpips.safetensors"}
    pictures, left = metrics.batch(1, 2), metrics.left_half()[None]
    concept = wires.run(
        "ConceptMetrics", [metrics.batch(0)], [left], [pictures], [torch.cat([left] * 2)], [metrics.PROMPTS[0]],
        [files["clip_model"]], ["small_dino"], [files["lpips_model"]], [metrics.GOALS[0]],
    )  # fmt: skip
    edit = wires.run(
        "EditMetrics", pictures, pictures.flip(0), "a heart", **files, aesthetic_model="small_head.safetensors"
    )
    return {"concept's": (concept, numbers_in(concept[0])), "edit's": (edit, numbers_in(edit[0]))}
