"""The original GroundingDINO checkpoints (groundingdino_swint_ogc.pth, groundingdino_swinb_cogcoor.pth) in
transformers' model.

Weights are renamed, and attention's packed q, k, v taken apart; sizes are read from the weights, so that renamed and
other files of the same layout load too. One thing of the network itself differs: how far the coordinates that a decoder
layer refines may go (see OriginalAnchors).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..support.errors import InputError
from .grounding_dino import TransformersDino
from .weights import Weights

POINTS = 4  # sampled per head and level
HEAD = 64  # BERT's head width
ANCHOR_LIMIT = 1e-3  # the original's inverse_sigmoid; transformers has 1e-5

_SWIN = "model.backbone.conv_encoder.model."
_NAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"backbone\.0\.patch_embed\.proj\.", _SWIN + r"embeddings.patch_embeddings.projection."),
        (r"backbone\.0\.patch_embed\.norm\.", _SWIN + r"embeddings.norm."),
        (r"backbone\.0\.norm([123])\.", lambda m: f"{_SWIN}hidden_states_norms.stage{int(m[1]) + 1}."),
        (r"backbone\.0\.layers\.(\d+)\.downsample\.", _SWIN + r"encoder.layers.\1.downsample."),
        (
            r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.norm1\.",
            _SWIN + r"encoder.layers.\1.blocks.\2.layernorm_before.",
        ),
        (
            r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.norm2\.",
            _SWIN + r"encoder.layers.\1.blocks.\2.layernorm_after.",
        ),
        (
            r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.mlp\.fc1\.",
            _SWIN + r"encoder.layers.\1.blocks.\2.intermediate.dense.",
        ),
        (
            r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.mlp\.fc2\.",
            _SWIN + r"encoder.layers.\1.blocks.\2.output.dense.",
        ),
        (
            r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.attn\.proj\.",
            _SWIN + r"encoder.layers.\1.blocks.\2.attention.output.dense.",
        ),
        (
            r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.attn\.qkv\.",
            _SWIN + r"encoder.layers.\1.blocks.\2.attention.self.{}.",
        ),
        (
            r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.attn\.(relative_position_\w+)",
            _SWIN + r"encoder.layers.\1.blocks.\2.attention.self.\3",
        ),
        (r"bert\.(embeddings|encoder)\.", r"model.text_backbone.\1."),
        (r"feat_map\.", r"model.text_projection."),
        (r"input_proj\.", r"model.input_proj_vision."),
        (r"bbox_embed\.", r"bbox_embed."),
        (r"transformer\.level_embed", r"model.level_embed"),
        (r"transformer\.tgt_embed\.", r"model.query_position_embeddings."),
        (r"transformer\.enc_output(_norm)?\.", r"model.enc_output\1."),
        (r"transformer\.enc_out_bbox_embed\.", r"model.encoder_output_bbox_embed."),
        (r"transformer\.encoder\.layers\.(\d+)\.self_attn\.", r"model.encoder.layers.\1.deformable_layer.self_attn."),
        (
            r"transformer\.encoder\.layers\.(\d+)\.norm1\.",
            r"model.encoder.layers.\1.deformable_layer.self_attn_layer_norm.",
        ),
        (r"transformer\.encoder\.layers\.(\d+)\.linear([12])\.", r"model.encoder.layers.\1.deformable_layer.fc\2."),
        (
            r"transformer\.encoder\.layers\.(\d+)\.norm2\.",
            r"model.encoder.layers.\1.deformable_layer.final_layer_norm.",
        ),
        (
            r"transformer\.encoder\.text_layers\.(\d+)\.self_attn\.in_proj_",
            r"model.encoder.layers.\1.text_enhancer_layer.self_attn.{}.",
        ),
        (
            r"transformer\.encoder\.text_layers\.(\d+)\.self_attn\.out_proj\.",
            r"model.encoder.layers.\1.text_enhancer_layer.self_attn.out_proj.",
        ),
        (
            r"transformer\.encoder\.text_layers\.(\d+)\.linear([12])\.",
            r"model.encoder.layers.\1.text_enhancer_layer.fc\2.",
        ),
        (
            r"transformer\.encoder\.text_layers\.(\d+)\.norm1\.",
            r"model.encoder.layers.\1.text_enhancer_layer.layer_norm_before.",
        ),
        (
            r"transformer\.encoder\.text_layers\.(\d+)\.norm2\.",
            r"model.encoder.layers.\1.text_enhancer_layer.layer_norm_after.",
        ),
        (r"transformer\.encoder\.fusion_layers\.(\d+)\.gamma_v", r"model.encoder.layers.\1.fusion_layer.vision_param"),
        (r"transformer\.encoder\.fusion_layers\.(\d+)\.gamma_l", r"model.encoder.layers.\1.fusion_layer.text_param"),
        (
            r"transformer\.encoder\.fusion_layers\.(\d+)\.layer_norm_v\.",
            r"model.encoder.layers.\1.fusion_layer.layer_norm_vision.",
        ),
        (
            r"transformer\.encoder\.fusion_layers\.(\d+)\.layer_norm_l\.",
            r"model.encoder.layers.\1.fusion_layer.layer_norm_text.",
        ),
        (
            r"transformer\.encoder\.fusion_layers\.(\d+)\.attn\.(values_|out_)?([vl])_proj\.",
            lambda m: (
                f"model.encoder.layers.{m[1]}.fusion_layer.attn.{m[2] or ''}{'vision' if m[3] == 'v' else 'text'}_proj."
            ),
        ),
        (r"transformer\.decoder\.layers\.(\d+)\.self_attn\.in_proj_", r"model.decoder.layers.\1.self_attn.{}."),
        (r"transformer\.decoder\.layers\.(\d+)\.self_attn\.out_proj\.", r"model.decoder.layers.\1.self_attn.out_proj."),
        (r"transformer\.decoder\.layers\.(\d+)\.norm2\.", r"model.decoder.layers.\1.self_attn_layer_norm."),
        (r"transformer\.decoder\.layers\.(\d+)\.ca_text\.in_proj_", r"model.decoder.layers.\1.encoder_attn_text.{}."),
        (
            r"transformer\.decoder\.layers\.(\d+)\.ca_text\.out_proj\.",
            r"model.decoder.layers.\1.encoder_attn_text.out_proj.",
        ),
        (
            r"transformer\.decoder\.layers\.(\d+)\.catext_norm\.",
            r"model.decoder.layers.\1.encoder_attn_text_layer_norm.",
        ),
        (r"transformer\.decoder\.layers\.(\d+)\.cross_attn\.", r"model.decoder.layers.\1.encoder_attn."),
        (r"transformer\.decoder\.layers\.(\d+)\.norm1\.", r"model.decoder.layers.\1.encoder_attn_layer_norm."),
        (r"transformer\.decoder\.layers\.(\d+)\.linear([12])\.", r"model.decoder.layers.\1.fc\2."),
        (r"transformer\.decoder\.layers\.(\d+)\.norm3\.", r"model.decoder.layers.\1.final_layer_norm."),
        (r"transformer\.decoder\.norm\.", r"model.decoder.layer_norm."),
        (r"transformer\.decoder\.ref_point_head\.", r"model.decoder.reference_points_head."),
        (r"transformer\.decoder\.bbox_embed\.", r"model.decoder.bbox_embed."),
    )
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


class OriginalDino(TransformersDino):
    """transformers' model with the original's weights."""

    def forward(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        with OriginalAnchors():
            return super().forward(pixels, ids)


def is_original(weights: Weights) -> bool:
    """Whether the names are those of the original program."""
    return "transformer.level_embed" in weights and "backbone.0.patch_embed.proj.weight" in weights


def rename(weights: Weights) -> Weights:
    """The original's names to those of published Hugging Face folders; what the network has no use for (training's
    label table, BERT's pooler) is left out."""
    out: Weights = {}
    for name, tensor in weights.items():
        for pattern, replacement in _NAMES:
            if pattern.match(name):
                _put(out, pattern.sub(replacement, name, count=1), tensor)
                break
    return out


def _put(out: Weights, name: str, tensor: Tensor) -> None:
    if "{}" not in name:
        out[name] = tensor
        return
    for part, piece in zip(("query", "key", "value"), tensor.chunk(3)):
        out[name.format(part)] = piece.contiguous()


def config_of(weights: Weights) -> dict[str, Any]:
    """A Hugging Face config for weights in the original's names.

    Raises: InputError when they are not all there.
    """
    try:
        return _config(weights)
    except (KeyError, IndexError, ZeroDivisionError) as error:
        raise InputError(
            f"the file is not a whole GroundingDINO checkpoint ({error} is missing): download it again."
        ) from error


def _config(weights: Weights) -> dict[str, Any]:
    levels, width = weights["transformer.level_embed"].shape
    swin, text = "backbone.0.", "bert."
    stages = _count(weights, swin + "layers.")
    tables = [weights[f"{swin}layers.{i}.blocks.0.attn.relative_position_bias_table"] for i in range(stages)]
    channels = weights[swin + "patch_embed.proj.weight"].shape[0]
    hidden = weights[text + "embeddings.word_embeddings.weight"].shape[1]
    ffn = weights["transformer.encoder.layers.0.linear1.weight"].shape[0]
    return {
        "model_type": "grounding-dino",
        "d_model": width,
        "num_feature_levels": levels,
        "num_queries": weights["transformer.tgt_embed.weight"].shape[0],
        "encoder_layers": _count(weights, "transformer.encoder.layers."),
        "decoder_layers": _count(weights, "transformer.decoder.layers."),
        "encoder_ffn_dim": ffn,
        "decoder_ffn_dim": weights["transformer.decoder.layers.0.linear1.weight"].shape[0],
        "encoder_attention_heads": (
            weights["transformer.encoder.layers.0.self_attn.attention_weights.weight"].shape[0] // (levels * POINTS)
        ),
        "decoder_attention_heads": (
            weights["transformer.decoder.layers.0.cross_attn.attention_weights.weight"].shape[0] // (levels * POINTS)
        ),
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
        "backbone_config": {
            "model_type": "swin",
            "embed_dim": channels,
            "depths": [_count(weights, f"{swin}layers.{i}.blocks.") for i in range(stages)],
            "num_heads": [table.shape[1] for table in tables],
            "window_size": (round(tables[0].shape[0] ** 0.5) + 1) // 2,
            "mlp_ratio": weights[swin + "layers.0.blocks.0.mlp.fc1.weight"].shape[0] / channels,
            "image_size": 384,
            "out_indices": [2, 3, 4],
        },
        "text_config": {
            "model_type": "bert",
            "vocab_size": weights[text + "embeddings.word_embeddings.weight"].shape[0],
            "hidden_size": hidden,
            "num_hidden_layers": _count(weights, text + "encoder.layer."),
            "num_attention_heads": max(1, hidden // HEAD),
            "intermediate_size": weights[text + "encoder.layer.0.intermediate.dense.weight"].shape[0],
            "max_position_embeddings": weights[text + "embeddings.position_embeddings.weight"].shape[0],
        },
    }


def _count(weights: Weights, prefix: str) -> int:
    """How many numbered parts a list of layers has."""
    return 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in weights if name.startswith(prefix))
