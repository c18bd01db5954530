"""The image encoders: size, the layout of CLIP's vision transformer, seeds, and life inside the host's inference
mode."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor, nn

from single_image_studio.concept.encoders import (
    ENCODER_KINDS,
    Anchored,
    ConvolutionalEncoder,
    FreeEmbedding,
    VisionTransformer,
    build_encoder,
    preprocess,
)
from single_image_studio.support.errors import InputError

START = torch.linspace(-1, 1, 768)


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    """The real thing, made once (352 MB), and in the mode in which the host calls nodes."""
    with torch.inference_mode():
        encoder = build_encoder("vit_b32", 768, 5, START.clone())
    assert not any(parameter.is_inference() for parameter in encoder.parameters())
    return encoder


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_sizes_are_those_that_the_method_reports():
    with torch.device("meta"):
        assert count(VisionTransformer(768)) == 88_045_824
        assert abs(count(ConvolutionalEncoder(768)) - 11.7e6) < 0.3e6
    assert count(FreeEmbedding(torch.zeros(1, 768))) == 768


def test_cnn_has_no_batch_norm():
    with torch.device("meta"):
        kinds = {type(module) for module in ConvolutionalEncoder(64).modules()}
    assert nn.GroupNorm in kinds
    assert nn.BatchNorm2d not in kinds


def test_preprocess_against_pil():
    """PIL's bicubic is antialiased too; it differs by no more than its two passes of 8 bits. (Grey, so that neither
    clips.)"""
    import numpy as np
    from PIL import Image

    large = 0.3 + 0.4 * torch.rand(1, 3, 300, 448, generator=torch.Generator().manual_seed(0))
    levels = (large[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
    small = Image.fromarray(levels.numpy()).resize((224, 224), Image.Resampling.BICUBIC)
    expected = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 127.5 - 1
    found = preprocess(levels.permute(2, 0, 1)[None] / 255)
    assert found.shape == (1, 3, 224, 224)
    assert (found - expected).abs().max() < 2 / 127.5


def test_preprocess_limits():
    assert torch.equal(preprocess(torch.zeros(1, 3, 64, 64, dtype=torch.float16)), -torch.ones(1, 3, 224, 224))
    edge = torch.zeros(1, 3, 64, 64)
    edge[..., 32:] = 1
    assert preprocess(edge).abs().max() <= 1


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (1, 64, 64, 3), (3, 64, 64)])
def test_preprocess_refuses_other_shapes(shape: tuple[int, ...]):
    with pytest.raises(InputError, match="`image`"):
        preprocess(torch.zeros(shape))


def transformers_twin(vit: VisionTransformer) -> nn.Module:
    """transformers' CLIP with the same weights: an implementation that shares no code with ours."""
    transformers = pytest.importorskip("transformers")
    config = transformers.CLIPVisionConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        image_size=224,
        patch_size=32,
        projection_dim=768,
        hidden_act="quick_gelu",
        layer_norm_eps=1e-5,
    )
    twin = transformers.CLIPVisionModelWithProjection(config).eval()
    missing, unexpected = twin.load_state_dict(twin_weights(vit), strict=False)
    assert not unexpected
    assert all("position_ids" in name for name in missing)
    return twin


def twin_weights(vit: VisionTransformer) -> dict[str, Tensor]:
    weights = {
        "embeddings.patch_embedding.weight": vit.patches.weight,
        "embeddings.class_embedding": vit.class_token,
        "embeddings.position_embedding.weight": vit.positions,
        **norm("pre_layrnorm", vit.ln_pre),
        **norm("post_layernorm", vit.ln_post),
    }
    for index, block in enumerate(vit.blocks):
        layer = f"encoder.layers.{index}"
        weights |= norm(f"{layer}.layer_norm1", block.ln_1) | norm(f"{layer}.layer_norm2", block.ln_2)
        parts = zip(block.attention.qkv.weight.chunk(3), block.attention.qkv.bias.chunk(3))
        for name, (weight, bias) in zip("qkv", parts):
            weights |= {f"{layer}.self_attn.{name}_proj.weight": weight, f"{layer}.self_attn.{name}_proj.bias": bias}
        linears = {"self_attn.out_proj": block.attention.out, "mlp.fc1": block.mlp[0], "mlp.fc2": block.mlp[2]}
        for name, linear in linears.items():
            weights |= {f"{layer}.{name}.weight": linear.weight, f"{layer}.{name}.bias": linear.bias}
    return {f"vision_model.{name}": value for name, value in weights.items()} | {"visual_projection.weight": vit.proj.T}


def norm(name: str, module: nn.LayerNorm) -> dict[str, Tensor]:
    return {f"{name}.weight": module.weight, f"{name}.bias": module.bias}


def test_vit_agrees_with_transformers(vit: VisionTransformer, pixels: Tensor):
    saved = {name: value.clone() for name, value in vit.state_dict().items()}
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in vit.parameters():  # biases start at 0 and norms at 1, where a wrong place would not show
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
        ours = vit(pixels)
        theirs = transformers_twin(vit)(pixel_values=preprocess(pixels)).image_embeds
        vit.load_state_dict(saved)
    assert ours.shape == (1, 768)
    assert (ours - theirs).norm() / theirs.norm() <= 1e-5


def test_vit_starts_as_clips_public_code_does(vit: VisionTransformer):
    for parameter in (vit.class_token, vit.positions, vit.proj):
        assert float(parameter.detach().std()) == pytest.approx(768**-0.5, rel=0.1)
    attention = vit.blocks[3].attention
    assert float(attention.qkv.weight.detach().abs().max()) == pytest.approx((6 / (4 * 768)) ** 0.5, rel=0.01)
    assert not attention.qkv.bias.any()
    assert not attention.out.bias.any()


def test_vit_output_is_neither_normalised_nor_scaled(vit: nn.Module, pixels: Tensor):
    with torch.no_grad():
        length = float(vit(pixels).norm())
    assert 20 < length < 40  # about √768, the length of a layer norm's output


def test_vit_gradients_reach_every_parameter(vit: nn.Module, pixels: Tensor):
    vit(pixels).square().sum().backward()
    for name, parameter in vit.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all() and parameter.grad.any(), name
        parameter.grad = None


@pytest.mark.parametrize("kind", ["cnn", "none"])
def test_gradients_reach_every_parameter(kind: str, pixels: Tensor):
    encoder = build_encoder(kind, 64, 0, START[:64])
    encoder(pixels).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_vit_seed_decides_the_bits(vit: nn.Module):
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = build_encoder("vit_b32", 768, 5, START)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), vit.parameters()))


def test_cnn_seed_decides_the_bits():
    first, again, other = (
        build_encoder("cnn", 32, seed, START[:32]).state_dict() for seed in (2**64 - 1, 2**64 - 1, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["resnet.fc.weight"], other["resnet.fc.weight"])


@pytest.mark.parametrize("kind", ["cnn", "none"])
def test_global_random_state_is_left_alone(kind: str):
    before = torch.get_rng_state()
    build_encoder(kind, 32, 4, START[:32])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["cnn", "none"])
def test_built_inside_inference_mode_it_still_trains(kind: str, pixels: Tensor):
    with torch.inference_mode():
        start = START[:32].clone()
        encoder = build_encoder(kind, 32, 4, start)
        borrowed = pixels.clone()
        with torch.inference_mode(False), torch.enable_grad():
            loss = encoder(borrowed).sum()
            loss.backward()
    assert not any(parameter.is_inference() for parameter in encoder.parameters())
    assert all(parameter.requires_grad and parameter.dtype == torch.float32 for parameter in encoder.parameters())
    optimizer = torch.optim.AdamW(encoder.parameters())
    optimizer.step()


def test_built_under_no_grad_it_still_trains():
    with torch.no_grad():
        encoder = build_encoder("none", 8, 0, torch.zeros(8))
    assert encoder.embedding.requires_grad


@pytest.mark.parametrize("shape", [(32,), (1, 32)])
def test_none_starts_at_the_class_word_and_ignores_the_picture(shape: tuple[int, ...], pixels: Tensor):
    start = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    encoder = build_encoder("none", 32, 0, start)
    assert torch.equal(encoder(pixels), start.reshape(1, 32))
    assert torch.equal(encoder(pixels), encoder(torch.zeros(1, 3, 8, 8)))
    with torch.no_grad():
        encoder.embedding += 1
    assert torch.equal(encoder(pixels), start.reshape(1, 32) + 1)
    assert not torch.equal(start, encoder.embedding.detach().reshape(shape)), "the caller's tensor must stay as it was"


@pytest.mark.parametrize("width", [32, 100, 1024])
def test_cnn_fits_every_width(width: int, pixels: Tensor):
    with torch.no_grad():
        assert build_encoder("cnn", width, 0, torch.zeros(width))(pixels).shape == (1, width)


def test_unknown_kind_and_wrong_width():
    with pytest.raises(InputError, match="`encoder` is 'vit_l14'.*" + ", ".join(ENCODER_KINDS)):
        build_encoder("vit_l14", 32, 0, torch.zeros(32))
    with pytest.raises(InputError, match="another size than this `clip`'s"):
        build_encoder("none", 32, 0, START)


def test_without_torchvision_it_says_what_to_choose(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(InputError, match="choose vit_b32 or none"):
        build_encoder("cnn", 32, 0, torch.zeros(32))


@pytest.mark.parametrize("kind", ["vit_b32", "cnn", "none"])
def test_anchored_starts_exactly_at_the_saved_vector(kind: str, vit: nn.Module, pixels: Tensor):
    encoder = vit if kind == "vit_b32" else build_encoder(kind, 768, 1, START)
    vector = torch.randn(1, 768, generator=torch.Generator().manual_seed(7))
    anchored = Anchored(encoder, vector, pixels)
    assert torch.equal(anchored(pixels), vector)
    with torch.no_grad():
        assert torch.equal(anchored(pixels), vector)


def test_anchored_has_the_encoders_gradients_and_moves(pixels: Tensor):
    vector = torch.full((1, 32), 3.0)
    plain, inner = (build_encoder("cnn", 32, 1, torch.zeros(32)) for _ in range(2))
    with torch.inference_mode():  # as the host calls it
        anchored = Anchored(inner, vector.clone(), pixels.clone())
    weights = torch.randn(1, 32, generator=torch.Generator().manual_seed(2))
    (plain(pixels) * weights).sum().backward()
    (anchored(pixels) * weights).sum().backward()
    for expected, found in zip(plain.parameters(), anchored.parameters()):
        assert torch.equal(expected.grad, found.grad)
    assert count(anchored) == count(plain), "the vector and the start must not be trained"
    torch.optim.AdamW(anchored.parameters(), lr=1e-3).step()
    assert not torch.equal(anchored(pixels), vector)


def test_anchored_refuses_a_vector_of_another_width(pixels: Tensor):
    with pytest.raises(InputError, match="`concept` is more than one word, or of another size"):
        Anchored(build_encoder("none", 32, 0, torch.zeros(32)), torch.zeros(1, 16), pixels)
