"""The original SAM-HQ checkpoints (sam_hq_vit_b.pth, sam_hq_vit_l.pth, sam_hq_vit_h.pth) in transformers' SamHQModel.

They are SAM's with a further token and three small networks in the decoder.
"""

from __future__ import annotations

from typing import Any

from . import original_sam
from .original_sam import NAMES, with_shared_positions
from .renaming import rename_all, rules
from .weights import Weights

_TOKEN = "mask_decoder.hf_token.weight"
_BRANCHES = {"compress_vit_feat": "compress_vit", "embedding_encoder": "encoder", "embedding_maskfeature": "mask"}
_LAYERS = {"0": "conv1", "1": "norm", "3": "conv2"}
_NAMES = (
    *rules(
        (r"mask_decoder\.hf_token\.", "mask_decoder.hq_token."),
        (
            rf"mask_decoder\.({'|'.join(_BRANCHES)})\.([013])\.",
            lambda m: f"mask_decoder.{_BRANCHES[m[1]]}_{_LAYERS[m[2]]}.",
        ),
        (r"mask_decoder\.hf_mlp\.layers\.0\.", "mask_decoder.hq_mask_mlp.proj_in."),
        (r"mask_decoder\.hf_mlp\.layers\.1\.", "mask_decoder.hq_mask_mlp.layers.0."),
        (r"mask_decoder\.hf_mlp\.layers\.2\.", "mask_decoder.hq_mask_mlp.proj_out."),
    ),
    *NAMES,
)


def is_original(weights: Weights) -> bool:
    """Whether the names are those of the original program."""
    return original_sam.has_names(weights) and _TOKEN in weights


def rename(weights: Weights) -> Weights:
    """The original's names to those of published Hugging Face folders."""
    return with_shared_positions(rename_all(weights, _NAMES))


def config_of(weights: Weights) -> dict[str, Any]:
    """A Hugging Face config for weights in the original's names.

    Raises: InputError when they are not all there.
    """
    config = original_sam.config_of(weights)
    decoder = config["mask_decoder_config"] | {"vit_dim": config["vision_config"]["hidden_size"]}
    return config | {"model_type": "sam_hq", "mask_decoder_config": decoder}
