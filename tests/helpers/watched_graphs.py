"""Small graphs whose live views the page tests watch."""

from __future__ import annotations

import itertools

from .graphs import Graph, node

SEEDS = itertools.count(9000)  # nothing may come from the host's cache unasked


def watched_sources() -> Graph:
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sis_demo_sd15.safetensors"),
        "2": node("LoadImage", image="heart.png"),
        "3": node("LoadImageMask", image="heart_mask.png", channel="red"),
    }


def learning(steps: int = 12, preview_every: int = 0) -> Graph:
    """Both stages on the demo's picture, in its smallest form; `steps` are Stage I's."""
    models = {"model": ["1", 0], "clip": ["1", 1], "vae": ["1", 2]}
    shared = {
        "batch_size": 1,
        "background_weight": 1.0,
        "seed": next(SEEDS),
        "precision": "auto",
        "gradient_checkpointing": "off",
        "preview_every": preview_every,
    }
    return {
        **watched_sources(),
        "4": node(
            "SIS_TrainStage1",
            **models,
            image=["2", 0],
            mask=["3", 0],
            class_word="heart",
            steps=steps,
            learning_rate=0.02,
            encoder="none",
            resolution=64,
            **shared,
        ),
        "5": node(
            "SIS_TrainStage2",
            **models,
            concept=["4", 0],
            steps=12,
            learning_rate=0.005,
            semantic_weight=1.0,
            rank=4,
            train_text_encoder=True,
            class_text_encoder="tuned",
            **shared,
        ),
        "6": node("SIS_SaveConcept", concept=["5", 0], name="watched", export_for_other_tools=False),
        "7": node("PreviewAny", source=["6", 1]),
    }


def editing() -> Graph:
    """Text optimisation and inversion of the demo's picture at 64 x 64."""
    prompts = {
        "8": node("CLIPTextEncode", clip=["1", 1], text="a heart"),
        "9": node("CLIPTextEncode", clip=["1", 1], text=""),
    }
    small = {
        "10": node("ImageScale", image=["2", 0], upscale_method="area", width=64, height=64, crop="disabled"),
        "11": node("VAEEncode", pixels=["10", 0], vae=["1", 2]),
    }
    inputs = watched_sources()
    del inputs["3"]
    return {
        **inputs,
        **prompts,
        **small,
        "4": node(
            "SIS_ImagicTextOptimize",
            model=["1", 0],
            target=["8", 0],
            latent=["11", 0],
            steps=10,
            learning_rate=0.001,
            batch_size=1,
            seed=next(SEEDS),
            precision="auto",
        ),
        "5": node(
            "SIS_NullTextInvert",
            model=["1", 0],
            latent=["11", 0],
            source=["9", 0],
            uncond=["9", 0],
            method="null_text",
            steps=10,
            cfg=5.0,
            inner_steps=1,
            learning_rate=0.01,
            tolerance=0.0,
            precision="auto",
            steps_offset=1,
        ),
        "6": node("PreviewAny", source=["5", 3]),
        "7": node("PreviewAny", source=["4", 1]),
    }
