"""The original GroundingDINO layout in transformers' model. Parity with the original program: `python -m
lab.measuring.masking_parity`."""

from __future__ import annotations

import pytest
import torch

from lab.measuring import masking_weights
from single_image_studio.masking.grounding_dino import SWIN_PATCHES, published_config
from single_image_studio.masking.original_dino import OriginalAnchors, config_of, is_original, rename
from single_image_studio.support.errors import InputError


def meta(shapes):
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize("model, tensors, numbers", [("swint", 938, 174_327_226), ("swinb", 1106, 234_860_204)])
def test_full_size_shapes_are_the_original_s_and_give_the_published_config(
    model: str, tensors: int, numbers: int
) -> None:
    """Both counts are those of groundingdino-py's own models, which hold the decoder's box heads under two names and 6
    times over."""
    size = masking_weights.DINO[model][2]
    shapes = masking_weights.dino_shapes(size)
    heads = {k: v for k, v in shapes.items() if k.startswith("bbox_embed.")}
    tables = {k: tuple(v.shape) for k, v in masking_weights.index_tables(size).items()}
    whole = shapes | {f"transformer.decoder.{k}": v for k, v in heads.items()} | tables
    assert len(whole) == tensors
    assert sum(torch.Size(v).numel() for v in whole.values()) == numbers
    config = config_of(meta(shapes))
    assert is_original(meta(shapes))
    wanted = published_config(meta({SWIN_PATCHES: (size.embed, 3, 4, 4)}))
    for key in ("embed_dim", "depths", "num_heads", "window_size", "out_indices"):
        assert config["backbone_config"][key] == wanted["backbone_config"][key], key
    from transformers import BertConfig, GroundingDinoConfig

    defaults, text = GroundingDinoConfig(), BertConfig()  # what the published configs are, but for the backbone
    for key, value in config.items():
        if key not in ("model_type", "backbone_config", "text_config", "dropout"):
            assert getattr(defaults, key) == value, key
    assert all(getattr(text, key) == value for key, value in config["text_config"].items() if key != "model_type")


def test_every_weight_has_a_place() -> None:
    """Each name is mapped to one of transformers' (in its names of before version 5), packed ones to three; BERT's
    pooler is left out."""
    weights = masking_weights.original_dino(masking_weights.SMALL_DINO)
    out = rename(weights)
    packed = [k for k in weights if ".qkv." in k or "in_proj" in k]
    left = [k for k in weights if "bert.pooler" in k]
    assert len(out) == len(weights) + 2 * len(packed) - len(left)
    assert sum(v.numel() for v in out.values()) == sum(v.numel() for k, v in weights.items() if k not in left)
    q, k, v = (out[f"model.decoder.layers.0.self_attn.{part}.weight"] for part in ("query", "key", "value"))
    assert torch.equal(torch.cat([q, k, v]), weights["transformer.decoder.layers.0.self_attn.in_proj_weight"])
    assert torch.equal(
        out["model.encoder.layers.1.fusion_layer.attn.out_text_proj.bias"],
        weights["transformer.encoder.fusion_layers.1.attn.out_l_proj.bias"],
    )


def test_a_part_of_a_checkpoint_is_refused() -> None:
    weights = masking_weights.original_dino(masking_weights.SMALL_DINO)
    del weights["bert.embeddings.word_embeddings.weight"]
    with pytest.raises(InputError, match="not a whole GroundingDINO checkpoint .*word_embeddings"):
        config_of(weights)


def test_original_anchors_act_inside_their_block_alone() -> None:
    x = torch.tensor([0.0, 1e-4, 0.25, 0.9995, 1.0])
    outside = torch.special.logit(x, eps=1e-5)
    with OriginalAnchors():
        inside = torch.special.logit(x, eps=1e-5)
    by_hand = torch.tensor([1e-3 / 1, 1e-3 / (1 - 1e-4), 1 / 3, 0.9995 / 1e-3, 1 / 1e-3]).log()
    assert torch.allclose(inside, by_hand, atol=1e-5)
    assert torch.equal(torch.special.logit(x, eps=1e-5), outside) and not torch.allclose(inside, outside)
