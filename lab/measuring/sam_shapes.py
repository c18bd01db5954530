"""Every tensor of an original SAM or SAM-HQ checkpoint, by name and shape, written out from the program's structure."""

from __future__ import annotations

from dataclasses import dataclass

from .masking_layers import Shapes, linear, mlp, norm


@dataclass(frozen=True)
class SamSize:
    """SAM's sizes; the defaults are vit_b's."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    wide: tuple[int, ...] = (2, 5, 8, 11)
    side: int = 1024
    patch: int = 16
    window: int = 14
    out: int = 256
    feed: int = 2048


SAM = {
    "vit_b": ("sam_vit_b_01ec64.pth", "sam-vit-base", SamSize()),
    "vit_l": ("sam_vit_l_0b3195.pth", "sam-vit-large", SamSize(1024, 24, 16, (5, 11, 17, 23))),
    "vit_h": ("sam_vit_h_4b8939.pth", "sam-vit-huge", SamSize(1280, 32, 16, (7, 15, 23, 31))),
}
SMALL_SAM = SamSize(32, 3, 2, (1,), 64, 8, 3, 32, 64)


def sam_shapes(size: SamSize) -> Shapes:
    """Every tensor of an original SAM checkpoint."""
    grid, head = size.side // size.patch, size.width // size.heads
    out: Shapes = {"image_encoder.pos_embed": (1, grid, grid, size.width)} | linear(
        "image_encoder.patch_embed.proj", size.width, 3, size.patch, size.patch
    )
    for i in range(size.layers):
        block, reach = f"image_encoder.blocks.{i}", grid if i in size.wide else size.window
        out |= norm(f"{block}.norm1", size.width) | norm(f"{block}.norm2", size.width)
        out |= linear(f"{block}.attn.qkv", 3 * size.width, size.width) | linear(
            f"{block}.attn.proj", size.width, size.width
        )
        out |= {f"{block}.attn.rel_pos_{axis}": (2 * reach - 1, head) for axis in "hw"}
        out |= linear(f"{block}.mlp.lin1", 4 * size.width, size.width) | linear(
            f"{block}.mlp.lin2", size.width, 4 * size.width
        )
    out |= {
        "image_encoder.neck.0.weight": (size.out, size.width, 1, 1),
        "image_encoder.neck.2.weight": (size.out, size.out, 3, 3),
    }
    out |= norm("image_encoder.neck.1", size.out) | norm("image_encoder.neck.3", size.out)
    return out | sam_prompts(size.out) | sam_decoder(size.out, size.feed)


def sam_hq_shapes(size: SamSize) -> Shapes:
    """Every tensor of an original SAM-HQ checkpoint."""
    width, decoder = size.out, "mask_decoder"
    out = sam_shapes(size) | {f"{decoder}.hf_token.weight": (1, width)}
    out |= mlp(f"{decoder}.hf_mlp", width, width, width, width // 8)
    for name, widths in (
        ("compress_vit_feat", (size.width, width, width // 8)),
        ("embedding_encoder", (width, width // 4, width // 8)),
    ):
        out |= _upscaling(f"{decoder}.{name}", *widths)
    branch = f"{decoder}.embedding_maskfeature"
    out |= linear(f"{branch}.0", width // 4, width // 8, 3, 3) | norm(f"{branch}.1", width // 4)
    return out | linear(f"{branch}.3", width // 8, width // 4, 3, 3)


def sam_prompts(width: int, encoder: str = "prompt_encoder.") -> Shapes:
    """encoder: the beginning of its names."""
    out: Shapes = {f"{encoder}pe_layer.positional_encoding_gaussian_matrix": (2, width // 2)}
    out |= {
        f"{encoder}{name}.weight": (1, width)
        for name in (*(f"point_embeddings.{i}" for i in range(4)), "not_a_point_embed", "no_mask_embed")
    }
    down = f"{encoder}mask_downscaling"
    out |= (
        linear(f"{down}.0", 4, 1, 2, 2)
        | norm(f"{down}.1", 4)
        | linear(f"{down}.3", 16, 4, 2, 2)
        | norm(f"{down}.4", 16)
    )
    return out | linear(f"{down}.6", width, 16, 1, 1)


def _attention(name: str, width: int, inner: int) -> Shapes:
    out = {k: v for part in "qkv" for k, v in linear(f"{name}.{part}_proj", inner, width).items()}
    return out | linear(f"{name}.out_proj", width, inner)


def sam_decoder(
    width: int, feed: int, decoder: str = "mask_decoder.", feed_layers: tuple[str, str] = ("mlp.lin1", "mlp.lin2")
) -> Shapes:
    """feed: the width inside of the feed-forward layers, which have the names `feed_layers`. decoder: the beginning of
    its names."""
    inner, both = width // 2, f"{decoder}transformer"
    out: Shapes = {}
    for i in range(2):
        layer = f"{both}.layers.{i}"
        out |= _attention(f"{layer}.self_attn", width, width)
        out |= _attention(f"{layer}.cross_attn_token_to_image", width, inner) | _attention(
            f"{layer}.cross_attn_image_to_token", width, inner
        )
        for n in range(1, 5):
            out |= norm(f"{layer}.norm{n}", width)
        out |= linear(f"{layer}.{feed_layers[0]}", feed, width) | linear(f"{layer}.{feed_layers[1]}", width, feed)
    out |= _attention(f"{both}.final_attn_token_to_image", width, inner) | norm(f"{both}.norm_final_attn", width)
    out |= {f"{decoder}iou_token.weight": (1, width), f"{decoder}mask_tokens.weight": (4, width)}
    out |= _upscaling(f"{decoder}output_upscaling", width, width // 4, width // 8)
    for i in range(4):
        out |= mlp(f"{decoder}output_hypernetworks_mlps.{i}", width, width, width, width // 8)
    return out | mlp(f"{decoder}iou_prediction_head", width, width, width, 4)


def _upscaling(name: str, into: int, between: int, out: int) -> Shapes:
    """Two nn.ConvTranspose2d, each to twice the size, with a norm and an activation between them."""
    shapes: Shapes = {f"{name}.0.weight": (into, between, 2, 2), f"{name}.0.bias": (between,)}
    shapes |= norm(f"{name}.1", between)
    return shapes | {f"{name}.3.weight": (between, out, 2, 2), f"{name}.3.bias": (out,)}
