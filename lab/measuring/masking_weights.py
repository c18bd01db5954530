"""GroundingDINO and SAM with random weights, in every layout that artists have: the original checkpoints' and Hugging
Face's folders.

    python -m lab.measuring.masking_weights make FOLDER [--models swint,swinb,vit_b,vit_l,vit_h]

writes full-size ones into FOLDER/grounding-dino and FOLDER/sams (up to 9 GB). The names and shapes are written out here
from the original programs' structure, apart from the code that reads them. The weights keep activations and logits of a
trained network's size, so that differences
between two programs are not hidden or blown up.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..hosting import in_process

Shapes = dict[str, tuple[int, ...]]


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


DINO = {
    "swint": ("groundingdino_swint_ogc.pth", "grounding-dino-tiny", DinoSize()),
    "swinb": (
        "groundingdino_swinb_cogcoor.pth",
        "grounding-dino-base",
        DinoSize(128, (2, 2, 18, 2), (4, 8, 16, 32), 12),
    ),
}
SAM = {
    "vit_b": ("sam_vit_b_01ec64.pth", "sam-vit-base", SamSize()),
    "vit_l": ("sam_vit_l_0b3195.pth", "sam-vit-large", SamSize(1024, 24, 16, (5, 11, 17, 23))),
    "vit_h": ("sam_vit_h_4b8939.pth", "sam-vit-huge", SamSize(1280, 32, 16, (7, 15, 23, 31))),
}
SMALL_DINO = DinoSize(24, (1, 1, 2, 1), (1, 2, 4, 8), 4, 32, 20, 2, 2, 64, 4, 4, 64, 2)
SMALL_SAM = SamSize(32, 3, 2, (1,), 64, 8, 3, 32, 64)


def _linear(name: str, out: int, into: int, *kernel: int) -> Shapes:
    return {f"{name}.weight": (out, into, *kernel), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _packed(name: str, width: int) -> Shapes:
    """torch's nn.MultiheadAttention."""
    return {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,)} | _linear(
        f"{name}.out_proj", width, width
    )


def _deformable(name: str, size: DinoSize) -> Shapes:
    points = size.attention_heads * size.levels * 4
    return (
        _linear(f"{name}.sampling_offsets", 2 * points, size.width)
        | _linear(f"{name}.attention_weights", points, size.width)
        | _linear(f"{name}.value_proj", size.width, size.width)
        | _linear(f"{name}.output_proj", size.width, size.width)
    )


def _mlp(name: str, *widths: int) -> Shapes:
    return {
        k: v for i, (a, b) in enumerate(zip(widths, widths[1:])) for k, v in _linear(f"{name}.layers.{i}", b, a).items()
    }


def dino_shapes(size: DinoSize) -> Shapes:
    """Every tensor of an original GroundingDINO checkpoint but Swin's index tables."""
    out: Shapes = {
        "transformer.level_embed": (size.levels, size.width),
        "transformer.tgt_embed.weight": (size.queries, size.width),
    }
    for part in (_swin(size), _bert(size), _dino_encoder(size), _dino_decoder(size)):
        out |= part
    out |= _linear("feat_map", size.width, size.text_width)
    widths = [size.embed * 2**i for i in (1, 2, 3)]
    for level in range(size.levels):
        into = widths[level] if level < 3 else widths[2] if level == 3 else size.width
        kernel = (1, 1) if level < 3 else (3, 3)
        out |= _linear(f"input_proj.{level}.0", size.width, into, *kernel) | _norm(f"input_proj.{level}.1", size.width)
    out |= _linear("transformer.enc_output", size.width, size.width) | _norm("transformer.enc_output_norm", size.width)
    out |= _mlp("transformer.enc_out_bbox_embed", size.width, size.width, size.width, 4)
    return out


def _swin(size: DinoSize) -> Shapes:
    out = _linear("backbone.0.patch_embed.proj", size.embed, 3, 4, 4) | _norm("backbone.0.patch_embed.norm", size.embed)
    for i, (depth, heads) in enumerate(zip(size.depths, size.heads)):
        width = size.embed * 2**i
        for j in range(depth):
            block = f"backbone.0.layers.{i}.blocks.{j}"
            out |= _norm(f"{block}.norm1", width) | _norm(f"{block}.norm2", width)
            out |= _linear(f"{block}.attn.qkv", 3 * width, width) | _linear(f"{block}.attn.proj", width, width)
            out[f"{block}.attn.relative_position_bias_table"] = ((2 * size.window - 1) ** 2, heads)
            out |= _linear(f"{block}.mlp.fc1", 4 * width, width) | _linear(f"{block}.mlp.fc2", width, 4 * width)
        if i < 3:
            out |= {f"backbone.0.layers.{i}.downsample.reduction.weight": (2 * width, 4 * width)} | _norm(
                f"backbone.0.layers.{i}.downsample.norm", 4 * width
            )
        if i > 0:
            out |= _norm(f"backbone.0.norm{i}", width)
    return out


def _bert(size: DinoSize) -> Shapes:
    width = size.text_width
    out: Shapes = {
        f"bert.embeddings.{name}_embeddings.weight": (rows, width)
        for name, rows in (("word", size.vocabulary), ("position", 512), ("token_type", 2))
    }
    out |= _norm("bert.embeddings.LayerNorm", width) | _linear("bert.pooler.dense", width, width)
    for i in range(size.text_layers):
        layer = f"bert.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            out |= _linear(f"{layer}.attention.self.{part}", width, width)
        out |= _linear(f"{layer}.attention.output.dense", width, width) | _norm(
            f"{layer}.attention.output.LayerNorm", width
        )
        out |= (
            _linear(f"{layer}.intermediate.dense", 4 * width, width)
            | _linear(f"{layer}.output.dense", width, 4 * width)
            | _norm(f"{layer}.output.LayerNorm", width)
        )
    return out


def _dino_encoder(size: DinoSize) -> Shapes:
    width, half = size.width, size.ffn // 2
    out: Shapes = {}
    for i in range(size.layers):
        layer, text, fusion = (f"transformer.encoder.{kind}.{i}" for kind in ("layers", "text_layers", "fusion_layers"))
        out |= _deformable(f"{layer}.self_attn", size) | _norm(f"{layer}.norm1", width) | _norm(f"{layer}.norm2", width)
        out |= _linear(f"{layer}.linear1", size.ffn, width) | _linear(f"{layer}.linear2", width, size.ffn)
        out |= _packed(f"{text}.self_attn", width) | _norm(f"{text}.norm1", width) | _norm(f"{text}.norm2", width)
        out |= _linear(f"{text}.linear1", half, width) | _linear(f"{text}.linear2", width, half)
        out |= (
            {f"{fusion}.gamma_v": (width,), f"{fusion}.gamma_l": (width,)}
            | _norm(f"{fusion}.layer_norm_v", width)
            | _norm(f"{fusion}.layer_norm_l", width)
        )
        for part in ("v_proj", "l_proj", "values_v_proj", "values_l_proj"):
            out |= _linear(f"{fusion}.attn.{part}", half, width)
        out |= _linear(f"{fusion}.attn.out_v_proj", width, half) | _linear(f"{fusion}.attn.out_l_proj", width, half)
    return out


def _dino_decoder(size: DinoSize) -> Shapes:
    width = size.width
    out = _norm("transformer.decoder.norm", width) | _mlp("transformer.decoder.ref_point_head", 2 * width, width, width)
    for i in range(size.decoder_layers):
        layer = f"transformer.decoder.layers.{i}"
        out |= (
            _deformable(f"{layer}.cross_attn", size)
            | _packed(f"{layer}.self_attn", width)
            | _packed(f"{layer}.ca_text", width)
        )
        for norm in ("norm1", "norm2", "norm3", "catext_norm"):
            out |= _norm(f"{layer}.{norm}", width)
        out |= _linear(f"{layer}.linear1", size.ffn, width) | _linear(f"{layer}.linear2", width, size.ffn)
        out |= _mlp(f"bbox_embed.{i}", width, width, width, 4)
    return out


def sam_shapes(size: SamSize) -> Shapes:
    """Every tensor of an original SAM checkpoint."""
    grid, head = size.side // size.patch, size.width // size.heads
    out: Shapes = {"image_encoder.pos_embed": (1, grid, grid, size.width)} | _linear(
        "image_encoder.patch_embed.proj", size.width, 3, size.patch, size.patch
    )
    for i in range(size.layers):
        block, reach = f"image_encoder.blocks.{i}", grid if i in size.wide else size.window
        out |= _norm(f"{block}.norm1", size.width) | _norm(f"{block}.norm2", size.width)
        out |= _linear(f"{block}.attn.qkv", 3 * size.width, size.width) | _linear(
            f"{block}.attn.proj", size.width, size.width
        )
        out |= {f"{block}.attn.rel_pos_{axis}": (2 * reach - 1, head) for axis in "hw"}
        out |= _linear(f"{block}.mlp.lin1", 4 * size.width, size.width) | _linear(
            f"{block}.mlp.lin2", size.width, 4 * size.width
        )
    out |= {
        "image_encoder.neck.0.weight": (size.out, size.width, 1, 1),
        "image_encoder.neck.2.weight": (size.out, size.out, 3, 3),
    }
    out |= _norm("image_encoder.neck.1", size.out) | _norm("image_encoder.neck.3", size.out)
    return out | _sam_prompts(size) | _sam_decoder(size)


def _sam_prompts(size: SamSize) -> Shapes:
    out: Shapes = {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, size.out // 2)}
    out |= {
        f"prompt_encoder.{name}.weight": (1, size.out)
        for name in (*(f"point_embeddings.{i}" for i in range(4)), "not_a_point_embed", "no_mask_embed")
    }
    down = "prompt_encoder.mask_downscaling"
    out |= (
        _linear(f"{down}.0", 4, 1, 2, 2)
        | _norm(f"{down}.1", 4)
        | _linear(f"{down}.3", 16, 4, 2, 2)
        | _norm(f"{down}.4", 16)
    )
    return out | _linear(f"{down}.6", size.out, 16, 1, 1)


def _attention(name: str, width: int, inner: int) -> Shapes:
    out = {k: v for part in "qkv" for k, v in _linear(f"{name}.{part}_proj", inner, width).items()}
    return out | _linear(f"{name}.out_proj", width, inner)


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
            out |= _norm(f"{layer}.norm{n}", width)
        out |= _linear(f"{layer}.mlp.lin1", size.feed, width) | _linear(f"{layer}.mlp.lin2", width, size.feed)
    out |= _attention(f"{both}.final_attn_token_to_image", width, inner) | _norm(f"{both}.norm_final_attn", width)
    out |= {"mask_decoder.iou_token.weight": (1, width), "mask_decoder.mask_tokens.weight": (4, width)}
    up = "mask_decoder.output_upscaling"
    out |= {
        f"{up}.0.weight": (width, width // 4, 2, 2),
        f"{up}.0.bias": (width // 4,),
        f"{up}.3.weight": (width // 4, width // 8, 2, 2),
        f"{up}.3.bias": (width // 8,),
    }
    out |= _norm(f"{up}.1", width // 4)
    for i in range(4):
        out |= _mlp(f"mask_decoder.output_hypernetworks_mlps.{i}", width, width, width, width // 8)
    return out | _mlp("mask_decoder.iou_prediction_head", width, width, width, 4)


def filled(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Random weights: matrices keep the size of what they multiply, norms are near 1, and logits and boxes spread as a
    trained network's."""
    generator = torch.Generator().manual_seed(seed)
    return dict(_filled(shapes, generator))


# What is looked up or added rather than multiplied with: its size does not depend on how many numbers it has.
_TABLES = (
    "pos_embed",
    "rel_pos_h",
    "rel_pos_w",
    "level_embed",
    "tgt_embed.weight",
    "_embeddings.weight",
    "point_embed.weight",
    "no_mask_embed.weight",
    "iou_token.weight",
    "mask_tokens.weight",
    "gaussian_matrix",
    "bias_table",
)


def _is_table(name: str) -> bool:
    return name.endswith(_TABLES) or "point_embeddings" in name


def _filled(shapes: Shapes, generator: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if _is_table(name):
            yield name, 0.5 * noise
        elif name.endswith("bias") or "gamma" in name:
            yield name, (3.0 if "sampling_offsets" in name else 0.1) * noise
        elif len(shape) == 1:  # a norm; the text's last one keeps logits of a trained model's size
            yield name, (0.1 if ".text_layers." in name and ".norm2." in name else 1.0) * (1 + 0.1 * noise)
        else:
            # a few boxes come near the picture's edges, most don't
            small = 2.0 if "bbox_embed" in name and name.endswith("layers.2.weight") else 1.0
            yield name, small * noise / noise[0].numel() ** 0.5


def index_tables(size: DinoSize) -> dict[str, Tensor]:
    """Swin's relative position index of every block, which original checkpoints hold: row-major differences of two
    places of a window."""
    side = size.window
    place = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")).flatten(1)
    apart = (place[:, :, None] - place[:, None, :]) + side - 1
    index = apart[0] * (2 * side - 1) + apart[1]
    return {
        f"backbone.0.layers.{i}.blocks.{j}.attn.relative_position_index": index
        for i, depth in enumerate(size.depths)
        for j in range(depth)
    }


def original_dino(size: DinoSize, seed: int = 0) -> dict[str, Tensor]:
    """An original checkpoint's tensors; the decoder's box heads are one, under each of their names."""
    weights = filled(dino_shapes(size), seed) | index_tables(size)
    for name in ("transformer.enc_output.bias", "transformer.enc_output_norm.bias"):
        # places outside the picture score 0, and are not among the best: their coordinates are infinite
        weights[name] = torch.zeros_like(weights[name])
    heads = {k: v for k, v in weights.items() if k.startswith("bbox_embed.0.")}
    for i in range(size.decoder_layers):
        for name, tensor in heads.items():
            own = name.replace("bbox_embed.0.", f"bbox_embed.{i}.", 1)
            weights[own] = weights[f"transformer.decoder.{own}"] = tensor
    return weights


def original_sam(size: SamSize, seed: int = 0) -> dict[str, Tensor]:
    return filled(sam_shapes(size), seed)


def write_original(path: pathlib.Path, weights: dict[str, Tensor], wrap: bool) -> None:
    """As the makers' files: GroundingDINO's are {"model": …} with `module.` in front of each name, SAM's are the names
    alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": {f"module.{k}": v for k, v in weights.items()}} if wrap else weights, path)


def write_folder(
    folder: pathlib.Path, config: dict[str, Any], weights: dict[str, Tensor], preprocessor: dict[str, Any]
) -> None:
    """As Hugging Face's: config.json, model.safetensors, preprocessor_config.json. weights: in published names."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.clone() for k, v in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in (("config.json", config), ("preprocessor_config.json", preprocessor)):
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


def make(folder: pathlib.Path, models: list[str]) -> list[pathlib.Path]:
    """Writes both layouts of each model. Returns what was written."""
    from single_image_studio.masking import original_dino as dino_names
    from single_image_studio.masking import original_sam as sam_names

    written = []
    for model in models:
        if model in DINO:
            file, name, dino_size = DINO[model]
            weights, kind, preprocessor = (
                original_dino(dino_size),
                "grounding-dino",
                {"size": {"shortest_edge": 800, "longest_edge": 1333}},
            )
            config, renamed = dino_names.config_of(weights), dino_names.rename(weights)
        else:
            file, name, sam_size = SAM[model]
            weights, kind, preprocessor = original_sam(sam_size), "sams", {"size": {"longest_edge": 1024}}
            config, renamed = sam_names.config_of(weights), sam_names.rename(weights)
        write_original(folder / kind / file, weights, wrap=model in DINO)
        write_folder(folder / kind / name, config, renamed, preprocessor)
        written += [folder / kind / file, folder / kind / name]
    return written


def make_small(folder: pathlib.Path, seed: int = 0) -> None:
    """Small models in both layouts, for tests: FOLDER/grounding-dino/{small_dino,small_dino.pth} and
    FOLDER/sams/{small_sam,small_sam.pth}."""
    from single_image_studio.masking import original_dino as dino_names
    from single_image_studio.masking import original_sam as sam_names

    dino, sam = original_dino(SMALL_DINO, seed), original_sam(SMALL_SAM, seed)
    write_original(folder / "grounding-dino" / "small_dino.pth", dino, wrap=True)
    write_original(folder / "sams" / "small_sam.pth", sam, wrap=False)
    write_folder(
        folder / "grounding-dino" / "small_dino",
        dino_names.config_of(dino),
        dino_names.rename(dino),
        {"size": {"shortest_edge": 96, "longest_edge": 160}},
    )
    write_folder(
        folder / "sams" / "small_sam",
        sam_names.config_of(sam),
        sam_names.rename(sam),
        {"size": {"longest_edge": SMALL_SAM.side}},
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=pathlib.Path)
    making.add_argument("--models", default=",".join([*DINO, *SAM]))
    args = parser.parse_args()
    in_process.import_pack()
    for path in make(args.folder, [m for m in args.models.split(",") if m]):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
