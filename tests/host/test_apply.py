"""A concept on the wires, against the stock LoraLoader and embedding:NAME, pixel for pixel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.support.errors import InputError

from ..helpers.lora import some_lora


def applied(
    model: Any, clip: Any, name: str, row: Tensor, lora: dict[str, Tensor], *strengths: float
) -> tuple[Any, Any]:
    from single_image_studio.host.apply import with_lora
    from single_image_studio.host.text import with_concept

    model, clip = with_lora(model, clip, lora, *strengths)
    return model, with_concept(clip, name, row)


def test_same_pixels_as_the_stock_nodes(demo_model, host, stock_picture) -> None:
    import folder_paths
    import nodes
    from safetensors.torch import save_file

    model, clip, vae = demo_model
    row, lora = torch.randn(1, 96, generator=torch.Generator().manual_seed(8)), some_lora(model, clip)
    for kind, tensors in (("embeddings", {"emb_params": row}), ("loras", lora)):
        folder = host / "models" / kind
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / "stock.safetensors")
    clip.tokenizer.clip_l.embedding_directory = folder_paths.get_folder_paths("embeddings")
    with torch.inference_mode():
        ours = applied(model, clip, "mine", row, lora, 0.8, 0.6)
        stock = nodes.LoraLoader().load_lora(model, clip, "stock.safetensors", 0.8, 0.6)
    picture = stock_picture(*ours, vae, "a <mine> heart on a green background")
    assert torch.equal(picture, stock_picture(*stock, vae, "a embedding:stock heart on a green background"))
    assert not torch.equal(picture, stock_picture(model, clip, vae, "a heart on a green background"))


def test_strength_zero_is_the_plain_model(demo_model, stock_picture) -> None:
    model, clip, vae = demo_model
    ours = applied(model, clip, "mine", torch.zeros(1, 96), some_lora(model, clip), 0.0, 0.0)
    assert torch.equal(stock_picture(*ours, vae), stock_picture(model, clip, vae))


def test_concepts_chain(demo_model, stock_picture) -> None:
    """Two concepts one after the other are both known, and each one's LoRA acts."""
    model, clip, vae = demo_model
    one = applied(model, clip, "one", torch.ones(1, 96), some_lora(model, clip), 1.0, 1.0)
    both = applied(*one, "two", -torch.ones(1, 96), some_lora(model, clip, 0.1), 1.0, 1.0)
    tokens = [t for t, _ in both[1].tokenize("<one> heart and a <two> star")["l"][0] if torch.is_tensor(t)]
    assert [float(t[0]) for t in tokens] == [1.0, -1.0]
    pictures = [stock_picture(*wires, vae) for wires in ((model, clip), one, both)]
    assert not torch.equal(pictures[0], pictures[1]) and not torch.equal(pictures[1], pictures[2])


def test_attention_projections_have_kohyas_names(demo_model) -> None:
    from single_image_studio.host.weights import attention_projections

    model, clip, _ = demo_model
    found = attention_projections(model, clip)
    blocks = sum(name.endswith("attn1_to_q") for name in found)
    assert sum(name.startswith("lora_unet_") for name in found) == blocks * 8  # two attentions of four projections
    assert sum(name.startswith("lora_te_") for name in found) == 3 * 4
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj" in found
    assert all(isinstance(layer, torch.nn.Linear) for layer in found.values())
    assert len(attention_projections(model, None)) == blocks * 8


def test_fingerprint_is_the_checkpoints_whatever_is_on_it(demo_model, stock_picture) -> None:
    import comfy.sd

    from single_image_studio.host.weights import fingerprint

    model, clip, vae = demo_model
    plain = fingerprint(model)
    patched = comfy.sd.load_lora_for_models(model, clip, some_lora(model, clip), 1.0, 1.0)
    stock_picture(*patched, vae)
    assert fingerprint(patched[0]) == fingerprint(model) == plain
    assert len(plain) == 16


def like(original: Any, **changes: Any) -> Any:
    """An object of the same class with other attributes; newer hosts' models cannot be copied."""
    twin = object.__new__(type(original))
    twin.__dict__.update(original.__dict__ | changes)
    return twin


class Fake:
    """Just enough of a MODEL of another kind."""

    def __init__(self, model: Any, **changes: Any) -> None:
        config = model.model.model_config
        config = like(config, unet_config={**config.unet_config, **changes.pop("unet_config", {})})
        self.model = like(model.model, model_config=config, **changes)


def test_other_models_are_refused(demo_model) -> None:
    import comfy.latent_formats
    import comfy.model_base

    from single_image_studio.host.checks import require_sd1, require_sd1_layers

    model = demo_model[0]
    require_sd1(model)
    for changes, words in (
        ({"adm_channels": 2816}, "SDXL"),
        ({"latent_format": comfy.latent_formats.Flux()}, "BaseModel model"),
        ({"model_type": comfy.model_base.ModelType.V_PREDICTION}, "v-prediction"),
        ({"unet_config": {"in_channels": 9}}, "inpainting"),
        ({"unet_config": {"use_linear_in_transformer": True}}, "SD 2"),
    ):
        with pytest.raises(InputError, match=words):
            require_sd1(Fake(model, **changes))
    for require in (require_sd1, require_sd1_layers):
        with pytest.raises(InputError, match="`model`"):
            require(object())


def test_using_is_not_learning(demo_model) -> None:
    """LCM, v-prediction and inpainting models have SD 1.x's layers, and a concept needs no more."""
    import comfy.latent_formats
    import comfy.model_base
    from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete

    from single_image_studio.host.checks import require_sd1, require_sd1_layers

    model = demo_model[0]
    lcm = ModelSamplingDiscrete().patch(model, "lcm", False)[0]
    with pytest.raises(InputError, match="another kind of prediction"):
        require_sd1(lcm)
    for usable in (
        model,
        lcm,
        Fake(model, model_type=comfy.model_base.ModelType.V_PREDICTION),
        Fake(model, unet_config={"in_channels": 9}),
    ):
        require_sd1_layers(usable)
    with pytest.raises(InputError, match="SD 2"):
        require_sd1_layers(Fake(model, unet_config={"use_linear_in_transformer": True}))


def test_other_text_encoders_and_vaes_are_refused(demo_model) -> None:
    import types

    from single_image_studio.host.checks import require_sd1_clip, require_vae

    model, clip, vae = demo_model
    require_sd1_clip(clip, model)
    require_vae(vae)
    for broken in (
        None,
        types.SimpleNamespace(cond_stage_model=types.SimpleNamespace(clip_l=1, clip_g=2)),
        types.SimpleNamespace(cond_stage_model=None),
    ):
        with pytest.raises(InputError, match="`clip`"):
            require_sd1_clip(broken, model)
    with pytest.raises(
        InputError, match="`clip` seems to be made for another kind of model, and `model` cannot read it"
    ):
        require_sd1_clip(clip, Fake(model, unet_config={"context_dim": 768}))
    with pytest.raises(InputError, match="`vae`"):
        require_vae(None)
    with pytest.raises(InputError, match="`vae` seems to be made for Stable Diffusion 3, Flux"):
        require_vae(types.SimpleNamespace(first_stage_model=1, latent_channels=16))


def test_posterior_samples_have_the_vaes_moments(host) -> None:
    """A real AutoencoderKL of SD's layout, random weights: mean and spread against its own distribution class."""
    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.ldm.modules.distributions.distributions import DiagonalGaussianDistribution

    from single_image_studio.host.vae import posterior

    config = {
        "double_z": True,
        "z_channels": 4,
        "resolution": 64,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    torch.manual_seed(0)
    model = AutoencoderKL(ddconfig=config, embed_dim=4)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    with torch.inference_mode():
        vae = _wrapped(model)
        image = torch.rand(2, 64, 64, 3)
        found = posterior(vae, image)
        expected: Any = DiagonalGaussianDistribution(model.quant_conv(model.encoder(image.movedim(-1, 1) * 2 - 1)))
    assert found.std is not None
    assert torch.allclose(found.mean, expected.mean, atol=1e-5) and torch.allclose(found.std, expected.std, rtol=1e-4)
    draws: Tensor = found.sample(400, torch.Generator().manual_seed(0))
    assert draws.shape == (800, 4, 8, 8)
    assert torch.allclose(draws[:400].mean(0), found.mean[0], atol=0.3) and draws[:400].std(
        0
    ).mean().item() == pytest.approx(found.std[0].mean().item(), rel=0.02)
    assert not model.regularization._forward_pre_hooks


def _wrapped(model: Any) -> Any:
    """A VAE whose `encode` is the host's path in short: pixels to -1…1, then the model's own encode."""
    import types

    return types.SimpleNamespace(
        first_stage_model=model, encode=lambda pixels: model.encode(pixels.movedim(-1, 1) * 2 - 1)
    )


def test_posterior_of_a_vae_without_moments_is_its_mode(demo_model, concept_picture) -> None:
    from single_image_studio.host.vae import posterior

    vae = demo_model[2]
    with torch.inference_mode():
        found = posterior(vae, concept_picture[0])
        assert found.std is None and torch.equal(found.mean, vae.encode(concept_picture[0]))
    assert torch.equal(found.sample(3, torch.Generator())[2], found.mean[0])


def test_a_live_lora_is_the_merged_one(demo_model) -> None:
    """What trains by hooks is what add_patches merges: the same predictions and encodings, and off is the frozen
    model."""
    import comfy.sd

    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.host.concept_model import with_concept_model
    from single_image_studio.host.vae import Posterior
    from single_image_studio.host.weights import attention_projections

    model, clip, _ = demo_model
    weights, picture = some_lora(model, clip), Posterior(torch.zeros(1, 4, 16, 16), None)
    latents, t, row = torch.randn(2, 4, 16, 16), torch.tensor([100, 800]), torch.ones(1, 96)

    @torch.no_grad()
    def predict(opened: Any) -> Tensor:
        return opened.predict_x0(latents, t, opened.encode(row))

    def live_and_frozen(opened: Any) -> tuple[Tensor, Tensor]:
        frozen = predict(opened)
        lora = LoraSet(attention_projections(opened.unet.patcher, opened.clip), 4, torch.Generator())
        lora.load_kohya(weights)
        with lora.place(opened.device).attached():
            live = predict(opened)
            with lora.off():
                assert torch.equal(predict(opened), frozen)
        return live, frozen

    with torch.inference_mode():
        merged = comfy.sd.load_lora_for_models(model, clip, weights, 1.0, 1.0)
        expected = with_concept_model(*merged, picture, "heart", "fp32", predict)
        live, frozen = with_concept_model(model, clip, picture, "heart", "fp32", live_and_frozen)
    assert not torch.allclose(live, frozen, atol=1e-2)
    # the text encoder's merged weights are rounded to float16
    assert torch.allclose(live, expected, rtol=1e-2, atol=5e-3)


def test_a_merge_is_another_checkpoint_and_a_lora_is_not(demo_model, caplog: pytest.LogCaptureFixture) -> None:
    import comfy.sd
    from comfy_extras.nodes_model_merging import ModelMergeSimple

    from single_image_studio.host.weights import fingerprint, warn_of_another_checkpoint

    model, clip, _ = demo_model
    base = fingerprint(model)
    with torch.inference_mode():
        other = model.clone()
        weights = {k: v for k, v in model.model_state_dict().items() if k.startswith("diffusion_model.")}
        other.add_patches({k: (0.05 * torch.ones_like(v),) for k, v in weights.items()}, 1.0)
        merged = ModelMergeSimple().merge(model, other, 0.5)[0]
        styled = comfy.sd.load_lora_for_models(model, clip, some_lora(model, clip), 1.0, 1.0)[0]
    assert fingerprint(styled) == fingerprint(model) == base != fingerprint(merged)
    warn_of_another_checkpoint(merged, base, "stage1_of_another_checkpoint")
    assert "another checkpoint" in caplog.text
    caplog.clear()
    warn_of_another_checkpoint(styled, base, "stage1_of_another_checkpoint")
    assert not caplog.records
