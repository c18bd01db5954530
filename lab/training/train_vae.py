"""Trains the demo model's autoencoder: `python -m lab.training.train_vae --minutes 25 --out demo_training/vae.pt`."""

from __future__ import annotations

import argparse
import math
import pathlib
import random
import time

import numpy as np
import torch
from torch import Tensor, nn

from ..hosting import in_process
from ..world import painting, random_scenes
from .autoencoder import LinearEncoder, start_decoder, state_of
from .loop import update, warmed_cosine


def pictures(count: int, seed: int) -> Tensor:
    rng = random.Random(seed)
    stack = np.stack([painting.render(random_scenes.sample_scene(rng))[0] for _ in range(count)])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()


def crops(data: Tensor, batch: int, side: int, generator: torch.Generator) -> Tensor:
    which = torch.randint(len(data), (batch,), generator=generator)
    corner = torch.randint(data.shape[-1] - side + 1, (batch, 2), generator=generator)
    return (
        torch.stack(
            [data[i, :, y : y + side, x : x + side] for i, (y, x) in zip(which.tolist(), corner.tolist())]
        ).float()
        / 255
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--resume", type=pathlib.Path, help="start from an earlier --out, or from a demo checkpoint (.safetensors)"
    )
    parser.add_argument(
        "--decoder-only",
        action="store_true",
        help="leave the encoder, and so the latents that a UNet knows, as they are",
    )
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("demo_training/vae.pt"))
    return parser.parse_args()


def started(resume: pathlib.Path | None) -> tuple[LinearEncoder, nn.Sequential]:
    """Encoder and decoder, new or as an earlier run or a demo checkpoint holds them."""
    encoder, decoder = LinearEncoder(), in_process.taesd().taesd_decoder
    if resume is None:
        start_decoder(decoder)
        return encoder, decoder
    state = state_of(resume) if resume.suffix == ".safetensors" else torch.load(resume, weights_only=True)
    encoder.load_state_dict(state["encoder"])
    decoder.load_state_dict(state["decoder"])
    return encoder, decoder


def errors_of(latents: Tensor, drawn: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """The loss, and the mean absolute difference to the pictures. Latents are kept near mean 0 and deviation 0.8."""
    difference = drawn - batch
    spread = latents.mean((0, 2, 3)).square().mean() + (latents.std((0, 2, 3)) - 0.8).square().mean()
    mean = difference.abs().mean()
    return mean + 2 * difference.square().mean() + 0.005 * spread, mean


def main() -> None:
    options = arguments()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    encoder, decoder = started(options.resume)
    data = pictures(options.pictures, options.seed + 1000)
    decoder.requires_grad_(True)
    encoder.requires_grad_(not options.decoder_only)
    parameters = [p for p in (*encoder.parameters(), *decoder.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, betas=(0.9, 0.98), weight_decay=1e-4)

    def save() -> None:
        torch.save({"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}, options.out)

    began, step, errors = time.time(), 0, []
    while (done := (time.time() - began) / 60 / options.minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = warmed_cosine(options.rate, min(1, (step + 1) / 50), math.pi * done)
        batch = crops(data, options.batch, 64, generator)
        latents = encoder(batch)
        drawn = decoder(latents + 0.04 * torch.randn(latents.shape, generator=generator))
        loss, mean = errors_of(latents, drawn, batch)
        update(loss, optimizer, parameters, 0.5)
        step += 1
        errors.append(mean.item())
        if step % 50 == 0:
            deviation, seconds = [round(v, 2) for v in latents.std((0, 2, 3)).tolist()], time.time() - began
            print(f"step {step}  L1 {np.mean(errors[-50:]):.4f}  std {deviation}  {seconds:.0f} s", flush=True)
        if step % 200 == 0:
            save()
    save()
    print(f"done: {step} steps, L1 {np.mean(errors[-50:]):.4f}")


if __name__ == "__main__":
    main()
