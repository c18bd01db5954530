"""Configs of the published models, in Hugging Face's terms, by the width that tells them apart. For weights that lie
outside their folder."""

from __future__ import annotations

from functools import partial
from typing import Any


def dino_config(depths: tuple[int, ...], width: int, heads: tuple[int, ...], window: int) -> dict[str, Any]:
    """GroundingDINO: all but the backbone are the class's own defaults."""
    return {
        "model_type": "grounding-dino",
        "backbone_config": {
            "model_type": "swin",
            "embed_dim": width,
            "depths": list(depths),
            "num_heads": list(heads),
            "window_size": window,
            "image_size": 384 if window == 12 else 224,
            "out_indices": [2, 3, 4],
        },
        "text_config": {"model_type": "bert"},
    }


def sam_config(width: int, layers: int, heads: int, wide: tuple[int, ...]) -> dict[str, Any]:
    """SAM: all but the picture encoder are the class's own defaults."""
    return {
        "model_type": "sam",
        "vision_config": {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "global_attn_indexes": list(wide),
            "mlp_dim": 4 * width,
        },
    }


DINO_CONFIGS = {
    96: partial(dino_config, (2, 2, 6, 2), 96, (3, 6, 12, 24), 7),
    128: partial(dino_config, (2, 2, 18, 2), 128, (4, 8, 16, 32), 12),
}
SAM_CONFIGS = {
    768: partial(sam_config, 768, 12, 12, (2, 5, 8, 11)),
    1024: partial(sam_config, 1024, 24, 16, (5, 11, 17, 23)),
    1280: partial(sam_config, 1280, 32, 16, (7, 15, 23, 31)),
}
