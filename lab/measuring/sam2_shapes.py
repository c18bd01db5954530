"""Every tensor of an original SAM 2.1 checkpoint, by name and shape, written out from the program's structure."""

from __future__ import annotations

from dataclasses import dataclass

from .masking_layers import Shapes, linear, mlp, norm
from .sam_shapes import sam_decoder, sam_prompts


@dataclass(frozen=True)
class Sam2Size:
    """SAM 2's sizes; the defaults are the tiny one's. grid: of the learned positions, without windows."""

    width: int = 96
    blocks: tuple[int, ...] = (1, 2, 7, 2)
    grid: int = 7
    window: int = 8
    out: int = 256
    feed: int = 2048
    memory: int = 64


SAM2 = {
    "sam2_tiny": ("sam2.1_hiera_tiny.pt", Sam2Size()),
    "sam2_small": ("sam2.1_hiera_small.pt", Sam2Size(96, (1, 2, 11, 2))),
    "sam2_base_plus": ("sam2.1_hiera_base_plus.pt", Sam2Size(112, (2, 3, 16, 3), 14)),
    "sam2_large": ("sam2.1_hiera_large.pt", Sam2Size(144, (2, 6, 36, 4))),
}
SMALL_SAM2 = Sam2Size(8, (1, 1, 2, 1), 7, 4, 32, 64, 8)


def sam2_shapes(size: Sam2Size) -> Shapes:
    """Every tensor of an original SAM 2.1 checkpoint."""
    out = _hiera(size) | _neck(size) | sam_prompts(size.out, "sam_prompt_encoder.")
    out |= sam_decoder(size.out, size.feed, "sam_mask_decoder.", ("mlp.layers.0", "mlp.layers.1"))
    decoder, width = "sam_mask_decoder", size.out
    out |= {f"{decoder}.obj_score_token.weight": (1, width)} | mlp(
        f"{decoder}.pred_obj_score_head", width, width, width, 1
    )
    out |= linear(f"{decoder}.conv_s0", width // 8, width, 1, 1) | linear(f"{decoder}.conv_s1", width // 4, width, 1, 1)
    return out | _film(size)


def _hiera(size: Sam2Size) -> Shapes:
    trunk, width = "image_encoder.trunk", size.width
    out: Shapes = {
        f"{trunk}.pos_embed": (1, width, size.grid, size.grid),
        f"{trunk}.pos_embed_window": (1, width, size.window, size.window),
    }
    out |= linear(f"{trunk}.patch_embed.proj", width, 3, 7, 7)
    number = 0
    for stage, count in enumerate(size.blocks):
        for first in [True] + [False] * (count - 1):
            into = width // 2 if first and stage else width
            out |= _block(f"{trunk}.blocks.{number}", into, width)
            number += 1
        width *= 2
    return out


def _block(name: str, into: int, width: int) -> Shapes:
    out = norm(f"{name}.norm1", into) | norm(f"{name}.norm2", width)
    out |= linear(f"{name}.attn.qkv", 3 * width, into) | linear(f"{name}.attn.proj", width, width)
    out |= mlp(f"{name}.mlp", width, 4 * width, width)
    return out | (linear(f"{name}.proj", width, into) if into != width else {})


def _neck(size: Sam2Size) -> Shapes:
    out: Shapes = {}
    for i in range(4):
        out |= linear(f"image_encoder.neck.convs.{i}.conv", size.out, size.width * 2 ** (3 - i), 1, 1)
    return out


def _film(size: Sam2Size) -> Shapes:
    """What single pictures have no use for but `no_mem_embed`: memory and pointers to things in earlier pictures."""
    width, memory = size.out, size.memory
    out: Shapes = {"maskmem_tpos_enc": (7, 1, 1, memory), "no_obj_ptr": (1, width)}
    out |= {"no_mem_embed": (1, 1, width), "no_mem_pos_enc": (1, 1, width), "no_obj_embed_spatial": (1, memory)}
    out |= linear("mask_downsample", 1, 1, 4, 4) | mlp("obj_ptr_proj", width, width, width, width)
    out |= linear("obj_ptr_tpos_proj", memory, width) | norm("memory_attention.norm", width)
    for i in range(4):
        layer = f"memory_attention.layers.{i}"
        for name, into in (("self_attn", width), ("cross_attn_image", memory)):
            out |= linear(f"{layer}.{name}.q_proj", width, width) | linear(f"{layer}.{name}.out_proj", width, width)
            out |= linear(f"{layer}.{name}.k_proj", width, into) | linear(f"{layer}.{name}.v_proj", width, into)
        out |= linear(f"{layer}.linear1", size.feed, width) | linear(f"{layer}.linear2", width, size.feed)
        for n in range(1, 4):
            out |= norm(f"{layer}.norm{n}", width)
    return out | _memory_encoder(width, memory)


def _memory_encoder(width: int, memory: int) -> Shapes:
    encoder, out = "memory_encoder", linear("memory_encoder.out_proj", memory, width, 1, 1)
    channels = (1, *(max(1, width // 4 ** (3 - i)) for i in range(4)))
    for i, (into, channel) in enumerate(zip(channels, channels[1:])):
        out |= linear(f"{encoder}.mask_downsampler.encoder.{3 * i}", channel, into, 3, 3)
        out |= norm(f"{encoder}.mask_downsampler.encoder.{3 * i + 1}", channel)
    out |= linear(f"{encoder}.mask_downsampler.encoder.12", width, width, 1, 1)
    out |= linear(f"{encoder}.pix_feat_proj", width, width, 1, 1)
    for i in range(2):
        layer = f"{encoder}.fuser.layers.{i}"
        out |= {f"{layer}.gamma": (width,)} | linear(f"{layer}.dwconv", width, 1, 7, 7) | norm(f"{layer}.norm", width)
        out |= linear(f"{layer}.pwconv1", 4 * width, width) | linear(f"{layer}.pwconv2", width, 4 * width)
    return out
