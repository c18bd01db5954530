"""Draws the pictures of the help pages and the tuning guide: `python -m lab.drawing.help_pictures`, or with names,
`… gamma alpha`.

Every picture varies one input of the pack's nodes on the demo model and leaves the rest alone: the same concept, the
same edits, the same starting noise. They show which way a value pulls, not how good the method is on a real checkpoint.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Callable

from PIL import Image

from ..figures.sheets import save_jpeg
from ..measuring.learning import load_pack
from ..measuring.sampling import add_checkpoint_argument
from . import apart_pictures, concept_pictures, editing_pictures
from .studio import QUICK, Effort, Studio

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "web" / "docs" / "pictures"
LARGEST = 60_000  # bytes: the page loads them while an artist waits

FIGURES: dict[str, Callable[[Studio], Image.Image]] = {
    figure.__name__: figure
    for figure in (
        concept_pictures.stage1,
        concept_pictures.stage2,
        concept_pictures.gamma,
        concept_pictures.eta,
        concept_pictures.steps,
        concept_pictures.steps2,
        concept_pictures.rate,
        concept_pictures.encoder,
        concept_pictures.strength,
        concept_pictures.compose,
        apart_pictures.keep_apart,
        apart_pictures.region,
        apart_pictures.hooks,
        apart_pictures.training_prompts,
        apart_pictures.basis,
        concept_pictures.prompts,
        concept_pictures.mask,
        concept_pictures.heatmaps,
        editing_pictures.alpha,
        editing_pictures.ratio,
        editing_pictures.inversion,
        editing_pictures.text_steps,
        editing_pictures.reuse,
        editing_pictures.grid,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which pictures, all by default: {', '.join(FIGURES)}"
    )
    add_checkpoint_argument(parser)
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    parser.add_argument(
        "--quick", action="store_true", help="hardly any steps, to try the script; give another --folder"
    )
    args = parser.parse_args()
    unknown = set(args.names) - set(FIGURES)
    if unknown:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    load_pack()
    studio = Studio(args.checkpoint, QUICK if args.quick else Effort())
    for name in args.names or FIGURES:
        began = time.monotonic()
        size = save_jpeg(FIGURES[name](studio), args.folder / f"{name}.jpg", LARGEST)
        print(f"{name}.jpg: {size / 1000:.0f} kB, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
