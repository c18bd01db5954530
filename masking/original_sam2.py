"""The original SAM 2 and 2.1 checkpoints (sam2_hiera_tiny.pt to sam2.1_hiera_large.pt) in transformers' Sam2Model.

Weights are renamed; those of films (memory and object pointers) are left out. The weights do not show how far their
layers attend, so that a checkpoint must be of a published size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..support.errors import InputError
from .original_sam import DECODER_HEADS, DOWNSAMPLE, decoder_rules, prompt_rules, with_shared_positions
from .renaming import rename_all, rules
from .weights import Weights

TRUNK, DECODER, PROMPTS = "image_encoder.trunk.", "sam_mask_decoder.", "sam_prompt_encoder."
_BLOCK, _NEW_BLOCK = r"image_encoder\.trunk\.blocks\.(\d+)\.", r"vision_encoder.backbone.blocks.\1."
_LAYER, _NEW_LAYER = r"sam_mask_decoder\.transformer\.layers\.(\d+)\.", r"mask_decoder.transformer.layers.\1."
_NAMES = (
    *rules(
        (r"image_encoder\.trunk\.patch_embed\.proj\.", "vision_encoder.backbone.patch_embed.projection."),
        (_BLOCK + r"norm([12])\.", _NEW_BLOCK + r"layer_norm\2."),
        (_BLOCK + r"mlp\.layers\.0\.", _NEW_BLOCK + "mlp.proj_in."),
        (_BLOCK + r"mlp\.layers\.1\.", _NEW_BLOCK + "mlp.proj_out."),
        (r"image_encoder\.trunk\.", "vision_encoder.backbone."),
        (r"image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
        (r"no_mem_embed$", "no_memory_embedding"),
        (_LAYER + r"mlp\.layers\.0\.", _NEW_LAYER + "mlp.proj_in."),
        (_LAYER + r"mlp\.layers\.1\.", _NEW_LAYER + "mlp.proj_out."),
        (r"sam_mask_decoder\.(transformer\..*)\.out_proj\.", r"mask_decoder.\1.o_proj."),
    ),
    *prompt_rules("sam_prompt_encoder"),
    *decoder_rules("sam_mask_decoder"),
)
_POINTS = "prompt_encoder.point_embed."


@dataclass(frozen=True)
class Hiera:
    """What the weights of SAM 2's picture encoder do not show. heads: of the first stage; each next has twice as many.
    windows: of each stage, in patches. attend_globally: blocks without windows. side: of the pictures, in pixels."""

    heads: int
    windows: tuple[int, ...]
    attend_globally: tuple[int, ...]
    side: int = 1024


PUBLISHED: dict[tuple[int, tuple[int, ...]], Hiera] = {  # by width and blocks of each stage
    (96, (1, 2, 7, 2)): Hiera(1, (8, 4, 14, 7), (5, 7, 9)),  # tiny
    (96, (1, 2, 11, 2)): Hiera(1, (8, 4, 14, 7), (7, 10, 13)),  # small
    (112, (2, 3, 16, 3)): Hiera(2, (8, 4, 14, 7), (12, 16, 20)),  # base plus
    (144, (2, 6, 36, 4)): Hiera(2, (8, 4, 16, 8), (23, 33, 43)),  # large
}


def is_original(weights: Weights) -> bool:
    """Whether the names are those of the original program, and not of HQ-SAM 2, which adds to it."""
    return (
        f"{TRUNK}pos_embed_window" in weights
        and f"{DECODER}mask_tokens.weight" in weights
        and f"{DECODER}hf_token.weight" not in weights
    )


def rename(weights: Weights) -> Weights:
    """The original's names to those of published Hugging Face folders; what pictures have no use for is left out."""
    renamed = rename_all(weights, _NAMES)
    points = sorted(name for name in renamed if name.startswith(_POINTS))
    if points:  # one table, which the original keeps in rows
        renamed[f"{_POINTS}weight"] = torch.cat([renamed.pop(name) for name in points])
    return with_shared_positions(renamed)


def config_of(weights: Weights, name: str) -> dict[str, Any]:
    """A Hugging Face config for weights in the original's names. name: of their file, for messages.

    Raises: InputError when they are not all there, or of no published size.
    """
    try:
        blocks, widths = _stages(weights)
        hiera = PUBLISHED.get((widths[0], blocks))
        config = _config(weights, hiera, blocks, widths) if hiera is not None else None
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{name} is not a whole SAM 2 checkpoint ({error} is missing): download it again.") from error
    if config is None:
        raise InputError(f"{name} is a SAM 2 of no published size: use its Hugging Face folder.")
    return config


def _stages(weights: Weights) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(blocks, width) of each stage of the picture encoder. A stage's first block widens what it gets."""
    count = 1 + max(int(name.split(".")[3]) for name in weights if name.startswith(f"{TRUNK}blocks."))
    starts = [0, *(i for i in range(1, count) if f"{TRUNK}blocks.{i}.proj.weight" in weights)]
    widths = tuple(weights[f"{TRUNK}blocks.{i}.attn.proj.weight"].shape[0] for i in starts)
    return tuple(end - start for start, end in zip(starts, [*starts[1:], count])), widths


def _config(weights: Weights, hiera: Hiera, blocks: tuple[int, ...], widths: tuple[int, ...]) -> dict[str, Any]:
    return {
        "model_type": "sam2",
        "vision_config": _vision_config(weights, hiera, blocks, widths),
        "prompt_encoder_config": _prompt_config(weights, hiera),
        "mask_decoder_config": _decoder_config(weights),
    }


def _vision_config(weights: Weights, hiera: Hiera, blocks: tuple[int, ...], widths: tuple[int, ...]) -> dict[str, Any]:
    return {
        "model_type": "sam2_vision_model",
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": widths[0],
            "num_attention_heads": hiera.heads,
            "image_size": [hiera.side, hiera.side],
            "window_positional_embedding_background_size": list(weights[f"{TRUNK}pos_embed"].shape[2:]),
            "blocks_per_stage": list(blocks),
            "embed_dim_per_stage": list(widths),
            "num_attention_heads_per_stage": [hiera.heads * 2**i for i in range(len(blocks))],
            "window_size_per_stage": list(hiera.windows),
            "global_attention_blocks": list(hiera.attend_globally),
        },
        "backbone_channel_list": list(reversed(widths)),
        "backbone_feature_sizes": [[hiera.side // cell] * 2 for cell in (4, 8, 16)],
        "fpn_hidden_size": weights["image_encoder.neck.convs.0.conv.weight"].shape[0],
    }


def _prompt_config(weights: Weights, hiera: Hiera) -> dict[str, Any]:
    return {
        "hidden_size": weights[f"{PROMPTS}no_mask_embed.weight"].shape[1],
        "image_size": hiera.side,
        "mask_input_channels": weights[f"{PROMPTS}mask_downscaling.3.weight"].shape[0],
    }


def _decoder_config(weights: Weights) -> dict[str, Any]:
    tokens, width = weights[f"{DECODER}mask_tokens.weight"].shape
    return {
        "hidden_size": width,
        "mlp_dim": weights[f"{DECODER}transformer.layers.0.mlp.layers.0.weight"].shape[0],
        "num_attention_heads": DECODER_HEADS,
        "attention_downsample_rate": DOWNSAMPLE,
        "num_multimask_outputs": tokens - 1,
        "iou_head_hidden_dim": weights[f"{DECODER}iou_prediction_head.layers.0.weight"].shape[0],
    }
