"""The workflows of the campaign: the shipped ones with few steps, and a stock picture beside them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from ..drawing import shipped
from ..hosting.base_folder import CHECKPOINT
from ..hosting.client import Client, Prompt

KEPT = "kept"  # the inversion and the concept that others load


def learning(number: int, name: str = "", steps: int = 6, resume: bool = False) -> Prompt:
    """Mask, both stages, saving and pictures; nothing of it was computed before under another number."""
    few: dict[str, Any] = {"steps": steps, "batch_size": 2, "seed": number, "resume": resume}
    changes: dict[str, dict[str, Any]] = {
        "Mask": {"box_threshold": 0.2 + 1e-5 * number},
        "Stage I": few,
        "Stage II": few,
        "Prompts": {"own_prompts": "PHRASE\nPHRASE at the left"},
        "Sampler": {"steps": 3},
        "Save Concept": {"name": name or f"trial_{number}"},
    }
    return shipped.prompt("learn_a_concept", changes)


def editing(number: int, name: str = "") -> Prompt:
    """Text optimisation, inversion, saving, the grid and an edit."""
    changes: dict[str, dict[str, Any]] = {
        "Text optimisation": {"steps": 6, "seed": number},
        "Inversion": {"steps": 6, "inner_steps": 2, "learning_rate": 0.01 + 1e-6 * number},
        "Edit Grid": {"alphas": "0.2, 0.8", "source_ratios": "0.2, 0.6"},
        "Save Inversion": {"name": name or f"trial_{number}"},
    }
    return shipped.prompt("edit_a_photo", changes)


def using(number: int) -> Prompt:
    """Pictures with a concept that was saved before."""
    changes: dict[str, dict[str, Any]] = {
        "Load Concept": {"concept_name": KEPT},
        "Prompt": {"text": f"<{KEPT}> heart on a green background"},
        "Sampler": {"steps": 3, "seed": number},
    }
    return shipped.prompt("use_a_concept", changes)


def saving(name: str) -> Prompt:
    """Writes the kept inversion again under another name, and does nothing else."""
    loaded = {"class_type": "SIS_LoadInversion", "inputs": {"inversion_name": KEPT}}
    saved = {"class_type": "SIS_SaveInversion", "inputs": {"inversion": ["1", 0], "name": name}}
    return {"1": loaded, "2": saved}


def stock(number: int) -> Prompt:
    """A picture by stock nodes, the same for every number and each time computed anew: spaces at a text's end mean
    nothing, and the sampler may go on to steps that there are not."""

    def node(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    sampled = node(
        "KSamplerAdvanced", model=["1", 0], add_noise="enable", noise_seed=5, steps=4, cfg=5.0, sampler_name="euler",
        scheduler="normal", positive=["2", 0], negative=["3", 0], latent_image=["4", 0], start_at_step=0,
        end_at_step=100 + number % 9_000, return_with_leftover_noise="disable",
    )  # fmt: skip
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name=CHECKPOINT),
        "2": node("CLIPTextEncode", clip=["1", 1], text="a red heart on a green background" + " " * (number % 900)),
        "3": node("CLIPTextEncode", clip=["1", 1], text=""),
        "4": node("EmptyLatentImage", width=128, height=128, batch_size=1),
        "5": sampled,
        "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": node("SaveImage", images=["6", 0], filename_prefix="stock"),
    }


def stock_pixels(client: Client, number: int) -> np.ndarray:
    """Of `stock`: (128, 128, 3) uint8."""
    (saved,) = client.run(stock(number))["outputs"]["7"]["images"]
    return np.asarray(Image.open(io.BytesIO(client.view(saved))).convert("RGB"))
