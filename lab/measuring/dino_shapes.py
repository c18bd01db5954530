"""Every tensor of an original GroundingDINO checkpoint, by name and shape, written out from the program's structure."""

from __future__ import annotations

from dataclasses import dataclass

from .masking_layers import Shapes, linear, mlp, norm, packed


@dataclass(frozen=True)
class DinoSize:
    """GroundingDINO's sizes; the defaults are the published ones with the tiny backbone."""

    embed: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    width: int = 256
    queries: int = 900
    layers: int = 6
    decoder_layers: int = 6
    ffn: int = 2048
    attention_heads: int = 8
    levels: int = 4
    text_width: int = 768
    text_layers: int = 12
    vocabulary: int = 30522


DINO = {
    "swint": ("groundingdino_swint_ogc.pth", "grounding-dino-tiny", DinoSize()),
    "swinb": (
        "groundingdino_swinb_cogcoor.pth",
        "grounding-dino-base",
        DinoSize(128, (2, 2, 18, 2), (4, 8, 16, 32), 12),
    ),
}
SMALL_DINO = DinoSize(24, (1, 1, 2, 1), (1, 2, 4, 8), 4, 32, 20, 2, 2, 64, 4, 4, 64, 2)


def _deformable(name: str, size: DinoSize) -> Shapes:
    points = size.attention_heads * size.levels * 4
    return (
        linear(f"{name}.sampling_offsets", 2 * points, size.width)
        | linear(f"{name}.attention_weights", points, size.width)
        | linear(f"{name}.value_proj", size.width, size.width)
        | linear(f"{name}.output_proj", size.width, size.width)
    )


def dino_shapes(size: DinoSize) -> Shapes:
    """Every tensor of an original GroundingDINO checkpoint but Swin's index tables."""
    out: Shapes = {
        "transformer.level_embed": (size.levels, size.width),
        "transformer.tgt_embed.weight": (size.queries, size.width),
    }
    for part in (_swin(size), _bert(size), _dino_encoder(size), _dino_decoder(size)):
        out |= part
    out |= linear("feat_map", size.width, size.text_width)
    widths = [size.embed * 2**i for i in (1, 2, 3)]
    for level in range(size.levels):
        into = widths[level] if level < 3 else widths[2] if level == 3 else size.width
        kernel = (1, 1) if level < 3 else (3, 3)
        out |= linear(f"input_proj.{level}.0", size.width, into, *kernel) | norm(f"input_proj.{level}.1", size.width)
    out |= linear("transformer.enc_output", size.width, size.width) | norm("transformer.enc_output_norm", size.width)
    out |= mlp("transformer.enc_out_bbox_embed", size.width, size.width, size.width, 4)
    return out


def _swin(size: DinoSize) -> Shapes:
    out = linear("backbone.0.patch_embed.proj", size.embed, 3, 4, 4) | norm("backbone.0.patch_embed.norm", size.embed)
    for i, (depth, heads) in enumerate(zip(size.depths, size.heads)):
        width = size.embed * 2**i
        for j in range(depth):
            block = f"backbone.0.layers.{i}.blocks.{j}"
            out |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)
            out |= linear(f"{block}.attn.qkv", 3 * width, width) | linear(f"{block}.attn.proj", width, width)
            out[f"{block}.attn.relative_position_bias_table"] = ((2 * size.window - 1) ** 2, heads)
            out |= linear(f"{block}.mlp.fc1", 4 * width, width) | linear(f"{block}.mlp.fc2", width, 4 * width)
        if i < 3:
            out |= {f"backbone.0.layers.{i}.downsample.reduction.weight": (2 * width, 4 * width)} | norm(
                f"backbone.0.layers.{i}.downsample.norm", 4 * width
            )
        if i > 0:
            out |= norm(f"backbone.0.norm{i}", width)
    return out


def _bert(size: DinoSize) -> Shapes:
    width = size.text_width
    out: Shapes = {
        f"bert.embeddings.{name}_embeddings.weight": (rows, width)
        for name, rows in (("word", size.vocabulary), ("position", 512), ("token_type", 2))
    }
    out |= norm("bert.embeddings.LayerNorm", width) | linear("bert.pooler.dense", width, width)
    for i in range(size.text_layers):
        layer = f"bert.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            out |= linear(f"{layer}.attention.self.{part}", width, width)
        out |= linear(f"{layer}.attention.output.dense", width, width) | norm(
            f"{layer}.attention.output.LayerNorm", width
        )
        out |= (
            linear(f"{layer}.intermediate.dense", 4 * width, width)
            | linear(f"{layer}.output.dense", width, 4 * width)
            | norm(f"{layer}.output.LayerNorm", width)
        )
    return out


def _dino_encoder(size: DinoSize) -> Shapes:
    width, half = size.width, size.ffn // 2
    out: Shapes = {}
    for i in range(size.layers):
        layer, text, fusion = (f"transformer.encoder.{kind}.{i}" for kind in ("layers", "text_layers", "fusion_layers"))
        out |= _deformable(f"{layer}.self_attn", size) | norm(f"{layer}.norm1", width) | norm(f"{layer}.norm2", width)
        out |= linear(f"{layer}.linear1", size.ffn, width) | linear(f"{layer}.linear2", width, size.ffn)
        out |= packed(f"{text}.self_attn", width) | norm(f"{text}.norm1", width) | norm(f"{text}.norm2", width)
        out |= linear(f"{text}.linear1", half, width) | linear(f"{text}.linear2", width, half)
        out |= (
            {f"{fusion}.gamma_v": (width,), f"{fusion}.gamma_l": (width,)}
            | norm(f"{fusion}.layer_norm_v", width)
            | norm(f"{fusion}.layer_norm_l", width)
        )
        for part in ("v_proj", "l_proj", "values_v_proj", "values_l_proj"):
            out |= linear(f"{fusion}.attn.{part}", half, width)
        out |= linear(f"{fusion}.attn.out_v_proj", width, half) | linear(f"{fusion}.attn.out_l_proj", width, half)
    return out


def _dino_decoder(size: DinoSize) -> Shapes:
    width = size.width
    out = norm("transformer.decoder.norm", width) | mlp("transformer.decoder.ref_point_head", 2 * width, width, width)
    for i in range(size.decoder_layers):
        layer = f"transformer.decoder.layers.{i}"
        out |= (
            _deformable(f"{layer}.cross_attn", size)
            | packed(f"{layer}.self_attn", width)
            | packed(f"{layer}.ca_text", width)
        )
        for part in ("norm1", "norm2", "norm3", "catext_norm"):
            out |= norm(f"{layer}.{part}", width)
        out |= linear(f"{layer}.linear1", size.ffn, width) | linear(f"{layer}.linear2", width, size.ffn)
        out |= mlp(f"bbox_embed.{i}", width, width, width, 4)
    return out
