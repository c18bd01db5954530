"""The original GroundingDINO checkpoints (groundingdino_swint_ogc.pth, groundingdino_swinb_cogcoor.pth) in
transformers' model.

Weights are renamed, and q, k and v, which lie in one weight, are taken apart. Sizes are read from the weights, so that
other checkpoints of the same layout load too. The network itself differs in one thing: how far the coordinates that a
decoder layer refines may go (see OriginalAnchors).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..support.errors import InputError
from .renaming import new_name, rules
from .weights import Weights

POINTS = 4  # sampled per head and level
HEAD = 64  # BERT's head width
ANCHOR_LIMIT = 1e-3  # the original's inverse_sigmoid; transformers has 1e-5

_SWIN = "model.backbone.conv_encoder.model."
_BLOCK, _NEW_BLOCK = r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.", _SWIN + r"encoder.layers.\1.blocks.\2."
_ENCODER, _NEW_ENCODER = r"transformer\.encoder\.layers\.(\d+)\.", r"model.encoder.layers.\1.deformable_layer."
_TEXT, _NEW_TEXT = r"transformer\.encoder\.text_layers\.(\d+)\.", r"model.encoder.layers.\1.text_enhancer_layer."
_FUSION, _NEW_FUSION = r"transformer\.encoder\.fusion_layers\.(\d+)\.", r"model.encoder.layers.\1.fusion_layer."
_DECODER, _NEW_DECODER = r"transformer\.decoder\.layers\.(\d+)\.", r"model.decoder.layers.\1."


def _fusion_projection(match: re.Match[str]) -> str:
    layer, side, modality = match.groups()
    return f"model.encoder.layers.{layer}.fusion_layer.attn.{side or ''}{_MODALITIES[modality]}_proj."


_MODALITIES = {"v": "vision", "l": "text"}
_NAMES = rules(  # `{}`: q, k and v lie in one weight
    (r"backbone\.0\.patch_embed\.proj\.", _SWIN + "embeddings.patch_embeddings.projection."),
    (r"backbone\.0\.patch_embed\.norm\.", _SWIN + "embeddings.norm."),
    (r"backbone\.0\.norm([123])\.", lambda m: f"{_SWIN}hidden_states_norms.stage{int(m[1]) + 1}."),
    (r"backbone\.0\.layers\.(\d+)\.downsample\.", _SWIN + r"encoder.layers.\1.downsample."),
    (_BLOCK + r"norm1\.", _NEW_BLOCK + "layernorm_before."),
    (_BLOCK + r"norm2\.", _NEW_BLOCK + "layernorm_after."),
    (_BLOCK + r"mlp\.fc1\.", _NEW_BLOCK + "intermediate.dense."),
    (_BLOCK + r"mlp\.fc2\.", _NEW_BLOCK + "output.dense."),
    (_BLOCK + r"attn\.proj\.", _NEW_BLOCK + "attention.output.dense."),
    (_BLOCK + r"attn\.qkv\.", _NEW_BLOCK + "attention.self.{}."),
    (_BLOCK + r"attn\.(relative_position_\w+)", _NEW_BLOCK + r"attention.self.\3"),
    (r"bert\.(embeddings|encoder)\.", r"model.text_backbone.\1."),
    (r"feat_map\.", "model.text_projection."),
    (r"input_proj\.", "model.input_proj_vision."),
    (r"bbox_embed\.", "bbox_embed."),
    (r"transformer\.level_embed", "model.level_embed"),
    (r"transformer\.tgt_embed\.", "model.query_position_embeddings."),
    (r"transformer\.enc_output(_norm)?\.", r"model.enc_output\1."),
    (r"transformer\.enc_out_bbox_embed\.", "model.encoder_output_bbox_embed."),
    (_ENCODER + r"self_attn\.", _NEW_ENCODER + "self_attn."),
    (_ENCODER + r"norm1\.", _NEW_ENCODER + "self_attn_layer_norm."),
    (_ENCODER + r"linear([12])\.", _NEW_ENCODER + r"fc\2."),
    (_ENCODER + r"norm2\.", _NEW_ENCODER + "final_layer_norm."),
    (_TEXT + r"self_attn\.in_proj_", _NEW_TEXT + "self_attn.{}."),
    (_TEXT + r"self_attn\.out_proj\.", _NEW_TEXT + "self_attn.out_proj."),
    (_TEXT + r"linear([12])\.", _NEW_TEXT + r"fc\2."),
    (_TEXT + r"norm1\.", _NEW_TEXT + "layer_norm_before."),
    (_TEXT + r"norm2\.", _NEW_TEXT + "layer_norm_after."),
    (_FUSION + r"gamma_v", _NEW_FUSION + "vision_param"),
    (_FUSION + r"gamma_l", _NEW_FUSION + "text_param"),
    (_FUSION + r"layer_norm_v\.", _NEW_FUSION + "layer_norm_vision."),
    (_FUSION + r"layer_norm_l\.", _NEW_FUSION + "layer_norm_text."),
    (_FUSION + r"attn\.(values_|out_)?([vl])_proj\.", _fusion_projection),
    (_DECODER + r"self_attn\.in_proj_", _NEW_DECODER + "self_attn.{}."),
    (_DECODER + r"self_attn\.out_proj\.", _NEW_DECODER + "self_attn.out_proj."),
    (_DECODER + r"norm2\.", _NEW_DECODER + "self_attn_layer_norm."),
    (_DECODER + r"ca_text\.in_proj_", _NEW_DECODER + "encoder_attn_text.{}."),
    (_DECODER + r"ca_text\.out_proj\.", _NEW_DECODER + "encoder_attn_text.out_proj."),
    (_DECODER + r"catext_norm\.", _NEW_DECODER + "encoder_attn_text_layer_norm."),
    (_DECODER + r"cross_attn\.", _NEW_DECODER + "encoder_attn."),
    (_DECODER + r"norm1\.", _NEW_DECODER + "encoder_attn_layer_norm."),
    (_DECODER + r"linear([12])\.", _NEW_DECODER + r"fc\2."),
    (_DECODER + r"norm3\.", _NEW_DECODER + "final_layer_norm."),
    (r"transformer\.decoder\.norm\.", "model.decoder.layer_norm."),
    (r"transformer\.decoder\.ref_point_head\.", "model.decoder.reference_points_head."),
    (r"transformer\.decoder\.bbox_embed\.", "model.decoder.bbox_embed."),
)


class OriginalAnchors(TorchFunctionMode):
    """While active, boxes' coordinates are turned to logits as the original does: kept 1e-3 away from 0 and 1, where
    transformers keeps 1e-5.

    Each decoder layer moves the boxes of the one before it in logits; the original's weights were trained with the
    wider limit. Without it boxes that touch an edge of the picture differ by up to 1e-3 of its size. A mode acts on
    this thread alone and ends with its `with`.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.special.logit:
            inside = args[0].clamp(0, 1)
            return torch.log(inside.clamp(min=ANCHOR_LIMIT) / (1 - inside).clamp(min=ANCHOR_LIMIT))
        return func(*args, **(kwargs or {}))


def is_original(weights: Weights) -> bool:
    """Whether the names are those of the original program."""
    return "transformer.level_embed" in weights and "backbone.0.patch_embed.proj.weight" in weights


def rename(weights: Weights) -> Weights:
    """The original's names to those of published Hugging Face folders; what the network has no use for (training's
    label table, BERT's pooler) is left out."""
    renamed: Weights = {}
    for name, tensor in weights.items():
        renamed |= _unpacked(new_name(name, _NAMES), tensor)
    return renamed


def _unpacked(name: str | None, tensor: Tensor) -> Weights:
    """One weight; none without a name; three where `{}` in the name says that q, k and v lie one below another."""
    if name is None:
        return {}
    if "{}" not in name:
        return {name: tensor}
    return {name.format(part): piece.contiguous() for part, piece in zip(("query", "key", "value"), tensor.chunk(3))}


def config_of(weights: Weights) -> dict[str, Any]:
    """A Hugging Face config for weights in the original's names.

    Raises: InputError when they are not all there.
    """
    try:
        return {
            "model_type": "grounding-dino",
            **_FIXED,
            **_transformer_sizes(weights),
            "backbone_config": _swin_config(weights),
            "text_config": _bert_config(weights),
        }
    except (KeyError, IndexError, ZeroDivisionError, ValueError) as error:
        raise InputError(
            f"the file is not a whole GroundingDINO checkpoint ({error} is missing): download it again."
        ) from error


def _transformer_sizes(weights: Weights) -> dict[str, Any]:
    levels, width = weights["transformer.level_embed"].shape
    encoder, decoder = "transformer.encoder.layers.", "transformer.decoder.layers."

    def heads(attention: str) -> int:
        return weights[f"{attention}.attention_weights.weight"].shape[0] // (levels * POINTS)

    return {
        "d_model": width,
        "num_feature_levels": levels,
        "num_queries": weights["transformer.tgt_embed.weight"].shape[0],
        "encoder_layers": _count(weights, encoder),
        "decoder_layers": _count(weights, decoder),
        "encoder_ffn_dim": weights[f"{encoder}0.linear1.weight"].shape[0],
        "decoder_ffn_dim": weights[f"{decoder}0.linear1.weight"].shape[0],
        "encoder_attention_heads": heads(f"{encoder}0.self_attn"),
        "decoder_attention_heads": heads(f"{decoder}0.cross_attn"),
    }


def _swin_config(weights: Weights) -> dict[str, Any]:
    layers = "backbone.0.layers."
    stages = _count(weights, layers)
    tables = [weights[f"{layers}{i}.blocks.0.attn.relative_position_bias_table"] for i in range(stages)]
    width = weights["backbone.0.patch_embed.proj.weight"].shape[0]
    return {
        "model_type": "swin",
        "embed_dim": width,
        "depths": [_count(weights, f"{layers}{i}.blocks.") for i in range(stages)],
        "num_heads": [table.shape[1] for table in tables],
        "window_size": (round(tables[0].shape[0] ** 0.5) + 1) // 2,  # a table has (2 · window - 1)² places
        "mlp_ratio": weights[f"{layers}0.blocks.0.mlp.fc1.weight"].shape[0] / width,
        "image_size": 384,
        "out_indices": [2, 3, 4],
    }


def _bert_config(weights: Weights) -> dict[str, Any]:
    vocabulary, width = weights["bert.embeddings.word_embeddings.weight"].shape
    return {
        "model_type": "bert",
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": _count(weights, "bert.encoder.layer."),
        "num_attention_heads": max(1, width // HEAD),
        "intermediate_size": weights["bert.encoder.layer.0.intermediate.dense.weight"].shape[0],
        "max_position_embeddings": weights["bert.embeddings.position_embeddings.weight"].shape[0],
    }


def _count(weights: Weights, prefix: str) -> int:
    """How many numbered parts a list of layers has."""
    return 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in weights if name.startswith(prefix))


_FIXED = {  # what the original's two published models have in common, and their weights do not show
    "encoder_n_points": POINTS,
    "decoder_n_points": POINTS,
    "two_stage": True,
    "embedding_init_target": True,
    "decoder_bbox_embed_share": True,
    "two_stage_bbox_embed_share": False,
    "positional_embedding_temperature": 20,
    "max_text_len": 256,
    "query_dim": 4,
    "dropout": 0.0,
}
