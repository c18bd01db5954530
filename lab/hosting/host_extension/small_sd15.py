"""A small Stable Diffusion 1.5: the same kind of model, in the same layout, 130 times smaller."""

from __future__ import annotations

import comfy.sd1_clip
import comfy.supported_models
import comfy.supported_models_base

MODEL_CHANNELS = 64
CONTEXT = 96
HEADS = 4
TEXT_LAYERS = 3

TEXT_CONFIG = {
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 49407,
    "hidden_act": "quick_gelu",
    "hidden_size": CONTEXT,
    "intermediate_size": CONTEXT * 4,
    "layer_norm_eps": 1e-5,
    "max_position_embeddings": 77,
    "model_type": "clip_text_model",
    "num_attention_heads": 4,
    "num_hidden_layers": TEXT_LAYERS,
    "pad_token_id": 1,
    "projection_dim": CONTEXT,
    "torch_dtype": "float32",
    "vocab_size": 49408,
}


class SmallTokenizer(comfy.sd1_clip.SD1Tokenizer):
    """CLIP's own tokenizer; only the width that `embedding:NAME` files must have differs."""

    def __init__(self, embedding_directory=None, tokenizer_data={}):  # noqa: B006  the host's signature
        super().__init__(embedding_directory=embedding_directory, tokenizer_data=tokenizer_data)
        self.clip_l.embedding_size = CONTEXT


class SmallTextEncoder(comfy.sd1_clip.SDClipModel):
    def __init__(self, device="cpu", dtype=None, model_options={}):  # noqa: B006
        super().__init__(
            device=device, dtype=dtype, textmodel_json_config=dict(TEXT_CONFIG), model_options=model_options
        )


class SmallClip(comfy.sd1_clip.SD1ClipModel):
    def __init__(self, device="cpu", dtype=None, model_options={}, **kwargs):  # noqa: B006
        super().__init__(
            device=device, dtype=dtype, model_options=model_options, clip_name="l", clip_model=SmallTextEncoder
        )


class SmallSD15(comfy.supported_models.SD15):
    """What the host compares a checkpoint with, and what it builds for it."""

    unet_config = {
        "context_dim": CONTEXT,
        "model_channels": MODEL_CHANNELS,
        "use_linear_in_transformer": False,
        "adm_in_channels": None,
        "use_temporal_attention": False,
    }
    unet_extra_config = {"num_heads": HEADS, "num_head_channels": -1}

    def clip_target(self, state_dict={}):  # noqa: B006
        return comfy.supported_models_base.ClipTarget(SmallTokenizer, SmallClip)


def register() -> None:
    """Tells the host of this size, once."""
    known = comfy.supported_models.models
    if not any(model.__name__ == SmallSD15.__name__ for model in known):
        known.append(SmallSD15)
