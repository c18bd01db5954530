"""Draws the demo's concept pictures and their masks into lab/world/concepts: `python -m lab.world.make_concepts`.

The seeds were chosen by eye, for two colours that are told apart from one another and from the background. Beside them
lie what masks are hinted at on: a picture of two hearts, one of a heart and a star, and the first concept with a rough
mask in its transparency, as the page's MaskEditor saves it.
"""

from __future__ import annotations

import argparse
import pathlib
import random

import numpy as np
from PIL import Image, ImageDraw

from . import painting, random_scenes
from .world import COLORS, Object, Scene

FOLDER = pathlib.Path(__file__).resolve().parent / "concepts"
SEEDS = {"heart": 3, "star": 15, "square": 21}  # spotted, striped, split
BACKGROUND = (70, 160, 150)
PAIRS = {
    "two_hearts": (("heart", 34, 62, 24, "purple"), ("heart", 94, 66, 24, "orange")),
    "heart_and_star": (("heart", 38, 62, 25, "pink"), ("star", 90, 68, 24, "yellow")),
}
STROKES = [(48, 50), (64, 66), (82, 50), (72, 78), (66, 86)]  # over the heart, of a brush as wide as this:
BRUSH = 18


def draw_concept(cls: str, seed: int) -> tuple[Image.Image, Image.Image]:
    """One concept's picture, 128 px RGB, and its object's mask, 128 px greyscale, white = subject."""
    picture, masks = painting.render(random_scenes.sample_concept(random.Random(seed), cls))
    return Image.fromarray(picture), Image.fromarray((masks[0] * 255).round().astype(np.uint8))


def draw_pair(name: str) -> Image.Image:
    """Two plain objects, 128 px RGB."""
    objects = (Object(cls, x, y, r, 0, "plain", COLORS[c], COLORS[c], 0) for cls, x, y, r, c in PAIRS[name])
    return Image.fromarray(painting.render(Scene(BACKGROUND, tuple(objects), name))[0])


def with_rough_mask(picture: Image.Image) -> Image.Image:
    """The picture, transparent where the brush went."""
    painted, half = Image.new("L", picture.size, 255), BRUSH // 2
    draw = ImageDraw.Draw(painted)
    draw.line(STROKES, 0, BRUSH)
    for x, y in STROKES:
        draw.ellipse((x - half, y - half, x + half, y + half), 0)
    rough = picture.convert("RGBA")
    rough.putalpha(painted)
    return rough


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for cls, seed in SEEDS.items():
        picture, mask = draw_concept(cls, seed)
        picture.save(folder / f"{cls}.png")
        mask.save(folder / f"{cls}_mask.png")
    for name in PAIRS:
        draw_pair(name).save(folder / f"{name}.png")
    with_rough_mask(draw_concept("heart", SEEDS["heart"])[0]).save(folder / "heart_painted.png")


if __name__ == "__main__":
    main()
