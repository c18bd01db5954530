"""GroundingDINO and SAM with random weights, in every layout that artists have: the original checkpoints' and Hugging
Face's folders.

    python -m lab.measuring.masking_weights make FOLDER [--models swint,swinb,vit_b,vit_l,vit_h]

writes full-size ones into FOLDER/grounding-dino and FOLDER/sams (up to 9 GB; sam2_tiny to sam2_large too, if named).
The names and shapes are written out in `dino_shapes`, `sam_shapes` and `sam2_shapes` from the original programs'
structure, apart from the code that reads them. The weights keep activations and logits of a trained network's size, so
that differences between two programs are not hidden or blown up.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..hosting import in_process
from .dino_shapes import DINO, SMALL_DINO, DinoSize, dino_shapes
from .masking_layers import Shapes
from .sam2_shapes import SAM2, Sam2Size, sam2_shapes
from .sam_shapes import SAM, SMALL_SAM, SamSize, sam_hq_shapes, sam_shapes

Weights = dict[str, Tensor]


def filled(shapes: Shapes, seed: int = 0) -> Weights:
    """Random weights: matrices keep the size of what they multiply, norms are near 1, and logits and boxes spread as a
    trained network's."""
    generator = torch.Generator().manual_seed(seed)
    return dict(_filled(shapes, generator))


# What is looked up or added rather than multiplied with: its size does not depend on how many numbers it has.
_TABLES = (
    "pos_embed",
    "pos_embed_window",
    "no_mem_embed",
    "rel_pos_h",
    "rel_pos_w",
    "level_embed",
    "tgt_embed.weight",
    "_embeddings.weight",
    "point_embed.weight",
    "no_mask_embed.weight",
    "iou_token.weight",
    "mask_tokens.weight",
    "hf_token.weight",
    "obj_score_token.weight",
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


def index_tables(size: DinoSize) -> Weights:
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


def original_dino(size: DinoSize, seed: int = 0) -> Weights:
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


def original_sam(size: SamSize, seed: int = 0) -> Weights:
    return filled(sam_shapes(size), seed)


def original_sam_hq(size: SamSize, seed: int = 0) -> Weights:
    return filled(sam_hq_shapes(size), seed)


def original_sam2(size: Sam2Size, seed: int = 0) -> Weights:
    return filled(sam2_shapes(size), seed)


def write_original(path: pathlib.Path, weights: Weights, wrap: bool) -> None:
    """As the makers' files: GroundingDINO's are {"model": …} with `module.` in front of each name, SAM's and SAM-HQ's
    are the names alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": {f"module.{k}": v for k, v in weights.items()}} if wrap else weights, path)


def write_folder(folder: pathlib.Path, config: dict[str, Any], weights: Weights, preprocessor: dict[str, Any]) -> None:
    """As Hugging Face's: config.json, model.safetensors, preprocessor_config.json. weights: in published names."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.clone() for k, v in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in (("config.json", config), ("preprocessor_config.json", preprocessor)):
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


def write_dino(
    folder: pathlib.Path, names: tuple[str, str], weights: Weights, side: dict[str, int]
) -> list[pathlib.Path]:
    """A GroundingDINO in both layouts, in FOLDER/grounding-dino. Returns what was written.

    names: the original file's and the Hugging Face folder's. side: what the preprocessor scales pictures to.
    """
    from single_image_studio.masking import original_dino as dino

    file, own_folder = (folder / "grounding-dino" / name for name in names)
    write_original(file, weights, wrap=True)
    write_folder(own_folder, dino.config_of(weights), dino.rename(weights), {"size": side})
    return [file, own_folder]


def write_sam(folder: pathlib.Path, names: tuple[str, str], weights: Weights, side: int) -> list[pathlib.Path]:
    """A SAM in both layouts, in FOLDER/sams; otherwise as `write_dino`."""
    from single_image_studio.masking import original_sam as sam

    file, own_folder = (folder / "sams" / name for name in names)
    write_original(file, weights, wrap=False)
    write_folder(own_folder, sam.config_of(weights), sam.rename(weights), {"size": {"longest_edge": side}})
    return [file, own_folder]


def make(folder: pathlib.Path, models: list[str]) -> list[pathlib.Path]:
    """Writes both layouts of each model, and of SAM 2 the original one. Returns what was written."""
    written = []
    for model in models:
        if model in DINO:
            file, name, dino_size = DINO[model]
            side = {"shortest_edge": 800, "longest_edge": 1333}
            written += write_dino(folder, (file, name), original_dino(dino_size), side)
        elif model in SAM2:
            file, sam2_size = SAM2[model]
            written.append(folder / "sams" / file)
            written[-1].parent.mkdir(parents=True, exist_ok=True)
            torch.save({"model": original_sam2(sam2_size)}, written[-1])
        else:
            file, name, sam_size = SAM[model]
            written += write_sam(folder, (file, name), original_sam(sam_size), 1024)
    return written


def make_small(folder: pathlib.Path, seed: int = 0) -> None:
    """Small models in both layouts, for tests: FOLDER/grounding-dino/{small_dino,small_dino.pth} and
    FOLDER/sams/{small_sam,small_sam.pth}."""
    side = {"shortest_edge": 96, "longest_edge": 160}
    write_dino(folder, ("small_dino.pth", "small_dino"), original_dino(SMALL_DINO, seed), side)
    write_sam(folder, ("small_sam.pth", "small_sam"), original_sam(SMALL_SAM, seed), SMALL_SAM.side)


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
