"""What training costs beside others': `python dev.py bench` writes docs/reports/BENCH.md.

Operations and memory are counted at SD 1.5's real size on tensors without values; times are the processor's at the
demo model's size, in alternating runs, as ratios. See `lab.measuring.structures` for what is compared.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .. import ROOT
from ..hosting import in_process
from . import work
from .full_size import UNET, VAE
from .structures import STRUCTURES, Structure, operations, peak_bytes, step

GB, MB = 2**30, 2**20
BATCH, SIDE, WIDTH = 4, work.LATENT_SIDE, 768
SMALL_SIDE, SMALL_WIDTH = 16, 96
GOALS = {"I": 0.41, "II": 0.75}  # of the published code's operations


@dataclass(frozen=True)
class Measured:
    """One structure. operations: of a sample. peak, small_peak: bytes at real and at demo size. seconds: a round."""

    structure: Structure
    operations: int
    peak: int
    small_peak: int
    seconds: Sequence[float]


def small_unet() -> nn.Module:
    """A UNet of the demo model's size, float32, with random weights."""
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    config = {**UNET, "model_channels": 64, "context_dim": SMALL_WIDTH, "num_heads": 4}
    unet: nn.Module = UNetModel(**config, dtype=torch.float32, operations=comfy.ops.manual_cast)
    return unet.requires_grad_(False).eval()


def encoding_operations() -> int:
    """Of the VAE's encoder for one picture of 512 px. Attention, one head over 64² places, is added by hand: the
    host's own needs a device with memory."""
    from comfy.ldm.models.autoencoder import AutoencoderKL

    encoder = AutoencoderKL(ddconfig=VAE, embed_dim=4).encoder.to("meta", torch.float16)
    attention = encoder.mid.attn_1
    attention.optimized_attention = lambda q, k, v: v
    pixels = torch.empty(1, 3, 8 * SIDE, 8 * SIDE, device="meta", dtype=torch.float16)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder(pixels)
    pairs = (SIDE * SIDE) ** 2
    return counter.get_total_flops() + 2 * 2 * pairs * attention.in_channels


def seconds(rounds: int) -> list[list[float]]:
    """Of each structure's step at the demo model's size, a list a structure; rounds alternate between them."""
    unet = small_unet()
    taken: list[list[float]] = [[] for _ in STRUCTURES]
    for turn in range(rounds + 1):  # the first warms up
        for structure, times in zip(STRUCTURES, taken, strict=True):
            began = time.process_time()
            step(structure, unet, BATCH, SMALL_SIDE, SMALL_WIDTH)
            if turn:
                times.append(time.process_time() - began)
    return taken


def measured(rounds: int) -> list[Measured]:
    """All structures."""
    in_process.import_host()
    in_process.import_pack()
    small, whole, encoding = small_unet(), work.unet_without_values(), encoding_operations()
    times = seconds(rounds)
    rows = []
    for structure, taken in zip(STRUCTURES, times, strict=True):
        small_peak = peak_bytes(structure, small, BATCH, SMALL_SIDE, SMALL_WIDTH)
        with work.countable_attention():
            count = operations(structure, whole, 1, SIDE, WIDTH) + structure.encodings * encoding
            peak = peak_bytes(structure, whole, BATCH, SIDE, WIDTH)
        rows.append(Measured(structure, count, peak, small_peak, taken))
    return rows


def published(rows: Sequence[Measured], stage: str) -> Measured:
    return next(row for row in rows if (row.structure.stage, row.structure.name) == (stage, "published code"))


def table(rows: Sequence[Measured]) -> str:
    """In Markdown."""
    head = (
        "stage",
        "step",
        "UNet forwards",
        "backwards",
        "TFLOP a sample",
        "of the published",
        "CPU time, of the published",
    )
    lines = ["| " + " | ".join((*head, "peak, demo size", "peak, SD 1.5")) + " |", "|---" * 9 + "|"]
    for row in rows:
        one, base = row.structure, published(rows, row.structure.stage)
        ratio = statistics.median(a / b for a, b in zip(row.seconds, base.seconds, strict=True))
        cells = (
            one.stage,
            one.name,
            one.forwards,
            one.backwards,
            f"{row.operations / 1e12:.2f}",
            f"{row.operations / base.operations:.2f}",
            f"{ratio:.2f}",
            f"{row.small_peak / MB:.0f} MB",
            f"{row.peak / GB:.2f} GB",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def goals(rows: Sequence[Measured]) -> str:
    """In Markdown: what was aimed at, and whether it is reached."""
    lines = ["| operations of a step against the published code's | measured | goal | |", "|---|---|---|---|"]
    for stage, goal in GOALS.items():
        ours = next(row for row in rows if (row.structure.stage, row.structure.name) == (stage, "ours"))
        share = ours.operations / published(rows, stage).operations
        verdict = "met" if round(share, 2) <= goal else "missed"
        lines.append(f"| Stage {stage} | {share:.2f} | ≤ {goal:.2f} | {verdict} |")
    return "\n".join(lines)


def report(rows: Sequence[Measured], rounds: int) -> str:
    """The page."""
    return f"""# What training costs, beside others

Measured {datetime.date.today()} with `python dev.py bench`. A *step* is what its program computes for one update: which
pictures go through the UNet together, which gradients are asked for, what is encoded anew. All are written plainly in
`lab/measuring/structures.py` and run on one UNet, so that they differ in nothing else. What each way reaches
on the demo world: [the papers in miniature](../reproduction/README.md).
TFLOP (multiply and add: two) and the last column are counted at SD 1.5's size, 512 px, half precision, on tensors
without values, with the encoder of the VAE where a step uses it; peak memory is that of {BATCH} samples, without the
weights. Times are the processor's for the UNet alone at the demo model's size, the median of {rounds} paired rounds.
Ours include making norms and activations again, and smaller batches; what others encode anew is not in theirs.

{table(rows)}

{goals(rows)}

Stage II asks the UNet for as much as the published code does, since its three predictions are the method's; what is
saved is the picture's encoding, which is kept.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of paired timings")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "reports" / "BENCH.md")
    args = parser.parse_args()
    page = report(measured(args.rounds), args.rounds)
    args.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
