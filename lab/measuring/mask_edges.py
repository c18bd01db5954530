"""How long growing and feathering a mask of 8k takes, beside doing it step by step and tap by tap:

    python -m lab.measuring.mask_edges [--pixels 4,8] [--new-alone]

Prints CPU seconds of one thread, the largest difference, and how much faster. A mask is of two ellipses, 7680×4320.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..hosting import in_process


def subject(height: int = 4320, width: int = 7680) -> Tensor:
    y, x = torch.arange(height)[:, None] / height, torch.arange(width) / width
    ellipses = [((y - 0.5) / 0.35) ** 2 + ((x - 0.5) / 0.15) ** 2, ((y - 0.2) / 0.07) ** 2 + ((x - 0.9) / 0.05) ** 2]
    return torch.stack(ellipses).amin(0).lt(1).float()


def step_by_step(mask: Tensor, pixels: int) -> Tensor:
    """A step of 3×3 or of a cross for each pixel: what growing is."""
    share, area = math.sqrt(2) - 1, mask[None, None]
    for step in range(pixels):
        if math.floor((step + 1) * share) > math.floor(step * share):
            area = F.max_pool2d(area, 3, 1, 1)
        else:
            area = torch.maximum(F.max_pool2d(area, (3, 1), 1, (1, 0)), F.max_pool2d(area, (1, 3), 1, (0, 1)))
    return area[0, 0]


def timed(work: Callable[[Tensor, int], Tensor], mask: Tensor, pixels: int) -> tuple[Tensor, float]:
    began = time.process_time()
    return work(mask, pixels), time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pixels", default="4,8")
    parser.add_argument("--new-alone", action="store_true", help="not the slow way")
    args = parser.parse_args()
    sizes = [int(size) for size in args.pixels.split(",")]
    in_process.import_pack()
    from single_image_studio.masking import postprocessing

    torch.set_num_threads(1)
    mask = subject()

    def tap_by_tap(mask: Tensor, pixels: int) -> Tensor:
        small, postprocessing.SMALL = postprocessing.SMALL, mask.numel()
        try:
            return postprocessing.feather_mask(mask, pixels)
        finally:
            postprocessing.SMALL = small

    for name, ours, plain in (
        ("grow", postprocessing.grow_mask, step_by_step),
        ("feather", postprocessing.feather_mask, tap_by_tap),
    ):
        for pixels in sizes:
            found, seconds = timed(ours, mask, pixels)
            if args.new_alone:
                print(f"{name} {pixels}: {seconds:.2f} s", flush=True)
                continue
            wanted, slow = timed(plain, mask, pixels)
            apart = float((found - wanted).abs().max())
            print(
                f"{name} {pixels}: {seconds:.2f} s, was {slow:.2f} s ({slow / seconds:.1f} times), apart {apart:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
