"""What other tools show of an exported file: its title, its kind, its trigger phrase, and the file it belongs with.

The keys are those of Stability's ModelSpec 1.0.1 ("modelspec."), which model browsers read, and of kohya's sd-scripts
("ss_"), which A1111 and Forge read.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone

from .checks import ALPHA, DOWN
from .data import Concept

ARCHITECTURE = "stable-diffusion-v1"
IMPLEMENTATIONS = {"lora": "diffusers", "textual-inversion": "https://github.com/Stability-AI/generative-models"}
"""Whose names for the layers a file follows, as sd-scripts says it for each kind of file."""


def embedding_metadata(concept: Concept, name: str) -> dict[str, str]:
    """The metadata of embeddings/NAME.safetensors."""
    other = f"Load the LoRA {name}.safetensors (loras folder) as well. " if concept.lora else ""
    return _card(concept, name, "textual-inversion", other) | {"name": name}


def lora_metadata(concept: Concept, name: str) -> dict[str, str]:
    """The metadata of loras/NAME.safetensors. Ranks or alphas that differ are called "Dynamic" in kohya's format."""
    other = f"Needs the embedding {name}.safetensors (embeddings folder). "
    return _card(concept, name, "lora", other) | _kohya(concept, name)


def trigger_phrase(concept: Concept, name: str) -> str:
    """The words that call the concept in tools that find embeddings by their bare name, such as A1111 and Forge."""
    return f"{name} {concept.class_word}"


def _card(concept: Concept, name: str, kind: str, other: str) -> dict[str, str]:
    phrase = trigger_phrase(concept, name)
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{ARCHITECTURE}/{kind}",
        "modelspec.implementation": IMPLEMENTATIONS[kind],
        "modelspec.title": name,
        "modelspec.description": f"One {concept.class_word}, learned from one picture with SingleInsert.",
        "modelspec.date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "modelspec.prediction_type": "epsilon",
        "modelspec.trigger_phrase": phrase,
        "modelspec.usage_hint": f"{other}In prompts: embedding:{phrase} (ComfyUI), {phrase} (A1111, Forge).",
        **_resolution(concept),
        "single_image_studio.concept": concept.fingerprint(),
    }


def _resolution(concept: Concept) -> dict[str, str]:
    """The side of the square picture that was trained on, where the concept tells it."""
    side = concept.settings.get("stage1", {}).get("resolution")
    return {"modelspec.resolution": f"{side}x{side}"} if side else {}


def _kohya(concept: Concept, name: str) -> dict[str, str]:
    ranks = {tensor.shape[0] for key, tensor in concept.lora.items() if key.endswith(DOWN)}
    alphas = {float(tensor) for key, tensor in concept.lora.items() if key.endswith(ALPHA)} or {
        float(rank) for rank in ranks
    }
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(ranks.pop()) if len(ranks) == 1 else "Dynamic",
        "ss_network_alpha": str(alphas.pop()) if len(alphas) == 1 else "Dynamic",
        "ss_base_model_version": "sd_v1",
        "ss_output_name": name,
        "ss_tag_frequency": json.dumps({name: {trigger_phrase(concept, name): 1}}, ensure_ascii=False),
    }
