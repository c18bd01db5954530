"""The original SAM checkpoints (sam_vit_b_01ec64.pth, sam_vit_l_0b3195.pth, sam_vit_h_4b8939.pth) in transformers'
SamModel.

Weights are renamed; sizes are read from the weights, so that renamed and fine-tuned files load too.
"""

from __future__ import annotations

import re
from typing import Any

from ..support.errors import InputError
from .renaming import Rules, rename_all, rules
from .weights import Weights

DECODER_HEADS, DOWNSAMPLE = 8, 2
# Of the original's norms in the decoder. transformers' own default is 1e-6, which moves logits by some 1e-4.
DECODER_EPS = 1e-5

SHARED_POSITIONS = "shared_image_embedding.positional_embedding"
_HEADS = r"(output_hypernetworks_mlps\.\d+|iou_prediction_head|pred_obj_score_head)\.layers\."


def prompt_rules(encoder: str) -> Rules:
    """encoder: the original's name of the prompt encoder."""
    encoder = re.escape(encoder) + r"\."
    return rules(
        (encoder + r"pe_layer\.positional_encoding_gaussian_matrix", SHARED_POSITIONS),
        (encoder + r"point_embeddings\.", "prompt_encoder.point_embed."),
        (encoder + r"mask_downscaling\.([036])\.", lambda m: f"prompt_encoder.mask_embed.conv{int(m[1]) // 3 + 1}."),
        (
            encoder + r"mask_downscaling\.([14])\.",
            lambda m: f"prompt_encoder.mask_embed.layer_norm{int(m[1]) // 3 + 1}.",
        ),
        (encoder + r"(no_mask_embed|not_a_point_embed)\.", r"prompt_encoder.\1."),
    )


def decoder_rules(decoder: str) -> Rules:
    """decoder: the original's name of the mask decoder."""
    decoder = re.escape(decoder) + r"\."
    return rules(
        (decoder + r"output_upscaling\.([03])\.", lambda m: f"mask_decoder.upscale_conv{int(m[1]) // 3 + 1}."),
        (decoder + r"output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
        (decoder + _HEADS + r"0\.", r"mask_decoder.\1.proj_in."),
        (decoder + _HEADS + r"1\.", r"mask_decoder.\1.layers.0."),
        (decoder + _HEADS + r"2\.", r"mask_decoder.\1.proj_out."),
        (decoder + r"transformer\.layers\.(\d+)\.norm([1234])\.", r"mask_decoder.transformer.layers.\1.layer_norm\2."),
        (decoder + r"transformer\.norm_final_attn\.", "mask_decoder.transformer.layer_norm_final_attn."),
        (decoder, "mask_decoder."),
    )


NAMES = (
    *rules(
        (r"image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
        (r"image_encoder\.blocks\.(\d+)\.norm([12])\.", r"vision_encoder.layers.\1.layer_norm\2."),
        (r"image_encoder\.blocks\.", "vision_encoder.layers."),
        (r"image_encoder\.neck\.([02])\.", lambda m: f"vision_encoder.neck.conv{int(m[1]) // 2 + 1}."),
        (r"image_encoder\.neck\.([13])\.", lambda m: f"vision_encoder.neck.layer_norm{int(m[1]) // 2 + 1}."),
        (r"image_encoder\.pos_embed", "vision_encoder.pos_embed"),
    ),
    *prompt_rules("prompt_encoder"),
    *decoder_rules("mask_decoder"),
)


def is_original(weights: Weights) -> bool:
    """Whether the names are those of the original program, and not of SAM-HQ, which adds to it."""
    return has_names(weights) and "mask_decoder.hf_token.weight" not in weights


def has_names(weights: Weights) -> bool:
    """Whether the names of SAM's picture and prompt encoder are there."""
    return (
        "image_encoder.pos_embed" in weights
        and "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix" in weights
    )


def rename(weights: Weights) -> Weights:
    """The original's names to those of published Hugging Face folders; names of neither are left out."""
    return with_shared_positions(rename_all(weights, NAMES))


def with_shared_positions(renamed: Weights) -> Weights:
    """The positions of the picture, which are those of points and boxes too."""
    if SHARED_POSITIONS in renamed:
        renamed["prompt_encoder.shared_embedding.positional_embedding"] = renamed[SHARED_POSITIONS]
    return renamed


def config_of(weights: Weights) -> dict[str, Any]:
    """A Hugging Face config for weights in the original's names.

    Raises: InputError when they are not all there.
    """
    try:
        vision = _vision_config(weights)
        return {
            "model_type": "sam",
            "vision_config": vision,
            "prompt_encoder_config": _prompt_config(weights, vision),
            "mask_decoder_config": _decoder_config(weights, vision),
        }
    except (KeyError, IndexError, ZeroDivisionError, ValueError) as error:
        raise InputError(f"the file is not a whole SAM checkpoint ({error} is missing): download it again.") from error


def _vision_config(weights: Weights) -> dict[str, Any]:
    _, grid, _, width = weights["image_encoder.pos_embed"].shape
    patch = weights["image_encoder.patch_embed.proj.weight"].shape[-1]
    channels = weights["image_encoder.neck.0.weight"].shape[0]
    attended = _attended(weights)
    windows = [places for places in attended if places != grid]
    return {
        "hidden_size": width,
        "output_channels": channels,
        "num_hidden_layers": len(attended),
        "image_size": grid * patch,
        "patch_size": patch,
        "num_attention_heads": width // weights["image_encoder.blocks.0.attn.rel_pos_h"].shape[1],
        "global_attn_indexes": [i for i, places in enumerate(attended) if places == grid],
        "window_size": windows[0] if windows else 0,
        "num_pos_feats": channels // 2,
        "mlp_dim": weights["image_encoder.blocks.0.mlp.lin1.weight"].shape[0],
    }


def _attended(weights: Weights) -> list[int]:
    """Of each block of the picture encoder, the side of the square that it attends over, in patches."""
    blocks = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("image_encoder.blocks."))
    tables = [weights[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(blocks)]
    return [(table.shape[0] + 1) // 2 for table in tables]  # a table has 2 · side - 1 rows


def _prompt_config(weights: Weights, vision: dict[str, Any]) -> dict[str, Any]:
    return {
        "hidden_size": vision["output_channels"],
        "image_size": vision["image_size"],
        "patch_size": vision["patch_size"],
        "image_embedding_size": vision["image_size"] // vision["patch_size"],
        "mask_input_channels": weights["prompt_encoder.mask_downscaling.3.weight"].shape[0],
    }


def _decoder_config(weights: Weights, vision: dict[str, Any]) -> dict[str, Any]:
    layers = "mask_decoder.transformer.layers."
    return {
        "hidden_size": vision["output_channels"],
        "mlp_dim": weights[f"{layers}0.mlp.lin1.weight"].shape[0],
        "num_attention_heads": DECODER_HEADS,
        "attention_downsample_rate": DOWNSAMPLE,
        "layer_norm_eps": DECODER_EPS,
        "num_hidden_layers": 1 + max(int(name.split(".")[3]) for name in weights if name.startswith(layers)),
        "num_multimask_outputs": weights["mask_decoder.mask_tokens.weight"].shape[0] - 1,
        "iou_head_hidden_dim": weights["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
    }
