"""Runs every shipped workflow on the demo model and draws its thumbnail: `python -m lab.drawing.thumbnails`.

The thumbnails lie beside the workflows, where the host's template browser looks for them. Only those whose pictures
changed are written.
"""

from __future__ import annotations

import argparse
import io
import math
import pathlib
import sys
from typing import Any

from PIL import Image

from .. import ROOT
from ..figures import jpeg
from ..hosting.client import Client, Prompt
from ..hosting.command import exit_code, temporary_host
from ..hosting.installation import say
from ..workflow_files import workflow
from ..workflow_files.shipped_workflows import ON_NEWER_HOSTS
from . import shipped, stand_ins

SIDE, GAP, PAPER = 480, 6, (32, 32, 32)
MOST_BYTES = 40_000
TIME_LIMIT = 1800
# which of the saved pictures are shown, None for the source: a square number of them, or before and after
CHOSEN: dict[str, tuple[int | None, ...]] = {
    "learn_a_concept": (None, 0, 2, 4),  # one of the two of each prompt
    "use_a_concept": (0, 1, 2, 3),
    "compose_three_concepts": (0, 1, 2, 3),
    "compose_in_two_passes": (0, 1, 2, 3),  # two of each pass
    "views_and_editing_prompts": (None, 0, 1, 2),  # the editing prompts speak of things that the demo's world has not
    "judge_a_concept": (0, 1, 2, 3),  # the heat maps
    "edit_a_photo": (None, 0),
    "edit_grid": tuple(1 + 5 * row + column for row in (0, 1, 3) for column in (0, 2, 4)),  # of its cells
    "concept_controlnet_upscale": (1,),
    "edit_on_anime_checkpoint": (None, 0),
    "mask_by_boxes": (-1,),  # what the node shows
    "mask_by_points": (-1,),
    "mask_by_negative_words": (-1,),
    "mask_by_rough_mask": (-1,),
    "mask_by_picking": (-1,),
    "learn_from_sam3_mask": (None, 0, 1, 2),
}


def pictures(client: Client, prompt: Prompt) -> list[Image.Image]:
    """What a workflow has saved, in its own order, and then what its masks were found in."""
    outputs = client.run(prompt, TIME_LIMIT)["outputs"]
    nodes = [node_id for kind in ("SaveImage", "SIS_MaskFromPrompt") for node_id in workflow.nodes_of(prompt, kind)]
    found = [entry for node_id in nodes for entry in outputs[node_id]["images"]]
    return [Image.open(io.BytesIO(client.view(entry))).convert("RGB") for entry in found]


def chosen(name: str, found: list[Image.Image], source: Image.Image) -> list[Image.Image]:
    """Which pictures tell what the workflow does. source: the one that it was given, or its concept's."""
    return [source if index is None else found[index] for index in CHOSEN[name]]


def sheet(found: list[Image.Image]) -> Image.Image:
    """The pictures in one square, which fills the template browser's cards: in a grid, or of a pair the second with
    the first in a corner of it."""
    if len(found) == 2:
        return _before_and_after(*found)
    columns = math.isqrt(len(found))
    wide = (SIDE - (columns - 1) * GAP) // columns
    side = columns * (wide + GAP) - GAP
    made = Image.new("RGB", (side, side), PAPER)
    for i, picture in enumerate(found):
        corner = (i % columns * (wide + GAP), i // columns * (wide + GAP))
        made.paste(picture.resize((wide, wide), Image.Resampling.LANCZOS), corner)
    return made


def _before_and_after(before: Image.Image, after: Image.Image) -> Image.Image:
    made, small = after.resize((SIDE, SIDE), Image.Resampling.LANCZOS), SIDE // 4
    made.paste(PAPER, (0, 0, small + GAP, small + GAP))
    made.paste(before.resize((small, small), Image.Resampling.LANCZOS), (0, 0))
    return made


def encode(picture: Image.Image) -> bytes:
    """The picture as a JPEG of at most `MOST_BYTES`, as good as that allows, and smaller if need be."""
    while len(data := jpeg.encode(picture, MOST_BYTES, range(92, 40, -6))) > MOST_BYTES:
        picture = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4), Image.Resampling.LANCZOS)
    return data


def draw(client: Client, name: str, painted: bool) -> bytes:
    """One workflow's thumbnail."""
    prompt: Any = shipped.prompt(name)
    picture = next(
        (node["inputs"]["image"] for node in prompt.values() if node["class_type"] == "LoadImage"), "heart.png"
    )
    if name in ON_NEWER_HOSTS or (painted and name == "learn_a_concept"):
        prompt = shipped.with_painted_mask(prompt, picture)
    with Image.open(ROOT / "lab" / "world" / "concepts" / picture) as source:
        return encode(sheet(chosen(name, pictures(client, prompt), source.convert("RGB"))))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "workflows")
    parser.add_argument("--only", nargs="*", choices=shipped.ALL, default=shipped.ALL)
    parser.add_argument(
        "--painted", action="store_true", help="take the demo's drawn masks, where the demo detector is not there"
    )
    return parser.parse_args()


def draw_all(options: argparse.Namespace) -> None:
    """Writes the thumbnails that are asked for and whose pictures changed."""
    with temporary_host(stand_ins.furnish) as client:
        if set(options.only) - {*shipped.WITHOUT_CHECKPOINT, *ON_NEWER_HOSTS}:
            shipped.prepare(client)
        for name in options.only:
            data, file = draw(client, name, options.painted), options.folder / f"{name}.jpg"
            if not file.is_file() or file.read_bytes() != data:
                file.write_bytes(data)
            say(f"{file}: {len(data) // 1000} kB")


def main() -> int:
    options = arguments()
    return exit_code(lambda: draw_all(options))


if __name__ == "__main__":
    sys.exit(main())
