"""API workflows that invert the demo's heart and edit it."""

from __future__ import annotations

from typing import Any

from .graphs import Graph, node

STEPS = 10


def sources(target: str = "a heart at the left") -> Graph:
    def text(words: str) -> dict[str, Any]:
        return node("CLIPTextEncode", clip=["ckpt", 1], text=words)

    return {
        "ckpt": node("CheckpointLoaderSimple", ckpt_name="sis_demo_sd15.safetensors"),
        "image": node("LoadImage", image="heart.png"),
        "latent": node("VAEEncode", pixels=["image", 0], vae=["ckpt", 2]),
        "source": text("a heart"),
        "target": text(target),
        "empty": text(""),
    }


def imagic(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["ckpt", 0],
        "target": ["target", 0],
        "latent": ["latent", 0],
        "steps": 3,
        "learning_rate": 0.001,
        "batch_size": 1,
        "seed": 0,
        "precision": "auto",
    }
    return node("SIS_ImagicTextOptimize", **(inputs | changes))


def inversion(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["ckpt", 0],
        "latent": ["latent", 0],
        "source": ["source", 0],
        "uncond": ["empty", 0],
        "method": "negative_prompt",
        "steps": STEPS,
        "cfg": 5.0,
        "inner_steps": 2,
        "learning_rate": 0.01,
        "tolerance": 1e-5,
        "precision": "fp32",
    }
    return node("SIS_NullTextInvert", **(inputs | changes))


def edit(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["ckpt", 0],
        "inversion": ["inv", 0],
        "source": ["source", 0],
        "target": ["target", 0],
        "alpha": 0.5,
        "source_ratio": 0.2,
    }
    return node("SIS_TimestepAwareKSampler", **(inputs | changes))


def grid(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["ckpt", 0],
        "vae": ["ckpt", 2],
        "inversion": ["inv", 0],
        "source": ["source", 0],
        "target": ["target", 0],
        "alphas": "0.2, 0.8",
        "source_ratios": "0.2",
    }
    return node("SIS_EditGrid", **(inputs | changes))


def shown(latent: list[Any]) -> Graph:
    return {
        "decoded": node("VAEDecode", samples=latent, vae=["ckpt", 2]),
        "out": node("SaveImage", images=["decoded", 0], filename_prefix="edited"),
    }


def report_of(node_id: str = "inv") -> Graph:
    return {"report": node("PreviewAny", source=[node_id, 3])}
