"""Draws the demo's concept pictures and their masks into lab/world/concepts: `python -m lab.world.make_concepts`.

The seeds were chosen by eye, for two colours that are told apart from one another and from the background.
"""

from __future__ import annotations

import argparse
import pathlib
import random

import numpy as np
from PIL import Image

from . import painting, random_scenes

FOLDER = pathlib.Path(__file__).resolve().parent / "concepts"
SEEDS = {"heart": 3, "star": 15, "square": 21}  # spotted, striped, split


def draw_concept(cls: str, seed: int) -> tuple[Image.Image, Image.Image]:
    """One concept's picture, 128 px RGB, and its object's mask, 128 px greyscale, white = subject."""
    picture, masks = painting.render(random_scenes.sample_concept(random.Random(seed), cls))
    return Image.fromarray(picture), Image.fromarray((masks[0] * 255).round().astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for cls, seed in SEEDS.items():
        picture, mask = draw_concept(cls, seed)
        picture.save(folder / f"{cls}.png")
        mask.save(folder / f"{cls}_mask.png")


if __name__ == "__main__":
    main()
