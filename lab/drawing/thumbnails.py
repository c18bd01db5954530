"""Runs every shipped workflow on the demo model and draws its thumbnail: `python -m lab.drawing.thumbnails`.

The thumbnails lie beside the workflows, where the host's template browser looks for them. Only those whose pictures
changed are written.
"""

from __future__ import annotations

import argparse
import io
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
from . import shipped, stand_ins

SIDE, GAP, PAPER = 480, 6, (32, 32, 32)
MOST_BYTES = 40_000
TIME_LIMIT = 1800


def pictures(client: Client, prompt: Prompt) -> list[Image.Image]:
    """What a workflow has saved, in its own order."""
    outputs = client.run(prompt, TIME_LIMIT)["outputs"]
    found = [entry for node_id in workflow.nodes_of(prompt, "SaveImage") for entry in outputs[node_id]["images"]]
    return [Image.open(io.BytesIO(client.view(entry))).convert("RGB") for entry in found]


def chosen(name: str, found: list[Image.Image], source: Image.Image) -> list[Image.Image]:
    """Which pictures tell what the workflow does; source: the one that it was given."""
    return {
        "learn_a_concept": [source, *found[0:6:2]],  # one of the two of each prompt
        "use_a_concept": found[:4],
        "compose_three_concepts": found[:4],
        "compose_in_two_passes": found[0:3:2],  # the first of each pass
        # the views; the editing prompts speak of things that the demo's world has not
        "views_and_editing_prompts": found[:3],
        "judge_a_concept": found[:4],  # the heat maps
        "edit_a_photo": [source, found[0]],
        "edit_grid": found[:1],
        "concept_controlnet_upscale": found[-1:],
        "edit_on_anime_checkpoint": [source, found[0]],
    }[name]


def sheet(found: list[Image.Image]) -> Image.Image:
    """The pictures in one, each whole, in a grid that is at most `SIDE` wide."""
    columns = {1: 1, 2: 2, 4: 2}.get(len(found), 3)
    rows = -(-len(found) // columns)
    wide = (SIDE - (columns - 1) * GAP) // columns
    tall = round(wide * found[0].height / found[0].width)
    made = Image.new("RGB", (columns * (wide + GAP) - GAP, rows * (tall + GAP) - GAP), PAPER)
    for i, picture in enumerate(found):
        made.paste(
            picture.resize((wide, tall), Image.Resampling.LANCZOS),
            (i % columns * (wide + GAP), i // columns * (tall + GAP)),
        )
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
    if painted and name == "learn_a_concept":
        prompt = shipped.with_painted_mask(prompt, picture)
    with Image.open(ROOT / "lab" / "world" / "concepts" / picture) as source:
        return encode(sheet(chosen(name, pictures(client, prompt), source.convert("RGB"))))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "workflows")
    parser.add_argument("--only", nargs="*", choices=shipped.NAMES, default=shipped.NAMES)
    parser.add_argument(
        "--painted", action="store_true", help="take the demo's drawn masks, where the demo detector is not there"
    )
    return parser.parse_args()


def draw_all(options: argparse.Namespace) -> None:
    """Writes the thumbnails that are asked for and whose pictures changed."""
    with temporary_host(stand_ins.furnish) as client:
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
