"""Stable Diffusion 1.5's exact architecture with random weights: proof that real sizes load, train and export.

    python -m lab.measuring.full_size make PATH   # writes a 2.1 GB checkpoint with SD 1.5's keys and shapes, float16
    python -m lab.measuring.full_size run         # makes one, trains Stage I and II for two steps each at 256 px on a
                                                  # real host

`run` needs about 8 GB of memory and some minutes on two cores; it prints what docs/full_size.md records. Pictures
from random weights mean nothing: this is about names, shapes, memory and the whole path through the host.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..hosting import in_process

UNET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 320,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": (1, 2, 4, 4),
    "num_heads": 8,
    "num_head_channels": -1,
    "use_spatial_transformer": True,
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "context_dim": 768,
    "legacy": False,
    "use_linear_in_transformer": False,
}
VAE = {
    "double_z": True,
    "z_channels": 4,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "attn_resolutions": [],
    "dropout": 0.0,
}
STEPS = 2


def _filled(module: nn.Module, generator: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a module, with weights that keep activations finite."""
    for name, tensor in module.state_dict().items():
        if tensor.dim() > 1:
            fan_in = tensor[0].numel() if "embedding" not in name else 2500
            yield name, (torch.randn(tensor.shape, generator=generator) / fan_in**0.5).half()
        else:
            yield name, (torch.ones if name.endswith("weight") else torch.zeros)(tensor.shape, dtype=torch.float16)


def tensors(seed: int = 0) -> dict[str, Tensor]:
    """An SD 1.5 checkpoint's tensors, random."""
    in_process.import_host()
    import comfy.ops
    import comfy.sd1_clip
    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    generator = torch.Generator().manual_seed(seed)
    unet = UNetModel(**UNET, dtype=torch.float16, device="meta", operations=comfy.ops.disable_weight_init)
    text = comfy.sd1_clip.SDClipModel(device="meta", dtype=torch.float16).transformer
    vae = AutoencoderKL(ddconfig=VAE, embed_dim=4)
    out = {f"model.diffusion_model.{k}": v for k, v in _filled(unet, generator)}
    out |= {
        f"cond_stage_model.transformer.{k}": v
        for k, v in _filled(text, generator)
        if not k.startswith("text_projection")
    }
    out |= {f"first_stage_model.{k}": v for k, v in _filled(vae, generator)}
    return out


def make(path: pathlib.Path) -> dict[str, int]:
    """Writes the checkpoint. Returns the numbers of parameters of its three parts."""
    import safetensors.torch

    weights = tensors()
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(weights, path)
    return {
        part: sum(v.numel() for k, v in weights.items() if k.startswith(part))
        for part in ("model.diffusion_model", "cond_stage_model", "first_stage_model")
    }


def _graph() -> dict[str, Any]:
    from .. import ROOT
    from ..workflow_files import workflow

    training: dict[str, Any] = {"steps": STEPS, "batch_size": 1}
    overrides = {
        "Load Checkpoint": {"ckpt_name": "full.safetensors"},
        "Picture": {"image": "heart.png"},
        "Stage I": {**training, "class_word": "heart", "resolution": 256, "encoder": "vit_b32"},
        "Stage II": training,
        "Save Concept": {"name": "full"},
    }
    whole = workflow.with_overrides(workflow.load(ROOT / "workflows" / "api" / "learn_a_concept.json"), overrides)
    keep = {
        k: n
        for k, n in whole.items()
        if n["class_type"]
        in ("CheckpointLoaderSimple", "LoadImage", "SIS_TrainStage1", "SIS_TrainStage2", "SIS_SaveConcept")
    }
    picture = next(k for k, n in keep.items() if n["class_type"] == "LoadImage")
    keep["larger"] = {
        "class_type": "ImageScale",
        "inputs": {"image": [picture, 0], "upscale_method": "lanczos", "width": 256, "height": 256, "crop": "disabled"},
    }
    keep["mask"] = {"class_type": "LoadImageMask", "inputs": {"image": "heart_mask.png", "channel": "red"}}
    for n in keep.values():
        if n["class_type"] == "SIS_TrainStage1":
            n["inputs"] |= {"image": ["larger", 0], "mask": ["mask", 0]}
    return keep


def run() -> int:
    """Makes the checkpoint, trains on it through a real server, and prints what was found."""
    sys.path.append(str(in_process.ROOT))  # `lab`, and only behind everything else
    from safetensors import safe_open

    from ..hosting.environment import this_process
    from ..hosting.server import serving, temporary_base

    with temporary_base(pathlib.Path(tempfile.gettempdir())) as base:
        began = time.monotonic()
        counts = make(base / "models" / "checkpoints" / "full.safetensors")
        print(f"checkpoint: {json.dumps(counts)} parameters, made in {time.monotonic() - began:.0f} s", flush=True)
        with serving(this_process(), base) as client:
            client.run(_graph(), timeout=3600)
            for line in client.log().splitlines():
                if re.search(r"Stage I+\b|model_type|weight dtype|Saved the concept", line):
                    print(line)
        with safe_open(base / "models" / "loras" / "full.safetensors", "pt") as file:
            names = [k for k in file.keys() if k.endswith("lora_up.weight")]  # noqa: SIM118  not a dict
            up = sum(
                file.get_tensor(k).numel() + file.get_tensor(k.replace("lora_up", "lora_down")).numel() for k in names
            )
        unet = sum(k.startswith("lora_unet_") for k in names)
        print(f"exported LoRA: {len(names)} layers ({unet} UNet, {len(names) - unet} text encoder), {up:,} parameters")
    return 0 if len(names) == 176 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make").add_argument("path", type=pathlib.Path)
    commands.add_parser("run")
    args = parser.parse_args()
    if args.command == "make":
        print(json.dumps(make(args.path)))
        return 0
    return run()


if __name__ == "__main__":
    sys.exit(main())
