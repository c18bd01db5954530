"""The families of networks that pictures are measured with: how their files are recognised, and how each becomes a
measure."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
from collections.abc import Callable
from typing import Any

from ..evaluation import aesthetics, lpips
from ..evaluation.networks import Clip, Dino
from ..masking.family import Config, Family, Source
from ..masking.transformers_api import build
from ..masking.weights import Weights, read_weights
from ..support.errors import InputError

_HEADS = {1280: 16, 1664: 16}  # of the pictures' half; else 64 numbers a head


def _sizes(read: Callable[[Weights], Config | None]) -> Callable[[Weights], Config | None]:
    """A reading of sizes that has none for weights of which some are missing."""

    @functools.wraps(read)
    def reading(weights: Weights) -> Config | None:
        try:
            return read(weights)
        except KeyError:
            return None

    return reading


def _layers(weights: Weights, before: str) -> int:
    """How many layers are numbered after a name's beginning."""
    return len({name[len(before) :].split(".")[0] for name in weights if name.startswith(before)})


@_sizes
def _clip_config(weights: Weights) -> Config | None:
    """A CLIP's sizes, read off its weights; as published, the two largest use GELU and the others its quick form."""
    vision, text = "vision_model.", "text_model."
    patches = weights.get(f"{vision}embeddings.patch_embedding.weight")
    projection = weights.get("visual_projection.weight")
    if patches is None or projection is None:
        return None
    width, _, _, patch = patches.shape
    side = int((len(weights[f"{vision}embeddings.position_embedding.weight"]) - 1) ** 0.5) * patch
    common = {"projection_dim": len(projection), "hidden_act": "gelu" if width in _HEADS else "quick_gelu"}
    config: dict[str, Any] = {"vision_config": {
        **common,
        "hidden_size": width,
        "patch_size": patch,
        "image_size": side,
        "intermediate_size": len(weights[f"{vision}encoder.layers.0.mlp.fc1.bias"]),
        "num_hidden_layers": _layers(weights, f"{vision}encoder.layers."),
        "num_attention_heads": _HEADS.get(width, max(1, width // 64)),
    }}  # fmt: skip
    if "text_projection.weight" in weights:
        vocabulary, width = weights[f"{text}embeddings.token_embedding.weight"].shape
        config["text_config"] = {
            **common,
            "vocab_size": vocabulary,
            "hidden_size": width,
            "max_position_embeddings": len(weights[f"{text}embeddings.position_embedding.weight"]),
            "intermediate_size": len(weights[f"{text}encoder.layers.0.mlp.fc1.bias"]),
            "num_hidden_layers": _layers(weights, f"{text}encoder.layers."),
            "num_attention_heads": max(1, width // 64),
        }
    return config


def _build_clip(source: Source) -> Clip:
    halves = []
    for half in ("vision", "text"):
        config = source.config.get(f"{half}_config")
        if half == "vision" and config is None:
            config = source.config  # of a folder with the pictures' half alone
        if config is None or (half == "text" and "text_projection.weight" not in source.weights):
            break
        shared = {k: v for k, v in source.config.items() if k == "projection_dim"}
        prefixes = {"vision": ("vision_model.", "visual_"), "text": ("text_model.", "text_p")}[half]
        own = {name: weight for name, weight in source.weights.items() if name.startswith(prefixes)}
        name = half.capitalize()
        halves.append(
            build(f"CLIP{name}Config", f"CLIP{name}ModelWithProjection", Source(source.name, {**config, **shared}, own))
        )
    return Clip(*halves)


def _vit_config(weights: Weights) -> dict[str, Any]:
    """What a DINO's sizes are, read off its weights."""
    patches = weights["embeddings.patch_embeddings.projection.weight"]
    width, _, _, patch = patches.shape
    return {
        "hidden_size": width,
        "patch_size": patch,
        "image_size": int((weights["embeddings.position_embeddings"].shape[1] - 1) ** 0.5) * patch,
        "num_hidden_layers": _layers(weights, "encoder.layer."),
        "num_attention_heads": max(1, width // 64),
    }


@_sizes
def _dino_config(weights: Weights) -> Config | None:
    inner = weights.get("encoder.layer.0.intermediate.dense.bias")
    if inner is None or "embeddings.patch_embeddings.projection.weight" not in weights:
        return None
    return {**_vit_config(weights), "intermediate_size": len(inner)}


@_sizes
def _dinov2_config(weights: Weights) -> Config | None:
    inner = weights.get("encoder.layer.0.mlp.fc1.bias")  # the largest has another kind of layer
    config = None if inner is None else _vit_config(weights)
    return None if config is None or inner is None else {**config, "mlp_ratio": len(inner) // config["hidden_size"]}


def _build_dino(source: Source) -> Dino:
    return Dino(build("ViTConfig", "ViTModel", source, add_pooling_layer=False))


def _build_dinov2(source: Source) -> Dino:
    return Dino(build("Dinov2Config", "Dinov2Model", source))


def _lpips_config(weights: Weights) -> Config | None:
    backbone = lpips.backbone_of(lpips.renamed(weights))
    return None if backbone is None else {"backbone": backbone}


def _build_lpips(source: Source) -> lpips.Lpips:
    weights, backbone = lpips.renamed(source.weights), source.config["backbone"]
    heads = lpips.heads_of(weights) or lpips.heads_of(_package_heads(lpips.FILES[backbone.name], source.name))
    try:
        return lpips.Lpips(backbone, weights, heads)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"`lpips_model`: {source.name} lacks some of its weights ({error}): choose another, or save it again."
        ) from error


def _package_heads(name: str, file: str) -> Weights:
    """The lpips package's own file of learned weights, read and not run.

    Raises: InputError when the package is not installed.
    """
    package = importlib.util.find_spec("lpips")
    for folder in (package.submodule_search_locations or []) if package else []:
        path = pathlib.Path(folder) / "weights" / "v0.1" / f"{name}.pth"
        if path.is_file():
            return read_weights(path)
    raise InputError(
        f"`lpips_model`: {file} has no learned weights of channels: install the package lpips in ComfyUI's Python, or"
        " choose a file that holds the whole of a saved lpips.LPIPS."
    )


def _aesthetic_config(weights: Weights) -> Config | None:
    return {} if aesthetics.width_of(weights) else None


CLIP = Family("a CLIP", "clip", "vision_model.embeddings.class_embedding", _clip_config, _build_clip)
CLIP_PICTURES = Family(
    "a CLIP", "clip_vision_model", "vision_model.embeddings.class_embedding", _clip_config, _build_clip
)
DINO = Family("a DINO", "vit", "encoder.layer.0.intermediate.dense.bias", _dino_config, _build_dino)
DINOV2 = Family("a DINOv2", "dinov2", "encoder.layer.0.layer_scale1.lambda1", _dinov2_config, _build_dinov2)
SAVED_LPIPS = Family("an LPIPS", "lpips", "net.slice1.0.weight", _lpips_config, _build_lpips)
BACKBONE = Family("a VGG16 or AlexNet", "lpips", "features.0.weight", _lpips_config, _build_lpips)
AESTHETICS = Family(
    "an aesthetic head", "aesthetic", "layers.0.weight", _aesthetic_config, lambda s: aesthetics.Aesthetics(s.weights)
)
FIRST_AESTHETICS = Family(
    "an aesthetic head", "aesthetic", "weight", _aesthetic_config, lambda s: aesthetics.Aesthetics(s.weights)
)
