"""API workflows as the tests post them: learning a concept on the demo model, saving it, and drawing with it."""

from __future__ import annotations

from typing import Any

Graph = dict[str, dict[str, Any]]


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def sources() -> Graph:
    return {
        "ckpt": node("CheckpointLoaderSimple", ckpt_name="sis_demo_sd15.safetensors"),
        "image": node("LoadImage", image="heart.png"),
        "mask": node("LoadImageMask", image="heart_mask.png", channel="red"),
    }


def stage1(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["ckpt", 0],
        "clip": ["ckpt", 1],
        "vae": ["ckpt", 2],
        "image": ["image", 0],
        "mask": ["mask", 0],
        "class_word": "heart",
        "steps": 2,
        "batch_size": 2,
        "learning_rate": 0.005,
        "background_weight": 1.0,
        "encoder": "none",
        "seed": 1,
        "precision": "auto",
        "gradient_checkpointing": "auto",
        "preview_every": 0,
    }
    return node("SIS_TrainStage1", **(inputs | changes))


def stage2(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["ckpt", 0],
        "clip": ["ckpt", 1],
        "vae": ["ckpt", 2],
        "concept": ["one", 0],
        "steps": 2,
        "batch_size": 2,
        "learning_rate": 0.01,
        "background_weight": 1.0,
        "semantic_weight": 1.0,
        "rank": 4,
        "train_text_encoder": True,
        "seed": 1,
        "precision": "auto",
        "gradient_checkpointing": "auto",
        "preview_every": 0,
    }
    return node("SIS_TrainStage2", **(inputs | changes))


def trained(**changes: Any) -> Graph:
    """Both stages, at the smallest size."""
    return {**sources(), "one": stage1(**({"resolution": 64} | changes)), "two": stage2()}


def save(name: str, **changes: Any) -> dict[str, Any]:
    return node("SIS_SaveConcept", **({"concept": ["two", 0], "name": name, "export_for_other_tools": True} | changes))


def loaded(name: Any, **changes: Any) -> dict[str, Any]:
    """Load Concept by a name, or by the wire of one."""
    inputs = {
        "model": ["ckpt", 0],
        "clip": ["ckpt", 1],
        "concept_name": name,
        "strength_model": 1.0,
        "strength_clip": 1.0,
    }
    return node("SIS_LoadConcept", **(inputs | changes))


def applied(concept: list[Any], name: str, **changes: Any) -> dict[str, Any]:
    """Apply Concept, from the wire of a concept."""
    inputs = {"model": ["ckpt", 0], "clip": ["ckpt", 1], "concept": concept, "name": name}
    return node("SIS_ApplyConcept", **(inputs | {"strength_model": 1.0, "strength_clip": 1.0} | changes))


def picture(prefix: str, model: list[Any], clip: list[Any], text: str) -> Graph:
    return {
        f"{prefix}_pos": node("CLIPTextEncode", clip=clip, text=text),
        f"{prefix}_neg": node("CLIPTextEncode", clip=clip, text=""),
        f"{prefix}_empty": node("EmptyLatentImage", width=128, height=128, batch_size=1),
        f"{prefix}_ks": node(
            "KSampler",
            model=model,
            seed=5,
            steps=4,
            cfg=5.0,
            sampler_name="euler",
            scheduler="normal",
            positive=[f"{prefix}_pos", 0],
            negative=[f"{prefix}_neg", 0],
            latent_image=[f"{prefix}_empty", 0],
            denoise=1.0,
        ),
        f"{prefix}_vae": node("VAEDecode", samples=[f"{prefix}_ks", 0], vae=["ckpt", 2]),
        f"{prefix}": node("SaveImage", images=[f"{prefix}_vae", 0], filename_prefix=prefix),
    }
