"""Every tensor of an original SAM checkpoint, by name and shape, written out from the program's structure."""

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
    return out | _sam_prompts(size) | _sam_decoder(size)


def _sam_prompts(size: SamSize) -> Shapes:
    out: Shapes = {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, size.out // 2)}
    out |= {
        f"prompt_encoder.{name}.weight": (1, size.out)
        for name in (*(f"point_embeddings.{i}" for i in range(4)), "not_a_point_embed", "no_mask_embed")
    }
    down = "prompt_encoder.mask_downscaling"
    out |= (
        linear(f"{down}.0", 4, 1, 2, 2)
        | norm(f"{down}.1", 4)
        | linear(f"{down}.3", 16, 4, 2, 2)
        | norm(f"{down}.4", 16)
    )
    return out | linear(f"{down}.6", size.out, 16, 1, 1)


def _attention(name: str, width: int, inner: int) -> Shapes:
    out = {k: v for part in "qkv" for k, v in linear(f"{name}.{part}_proj", inner, width).items()}
    return out | linear(f"{name}.out_proj", width, inner)


def _sam_decoder(size: SamSize) -> Shapes:
    width, inner, both = size.out, size.out // 2, "mask_decoder.transformer"
    out: Shapes = {}
    for i in range(2):
        layer = f"{both}.layers.{i}"
        out |= _attention(f"{layer}.self_attn", width, width)
        out |= _attention(f"{layer}.cross_attn_token_to_image", width, inner) | _attention(
            f"{layer}.cross_attn_image_to_token", width, inner
        )
        for n in range(1, 5):
            out |= norm(f"{layer}.norm{n}", width)
        out |= linear(f"{layer}.mlp.lin1", size.feed, width) | linear(f"{layer}.mlp.lin2", width, size.feed)
    out |= _attention(f"{both}.final_attn_token_to_image", width, inner) | norm(f"{both}.norm_final_attn", width)
    out |= {"mask_decoder.iou_token.weight": (1, width), "mask_decoder.mask_tokens.weight": (4, width)}
    up = "mask_decoder.output_upscaling"
    out |= {
        f"{up}.0.weight": (width, width // 4, 2, 2),
        f"{up}.0.bias": (width // 4,),
        f"{up}.3.weight": (width // 4, width // 8, 2, 2),
        f"{up}.3.bias": (width // 8,),
    }
    out |= norm(f"{up}.1", width // 4)
    for i in range(4):
        out |= mlp(f"mask_decoder.output_hypernetworks_mlps.{i}", width, width, width, width // 8)
    return out | mlp("mask_decoder.iou_prediction_head", width, width, width, 4)
