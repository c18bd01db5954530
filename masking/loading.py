"""From a file or folder to a Detector or Segmenter, by what is in it and not by what it is called."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from ..support.errors import InputError
from . import original_dino, original_sam, packages, transformers_api
from .grounding_dino import GroundingDino, TransformersDino
from .pictures import DETECTOR, SEGMENTER, Preparation, preparation_from
from .prompt import load_tokenizer
from .published import DINO_CONFIGS, SAM_CONFIGS
from .sam import Sam, TransformersSam
from .weights import Weights, read_folder_weights, read_json, read_weights

_DINO_WIDTH, _SAM_WIDTH = (
    "model.backbone.conv_encoder.model.embeddings.patch_embeddings.projection.weight",
    "vision_encoder.pos_embed",
)


def load_detector(path: pathlib.Path, package: str = "") -> GroundingDino:
    """path: a Hugging Face folder, an original checkpoint, or a folder's model.safetensors alone. package:
    GROUNDINGDINO for that program.

    Raises: InputError when it is something else, damaged, or holds code.
    """
    if path.is_dir():
        _no_package(package, path)
        config = _config(path, "grounding-dino", "a GroundingDINO")
        model = transformers_api.build_grounding_dino(config, read_folder_weights(path), path.name)
        return GroundingDino(TransformersDino(model), load_tokenizer(path), _preparation(path, DETECTOR))
    weights = read_weights(path)
    if original_dino.is_original(weights):
        if package:
            return GroundingDino(packages.build_groundingdino(weights, load_tokenizer(), path.name), load_tokenizer())
        model = transformers_api.build_grounding_dino(
            original_dino.config_of(weights), original_dino.rename(weights), path.name
        )
        return GroundingDino(original_dino.OriginalDino(model), load_tokenizer())
    _no_package(package, path)
    config = _published(weights, DINO_CONFIGS, _DINO_WIDTH, path, "`detector`", "a GroundingDINO")
    return GroundingDino(
        TransformersDino(transformers_api.build_grounding_dino(config, weights, path.name)), load_tokenizer()
    )


def load_segmenter(path: pathlib.Path, package: str = "") -> Sam:
    """path: a Hugging Face folder, an original checkpoint, or a folder's model.safetensors alone. package:
    SEGMENT_ANYTHING for that program.

    Raises: InputError when it is something else, damaged, or holds code.
    """
    if path.is_dir():
        _no_package(package, path)
        config = _config(path, "sam", "a SAM")
        model = transformers_api.build_sam(config, read_folder_weights(path), path.name)
        side = TransformersSam(model).side
        return Sam(TransformersSam(model), _preparation(path, Preparation(None, side)))
    weights = read_weights(path)
    if original_sam.is_original(weights):
        config = original_sam.config_of(weights)
        net: Any = (
            packages.build_segment_anything(weights, path.name)
            if package
            else TransformersSam(transformers_api.build_sam(config, original_sam.rename(weights), path.name))
        )
        return Sam(net, Preparation(None, config["vision_config"]["image_size"]))
    _no_package(package, path)
    config = _published(weights, SAM_CONFIGS, _SAM_WIDTH, path, "`segmenter`", "a SAM (version 1)")
    return Sam(TransformersSam(transformers_api.build_sam(config, weights, path.name)), SEGMENTER)


def _config(folder: pathlib.Path, kind: str, thing: str) -> dict[str, Any]:
    config = read_json(folder / "config.json")
    if config.get("model_type") != kind:
        raise InputError(
            f"{folder} holds a {config.get('model_type') or 'nameless'} model and not {thing}: choose another."
        )
    return config


def _preparation(folder: pathlib.Path, default: Preparation) -> Preparation:
    path = folder / "preprocessor_config.json"
    return preparation_from(read_json(path), default, folder.name) if path.is_file() else default


def _published(
    weights: Weights,
    configs: Mapping[int, Callable[[], dict[str, Any]]],
    key: str,
    path: pathlib.Path,
    widget: str,
    thing: str,
) -> dict[str, Any]:
    """The config of a published model, told by its width: a folder's weights that were taken out of it."""
    if key not in weights:
        raise InputError(f"{widget}: {path.name} is not {thing} checkpoint (no {key}): choose another.")
    shape = weights[key].shape
    make = configs.get(shape[-1] if key == _SAM_WIDTH else shape[0])
    if make is None:
        raise InputError(
            f"{widget}: {path.name} is of no published size: put it into a folder of its own beside its config.json."
        )
    return make()


def _no_package(package: str, path: pathlib.Path) -> None:
    if package:
        raise InputError(
            f"{path.name} is in Hugging Face's format, which {package} cannot read: choose the entry without"
            f" [{package}]."
        )
