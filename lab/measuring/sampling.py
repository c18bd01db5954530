"""Draws pictures with the host's own sampler, outside a server, many prompts at a time."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..hosting import base_folder, in_process

DOWNSCALE = 8  # pixels to a latent
CHECKPOINT = pathlib.Path("lab/weights") / base_folder.CHECKPOINT


def add_checkpoint_argument(parser: argparse.ArgumentParser) -> None:
    """--checkpoint, by default the demo model's as seen from the root."""
    parser.add_argument("--checkpoint", type=pathlib.Path, default=CHECKPOINT)


def load(path: pathlib.Path | str) -> tuple[Any, Any, Any]:
    """The checkpoint's (model, clip, vae) as the stock CheckpointLoaderSimple makes them.

    Raises: FileNotFoundError when there is no such checkpoint.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no checkpoint at {path}: train one with `python -m lab.training.train_model`, or give --checkpoint"
        )
    in_process.import_host()
    import comfy.sd

    with torch.inference_mode():
        model, clip, vae = comfy.sd.load_checkpoint_guess_config(str(path), output_vae=True, output_clip=True)[:3]
    if model is None or clip is None or vae is None:
        raise ValueError(f"{path} lacks a UNet, a text encoder or a VAE")
    return model, clip, vae


def _encode(clip: Any, prompt: str) -> tuple[Tensor, dict[str, Any]]:
    """A prompt as CLIPTextEncode would encode it: (1, 77, width) and its extras."""
    tensor, extras = clip.encode_from_tokens_scheduled(clip.tokenize(prompt))[0]
    return tensor, extras


def encode_many(clip: Any, prompts: Sequence[str]) -> list[list[Any]]:
    """One CONDITIONING whose batch holds a different prompt in each row: the host passes rows on as they are.

    Prompts longer than 77 tokens have longer encodings and are refused: they don't fit in one tensor with others. What
    the host tells of a prompt beside its encoding, such as where it names concepts, is kept if all rows have the same.
    """
    known = {prompt: _encode(clip, prompt) for prompt in dict.fromkeys(prompts)}
    lengths = {tensor.shape[1] for tensor, _ in known.values()}
    if len(lengths) > 1:
        raise ValueError(f"prompts of different lengths ({sorted(lengths)} tokens) can't share a batch")
    rows = torch.cat([known[prompt][0] for prompt in prompts])
    pooled = [row for prompt in prompts if (row := known[prompt][1].get("pooled_output")) is not None]
    extras = dict(known[prompts[0]][1]) if len(known) == 1 else {}
    extras.pop("pooled_output", None)
    return [[rows, extras | ({"pooled_output": torch.cat(pooled)} if len(pooled) == len(prompts) else {})]]


def noise(seeds: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """(N, *shape): row i is what a KSampler with seed i draws for a single picture, whatever else is in the batch."""
    return torch.cat([torch.randn((1, *shape), generator=torch.Generator().manual_seed(int(seed))) for seed in seeds])


def levels(pixels: Tensor) -> np.ndarray:
    """Decoded pictures (N, H, W, 3 or more) in [0, 1] as SaveImage writes them: (N, H, W, 3) uint8."""
    return (pixels[..., :3].clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def pictures(
    model: Any,
    clip: Any,
    vae: Any,
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int = 25,
    cfg: float = 5.0,
    negative: str = "",
    batch: int = 16,
    size: int = 128,
    sampler: str = "ddim",
    scheduler: str = "ddim_uniform",
) -> np.ndarray:
    """One picture a prompt: (N, size, size, 3) uint8.

    seeds: one a prompt; the same prompt, seed and settings give the same picture in any batch, up to rounding.
    steps: a divisor of 1000 with `ddim_uniform`, which adds a step otherwise.
    """
    if len(prompts) != len(seeds):
        raise ValueError(f"{len(prompts)} prompts but {len(seeds)} seeds: one seed a prompt")
    parts = []
    with torch.inference_mode():
        uncond = encode_many(clip, [negative])
        for start in range(0, len(prompts), batch):
            cond = encode_many(clip, prompts[start : start + batch])
            latents = _sample(
                model, cond, uncond, seeds[start : start + batch], steps, cfg, size // DOWNSCALE, sampler, scheduler
            )
            # one at a time: what is computed of a whole batch does not fit into the processor's cache
            parts += [levels(vae.decode(row)) for row in latents.split(1)]
    return np.concatenate(parts) if parts else np.empty((0, size, size, 3), np.uint8)


def from_conditioning(
    model: Any, vae: Any, cond: Any, uncond: Any, seeds: Sequence[int], steps: int, cfg: float, size: int = 128
) -> np.ndarray:
    """One picture a seed from the host's CONDITIONING: (N, size, size, 3) uint8, all in one batch."""
    with torch.inference_mode():
        latents = _sample(model, cond, uncond, seeds, steps, cfg, size // DOWNSCALE, "ddim", "ddim_uniform")
        return levels(vae.decode(latents))


def _sample(
    model: Any,
    cond: Any,
    uncond: Any,
    seeds: Sequence[int],
    steps: int,
    cfg: float,
    side: int,
    sampler: str,
    scheduler: str,
) -> Tensor:
    import comfy.sample

    empty = torch.zeros(len(seeds), 4, side, side)
    return comfy.sample.sample(
        model,
        noise(seeds, tuple(empty.shape[1:])),
        steps,
        cfg,
        sampler,
        scheduler,
        cond,
        uncond,
        empty,
        denoise=1.0,
        disable_pbar=True,
        seed=int(seeds[0]),
    )


def reconstructions(vae: Any, originals: np.ndarray, batch: int = 16) -> np.ndarray:
    """Pictures through the VAE and back: (N, H, W, 3) uint8 in and out."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(originals), batch):
            pixels = torch.from_numpy(np.ascontiguousarray(originals[start : start + batch])).float() / 255
            parts.append(levels(vae.decode(vae.encode(pixels))))
    return np.concatenate(parts)
