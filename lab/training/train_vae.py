"""Trains the demo model's autoencoder: `python -m lab.training.train_vae --minutes 25 --out demo_training/vae.pt`.

The encoder is a *linear* 8x8 patch projection (which the TAESD layout can hold exactly, see `fold_encoder`), so that
latents cost nothing while the UNet trains and are smooth; the decoder is TAESD's, and learns to draw the edges.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..hosting import in_process
from ..world import world

PATCH = 8
GAIN = 2.5  # latents = GAIN * (rgb - 0.5) for the three colour channels: about unit deviation


class LinearEncoder(nn.Module):
    """(B, 3, H, W) pictures in [0, 1] to (B, 4, H/8, W/8) latents. Starts as three mean colours and a luminance
    slope."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.zeros(4, 3, PATCH, PATCH)
        for channel in range(3):
            weight[channel, channel] = GAIN / PATCH**2
        slope = torch.linspace(-1, 1, PATCH)
        weight[3] = GAIN * 1.5 * (slope[None, :] + slope[:, None]) / (3 * PATCH**2)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.tensor([-0.5 * GAIN] * 3 + [0.0]))

    def forward(self, pictures: Tensor) -> Tensor:
        return F.conv2d(pictures, self.weight, self.bias, stride=PATCH)


def fold_encoder(linear: LinearEncoder, encoder: nn.Sequential) -> None:
    """Writes the linear encoder into TAESD's layers, exactly.

    Two stride-2 convolutions move pixels into channels (3 -> 12 -> 48), the third applies the projection to a 2x2 block
    of those, which is a whole 8x8 patch. Blocks end in a ReLU: pixels are not negative, and the signed result travels
    as its positive and negative part.
    """
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
        convs = [layer for layer in encoder if isinstance(layer, nn.Conv2d)]
        first, to_12, to_48, project, last = convs
        for c in range(3):
            first.weight[c, c, 1, 1] = 1.0
        for conv, count in ((to_12, 3), (to_48, 12)):
            for c in range(count):
                for row in range(2):
                    for column in range(2):
                        conv.weight[c * 4 + row * 2 + column, c, row + 1, column + 1] = 1.0
        for channel in range(48):  # channel = rgb*16 + (row, column in the 2x2 of stage 1)*4 + (row, column of stage 2)
            rgb, inner, outer = channel // 16, (channel // 4) % 4, channel % 4
            for row in range(2):
                for column in range(2):
                    y = row * 4 + (outer // 2) * 2 + inner // 2
                    x = column * 4 + (outer % 2) * 2 + inner % 2
                    value = linear.weight[:, rgb, y, x]
                    project.weight[0:4, channel, row + 1, column + 1] = value
                    project.weight[4:8, channel, row + 1, column + 1] = -value
        for z in range(4):
            last.weight[z, z, 1, 1] = 1.0
            last.weight[z, z + 4, 1, 1] = -1.0
        last.bias.copy_(linear.bias)


def unfold_encoder(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The linear encoder's state, read back from a checkpoint that holds it folded; the inverse of `fold_encoder`."""
    numbers = sorted(
        {
            int(key[len(prefix) :].split(".")[0])
            for key in weights
            if key.startswith(prefix) and key[len(prefix) :].count(".") == 1
        }
    )
    project, last = (f"{prefix}{n}" for n in numbers[-2:])
    linear = LinearEncoder()
    with torch.no_grad():
        for channel in range(48):
            rgb, inner, outer = channel // 16, (channel // 4) % 4, channel % 4
            for row in range(2):
                for column in range(2):
                    y, x = row * 4 + (outer // 2) * 2 + inner // 2, column * 4 + (outer % 2) * 2 + inner % 2
                    linear.weight[:, rgb, y, x] = weights[f"{project}.weight"][
                        0:4, channel, row + 1, column + 1
                    ].float()
        linear.bias.copy_(weights[f"{last}.bias"].float())
    return linear.state_dict()


def state_of(checkpoint: pathlib.Path) -> dict[str, dict[str, Tensor]]:
    """The autoencoder of a demo checkpoint, in the form that this script saves."""
    import safetensors.torch

    weights = safetensors.torch.load_file(checkpoint)
    first = "first_stage_model.taesd_decoder."
    decoder = {k.removeprefix(first): v.float() for k, v in weights.items() if k.startswith(first)}
    return {"encoder": unfold_encoder(weights, "first_stage_model.taesd_encoder."), "decoder": decoder}


def start_decoder(decoder: nn.Sequential) -> None:
    """Starts the decoder as a nearest-neighbour enlargement: three colour channels pass through, the rest is noise to
    learn from."""
    convs = [layer for layer in decoder if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        for module in decoder.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=5**0.5)
                if module.bias is not None:
                    module.bias.zero_()
        for layer in decoder:
            if hasattr(layer, "conv"):
                layer.conv[-1].weight.mul_(0.5)
                layer.conv[-1].weight[:3] = 0
        for conv in convs:
            conv.weight[:3] = 0
            for c in range(3):
                conv.weight[c, c, 1, 1] = 1.0
        convs[0].weight[:3] /= GAIN
        convs[0].bias[:3] = 0.5
        convs[-1].weight[:, 3:] *= 0.1


def pictures(count: int, seed: int) -> Tensor:
    rng = random.Random(seed)
    stack = np.stack([world.render(world.sample_scene(rng))[0] for _ in range(count)])
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


def main() -> None:
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
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)

    vae = in_process.taesd()
    encoder = LinearEncoder()
    if args.resume:
        state = (
            state_of(args.resume)
            if args.resume.suffix == ".safetensors"
            else torch.load(args.resume, weights_only=True)
        )
        encoder.load_state_dict(state["encoder"])
        vae.taesd_decoder.load_state_dict(state["decoder"])
    else:
        start_decoder(vae.taesd_decoder)
    decoder = vae.taesd_decoder.requires_grad_(True)
    data = pictures(args.pictures, args.seed + 1000)
    encoder.requires_grad_(not args.decoder_only)
    parameters = [p for p in (*encoder.parameters(), *decoder.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.rate, betas=(0.9, 0.98), weight_decay=1e-4)
    began, step, errors = time.time(), 0, []
    while (done := (time.time() - began) / 60 / args.minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 50) * (0.51 + 0.49 * math.cos(math.pi * done))
        batch = crops(data, args.batch, 64, generator)
        latents = encoder(batch)
        drawn = decoder(latents + 0.04 * torch.randn(latents.shape, generator=generator))
        difference = drawn - batch
        spread = latents.mean((0, 2, 3)).square().mean() + (latents.std((0, 2, 3)) - 0.8).square().mean()
        loss = difference.abs().mean() + 2 * difference.square().mean() + 0.005 * spread
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
        step += 1
        errors.append(difference.abs().mean().item())
        if step % 50 == 0:
            print(
                f"step {step}  L1 {np.mean(errors[-50:]):.4f}  std"
                f" {[round(v, 2) for v in latents.std((0, 2, 3)).tolist()]}  {time.time() - began:.0f} s",
                flush=True,
            )
        if step % 200 == 0:
            torch.save({"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}, args.out)
    torch.save({"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}, args.out)
    print(f"done: {step} steps, L1 {np.mean(errors[-50:]):.4f}")


if __name__ == "__main__":
    main()
