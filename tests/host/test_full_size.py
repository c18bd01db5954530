"""SD 1.5's real architecture, without its memory: names and shapes on torch's meta device."""

from __future__ import annotations

import types

import pytest
import torch


@pytest.fixture(scope="module")
def sd15(host):  # type: ignore[no-untyped-def]
    """Stand-ins for MODEL and CLIP with SD 1.5's own modules, on the meta device."""
    import comfy.sd1_clip
    import comfy.supported_models

    from lab.measuring.full_size import UNET

    config = comfy.supported_models.SD15({k: v for k, v in UNET.items() if k not in ("num_heads", "num_head_channels")})
    config.set_inference_dtype(torch.float16, None)
    with torch.device("meta"):
        base = config.get_model({}, "", device=torch.device("meta"))
        text = comfy.sd1_clip.SD1ClipModel(device="meta", dtype=torch.float16)
    return types.SimpleNamespace(model=base, get_model_object=lambda name: getattr(base, name)), types.SimpleNamespace(
        cond_stage_model=text
    )


def test_sizes_are_the_published_ones(sd15) -> None:
    model, clip = sd15
    unet = model.model.diffusion_model.state_dict()
    assert (len(unet), sum(v.numel() for v in unet.values())) == (686, 859_520_964)
    text = {
        k: v
        for k, v in clip.cond_stage_model.clip_l.transformer.state_dict().items()
        if not k.startswith("text_projection")
    }
    assert (len(text), sum(v.numel() for v in text.values())) == (196, 123_060_480)


def test_lora_names_all_176_layers_and_has_the_published_size(sd15) -> None:
    from single_image_studio.host.weights import attention_projections

    found = attention_projections(*sd15)
    unet = {k: v for k, v in found.items() if k.startswith("lora_unet_")}
    text = {k: v for k, v in found.items() if k.startswith("lora_te_")}
    assert (len(unet), len(text)) == (128, 48)
    size = {
        part: sum(4 * (layer.in_features + layer.out_features) for layer in layers.values())
        for part, layers in (("unet", unet), ("text", text))
    }
    assert size == {"unet": 797_184, "text": 294_912}
    assert "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q" in unet
    assert "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0" in unet
    assert "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_v" in unet
    assert "lora_te_text_model_encoder_layers_11_self_attn_out_proj" in text


def test_it_is_accepted(sd15) -> None:
    from single_image_studio.host.checks import require_sd1, require_sd1_clip

    model, clip = sd15
    require_sd1(model)
    require_sd1_clip(clip, model)
