"""The original programs, where the user has them: groundingdino-py and segment-anything. Optional: transformers runs
the same files.

A user asks for them by name in the list (`… [groundingdino-py]`). They are imported when first used, and get weights
that our own safe reader has read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..support.errors import InputError
from . import original_dino, original_sam
from .sam_prompts import SamPrompts
from .weights import Weights

GROUNDINGDINO, SEGMENT_ANYTHING = "groundingdino-py", "segment-anything"
_BACKBONES = {96: "swin_T_224_1k", 128: "swin_B_384_22k"}
_UNUSED = ("bert.pooler.", "pixel_")  # weights that checkpoints may lack


class PackageDino(nn.Module):
    """groundingdino-py's model: (pixels, ids) -> (logits, boxes), as grounding_dino.TransformersDino."""

    def __init__(self, model: Any, tokens: _GivenTokens) -> None:
        super().__init__()
        self.model = model
        self._tokens = tokens

    def forward(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        self._tokens.ids = ids
        out = self.model(pixels, captions=[""])
        return out["pred_logits"], out["pred_boxes"]


class _GivenTokens:
    """Takes the place of the package's tokenizer, which would be downloaded, and gives it the ids that we have made."""

    def __init__(self, tokenizer: Any) -> None:
        self.ids = torch.zeros(1, 0, dtype=torch.int64)
        self._tokenizer = tokenizer

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        return [self._tokenizer.token_to_id(token) for token in tokens]

    def __call__(self, captions: list[str], **_: Any) -> Any:
        from transformers import BatchEncoding

        return BatchEncoding(
            {
                "input_ids": self.ids,
                "token_type_ids": torch.zeros_like(self.ids),
                "attention_mask": torch.ones_like(self.ids),
            }
        )


def build_groundingdino(weights: Weights, tokenizer: Any, name: str) -> nn.Module:
    """The package's model with these weights, in the original's names.

    Raises: InputError when the package is missing or does not work in this Python, or when the weights are not its own.
    """
    sizes = original_dino.config_of(weights)
    backbone = _BACKBONES.get(sizes["backbone_config"]["embed_dim"])
    if backbone is None:
        raise InputError(
            f"`detector`: {GROUNDINGDINO} has no model of the size of {name}: choose the entry without"
            f" [{GROUNDINGDINO}]."
        )
    tokens = _GivenTokens(tokenizer)
    model = _new_groundingdino(sizes, backbone, tokens, name)
    _load(model, weights, name)
    return PackageDino(model.eval().requires_grad_(False), tokens)


def _new_groundingdino(sizes: dict[str, Any], backbone: str, tokens: _GivenTokens, name: str) -> nn.Module:
    try:
        from groundingdino.models import build_model

        with _offline(tokens, sizes["text_config"]):
            return cast(nn.Module, build_model(_arguments(sizes, backbone)))
    except Exception as error:  # the package breaks in many ways with newer ones beside it
        raise InputError(
            f"`detector`: the package {GROUNDINGDINO} cannot be used here ({type(error).__name__}: {str(error)[:200]}):"
            f" choose {name} without [{GROUNDINGDINO}], or install it as requirements-groundingdino.txt says."
        ) from error


def _arguments(sizes: dict[str, Any], backbone: str) -> SimpleNamespace:
    """What the package's config files say, by the names that it reads."""
    return SimpleNamespace(
        **_FIXED_ARGUMENTS,
        backbone=backbone,
        enc_layers=sizes["encoder_layers"],
        dec_layers=sizes["decoder_layers"],
        dim_feedforward=sizes["encoder_ffn_dim"],
        hidden_dim=sizes["d_model"],
        nheads=sizes["encoder_attention_heads"],
        num_queries=sizes["num_queries"],
        query_dim=sizes["query_dim"],
        num_feature_levels=sizes["num_feature_levels"],
        enc_n_points=sizes["encoder_n_points"],
        dec_n_points=sizes["decoder_n_points"],
        max_text_len=sizes["max_text_len"],
    )


_FIXED_ARGUMENTS = {  # the same in both of the package's configs
    "modelname": "groundingdino",
    "device": "cpu",
    "position_embedding": "sine",
    "pe_temperatureH": 20,
    "pe_temperatureW": 20,
    "return_interm_indices": [1, 2, 3],
    "backbone_freeze_keywords": None,
    "pre_norm": False,
    "dropout": 0.0,
    "num_patterns": 0,
    "two_stage_type": "standard",
    "two_stage_bbox_embed_share": False,
    "two_stage_class_embed_share": False,
    "transformer_activation": "relu",
    "dec_pred_bbox_embed_share": True,
    "dn_box_noise_scale": 1.0,
    "dn_label_noise_ratio": 0.5,
    "dn_label_coef": 1.0,
    "dn_bbox_coef": 1.0,
    "embed_init_tgt": True,
    "dn_labelbook_size": 2000,
    "text_encoder_type": "bert-base-uncased",
    "use_text_enhancer": True,
    "use_fusion_layer": True,
    "use_checkpoint": False,
    "use_transformer_ckpt": False,
    "use_text_cross_attention": True,
    "text_dropout": 0.0,
    "fusion_dropout": 0.0,
    "fusion_droppath": 0.1,
    "sub_sentence_present": True,
}


@contextlib.contextmanager
def _offline(tokens: _GivenTokens, text_config: dict[str, Any]) -> Iterator[None]:
    """The package would fetch its tokenizer and BERT from the network while it is built; we have the one, and the
    checkpoint holds the other. The package's own functions are put back afterwards."""
    from groundingdino.util import get_tokenlizer as module
    from transformers import BertConfig, BertModel

    before = module.get_tokenlizer, module.get_pretrained_language_model
    settings = {k: v for k, v in text_config.items() if k != "model_type"}
    module.get_tokenlizer = lambda _: tokens
    module.get_pretrained_language_model = lambda _: BertModel(BertConfig(**settings))
    try:
        yield
    finally:
        module.get_tokenlizer, module.get_pretrained_language_model = before


class PackageSam(nn.Module):
    """segment-anything's model, as sam.TransformersSam."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    @property
    def encoder(self) -> nn.Module:
        return cast(nn.Module, self.model.image_encoder)

    @property
    def side(self) -> int:
        return int(self.model.image_encoder.img_size)

    def encode(self, pixels: Tensor) -> Tensor:
        return cast(Tensor, self.encoder(pixels))

    def decode(self, features: Tensor, prompts: SamPrompts) -> tuple[Tensor, Tensor]:
        points = None if prompts.points is None else (prompts.points, prompts.labels)
        sparse, dense = self.model.prompt_encoder(points=points, boxes=prompts.boxes, masks=prompts.masks)
        return cast(
            "tuple[Tensor, Tensor]",
            self.model.mask_decoder(
                image_embeddings=features,
                image_pe=self.model.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=prompts.ambiguous,
            ),
        )


def build_segment_anything(weights: Weights, name: str) -> PackageSam:
    """The package's model with these weights, in the original's names.

    Raises: InputError when the package is missing, or when the weights are not its own.
    """
    sizes = original_sam.config_of(weights)
    try:
        import segment_anything.modeling as modeling
    except ImportError as error:
        raise InputError(
            f"`segmenter`: the package {SEGMENT_ANYTHING} is not there ({error}): choose {name} without"
            f" [{SEGMENT_ANYTHING}], or install it in ComfyUI's Python with `pip install {SEGMENT_ANYTHING}`."
        ) from error
    model = modeling.Sam(
        image_encoder=_image_encoder(modeling, sizes["vision_config"]),
        prompt_encoder=_prompt_encoder(modeling, sizes["prompt_encoder_config"]),
        mask_decoder=_mask_decoder(modeling, sizes["mask_decoder_config"]),
    )
    _load(model, weights, name)
    return PackageSam(model.eval().requires_grad_(False))


def _image_encoder(modeling: Any, sizes: dict[str, Any]) -> nn.Module:
    encoder = modeling.ImageEncoderViT(
        depth=sizes["num_hidden_layers"],
        embed_dim=sizes["hidden_size"],
        img_size=sizes["image_size"],
        mlp_ratio=sizes["mlp_dim"] / sizes["hidden_size"],
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        num_heads=sizes["num_attention_heads"],
        patch_size=sizes["patch_size"],
        qkv_bias=True,
        use_rel_pos=True,
        global_attn_indexes=sizes["global_attn_indexes"],
        window_size=sizes["window_size"],
        out_chans=sizes["output_channels"],
    )
    return cast(nn.Module, encoder)


def _prompt_encoder(modeling: Any, sizes: dict[str, Any]) -> nn.Module:
    encoder = modeling.PromptEncoder(
        embed_dim=sizes["hidden_size"],
        image_embedding_size=(sizes["image_embedding_size"],) * 2,
        input_image_size=(sizes["image_size"],) * 2,
        mask_in_chans=sizes["mask_input_channels"],
    )
    return cast(nn.Module, encoder)


def _mask_decoder(modeling: Any, sizes: dict[str, Any]) -> nn.Module:
    decoder = modeling.MaskDecoder(
        num_multimask_outputs=sizes["num_multimask_outputs"],
        transformer_dim=sizes["hidden_size"],
        iou_head_depth=3,
        iou_head_hidden_dim=sizes["iou_head_hidden_dim"],
        transformer=modeling.TwoWayTransformer(
            depth=sizes["num_hidden_layers"],
            embedding_dim=sizes["hidden_size"],
            mlp_dim=sizes["mlp_dim"],
            num_heads=sizes["num_attention_heads"],
        ),
    )
    return cast(nn.Module, decoder)


def _load(model: nn.Module, weights: Weights, name: str) -> None:
    """Raises: InputError when the weights do not fit the model, or not all are there."""
    try:
        absent = model.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise InputError(
            f"{name} does not fit its program's model ({str(error).splitlines()[-1].strip()}): download it again."
        ) from error
    missing = [key for key in absent if not key.startswith(_UNUSED)]
    if missing:
        raise InputError(
            f"{name} lacks {len(missing)} of the model's weights ({missing[0]} …): it is another kind of model or"
            " damaged; download it again."
        )
