"""Does the heat map of "heart" cover the heart, and what does it cost? `python -m lab.measuring.heatmaps`.

Draws pictures of the demo's world with Word Heat Maps' own code, finds the heart in each with `lab.world.seeing`, and
compares it with where the map is above half of its range. Pictures in which no single heart is seen are counted and
left out. Then draws with and without the maps in turns, for the time. Every picture and every turn is a line of
`--results`, so that a run that was stopped goes on; at the end, or alone with `--report`, writes `--out` and a contact
sheet beside it.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
from typing import Any

import numpy as np
import torch

from ..world import oracle, seeing, world
from . import heatmaps_report, sampling
from .composition_speed import clock_of
from .learning import load_pack, pack_module
from .results import add_arguments, append, checksum, read_rows

SEED = 61_000  # the way to put layers together was chosen on 12 other pictures
OTHERS = tuple(cls for cls in world.CLASSES if cls != "heart")
SIZES = (128, 256)  # pixels, for the time


def prompt_of(seed: int, index: int) -> tuple[str, str]:
    """(kind, prompt) of a picture: a heart alone, and before or after another shape, in turn."""
    drawn = random.Random(seed * 1_000 + index)
    first, second = drawn.sample(list(world.COLORS), 2)
    other = drawn.choice(OTHERS)
    return (
        ("alone", f"a {first} heart on a {second} background"),
        ("before another", f"a {first} heart and a {second} {other}"),
        ("after another", f"a {second} {other} and a {first} heart"),
    )[index % 3]


class Heatmaps:
    """Draws with the pack's own code on one checkpoint."""

    def __init__(self, checkpoint: pathlib.Path, steps: int, cfg: float) -> None:
        load_pack()
        self.model, self.clip, self.vae = sampling.load(checkpoint)
        self._steps, self._cfg = steps, cfg
        self._heatmaps, self._stock = pack_module("pipelines.word_heatmaps"), pack_module("host.stock_sampling")

    def _sampling(self, seed: int) -> Any:
        return self._stock.Sampling(
            seed=seed, steps=self._steps, cfg=self._cfg, sampler_name="ddim", scheduler="ddim_uniform"
        )

    def _encoded(self, prompt: str) -> Any:
        return self.clip.encode_from_tokens_scheduled(self.clip.tokenize(prompt))

    def draw(self, prompt: str, words: str, seed: int, size: int = world.SIZE) -> Any:
        """What the node gives, but for its overlays."""
        with torch.inference_mode():
            wires = self._heatmaps.HeatmapWires(
                model=self.model, clip=self.clip, negative=self._encoded(""), latent=_empty(size)
            )
            return self._heatmaps.word_heatmaps(wires, prompt, words, self._sampling(seed))

    def plain(self, prompt: str, seed: int, size: int) -> Any:
        """What the host's KSampler gives."""
        with torch.inference_mode():
            positive, negative = self._encoded(prompt), self._encoded("")
            return self._stock.sample(self.model, positive, negative, _empty(size), self._sampling(seed))

    def picture(self, prompt: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """A picture (128, 128, 3) uint8 and the map of its heart (128, 128) in [0, 1]."""
        found = self.draw(prompt, "heart", seed)
        with torch.inference_mode():
            return sampling.levels(self.vae.decode(found.latent["samples"]))[0], found.heatmaps[0].numpy()


def _empty(size: int) -> dict[str, torch.Tensor]:
    side = size // sampling.DOWNSCALE
    return {"samples": torch.zeros(1, 4, side, side)}


def heart_in(picture: np.ndarray, expected: int) -> np.ndarray | None:
    """The mask of the one heart that is seen; None where there is none, or several."""
    hearts = [
        one for one in seeing.objects(picture, expected) if one.cls == "heart" and one.score >= oracle.SHAPE_SCORE
    ]
    return hearts[0].mask if len(hearts) == 1 else None


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Of two masks, bool."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def measure(drawer: Heatmaps, seed: int, index: int, folder: pathlib.Path) -> dict[str, Any]:
    """A picture's row; the picture is kept for the contact sheet."""
    kind, prompt = prompt_of(seed, index)
    picture, heat = drawer.picture(prompt, seed + index)
    mask = heart_in(picture, 1 if kind == "alone" else 2)
    np.savez_compressed(folder / f"{index:03}.npz", picture=picture, heat=heat)
    row: dict[str, Any] = {"picture": index, "kind": kind, "prompt": prompt, "seen": mask is not None}
    if mask is not None:
        row |= {"iou": iou(heat > 0.5, mask), "area": float(mask.mean()), "highest": bool(mask.ravel()[heat.argmax()])}
    return row


def time_turn(drawer: Heatmaps, turn: int, size: int) -> dict[str, Any]:
    """Seconds of the same picture with and without the maps, whichever comes first."""
    prompt, clock = "a red heart and a blue star", clock_of(drawer.model.load_device)
    ways = {
        "maps": lambda: drawer.draw(prompt, "heart, star", turn, size),
        "plain": lambda: drawer.plain(prompt, turn, size),
    }
    seconds = {}
    for name in list(ways)[:: 1 if turn % 2 else -1]:
        began = clock()
        ways[name]()
        seconds[name] = clock() - began
    return {"turn": turn, "size": size, "seconds": seconds}


def run(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Measures what the results lack."""
    rows, folder = read_rows(args.results, settings), args.results.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {row["picture"] for row in rows if "picture" in row}
    turns = {(row["size"], row["turn"]) for row in rows if "turn" in row}
    drawer = Heatmaps(args.checkpoint, args.steps, args.cfg)

    def keep(row: dict[str, Any]) -> None:
        append(args.results, {**row, "settings": settings})
        print(json.dumps(row), flush=True)

    for index in (index for index in range(args.pictures) if index not in pictures):
        keep(measure(drawer, args.seed, index, folder))
    for size in SIZES:
        left = [turn for turn in range(args.turns) if (size, turn) not in turns]
        if left:
            time_turn(drawer, -1, size)  # warms up
        for turn in left:
            keep(time_turn(drawer, turn, size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--turns", type=int, default=9, help="of each size, for the time")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=SEED)
    sampling.add_checkpoint_argument(parser)
    add_arguments(parser, "docs/reports/results/heatmaps.jsonl", "docs/reports/HEATMAPS.md")
    args = parser.parse_args()
    settings = {name: getattr(args, name) for name in ("steps", "cfg", "seed")} | {"sha256": checksum(args.checkpoint)}
    if not args.report:
        args.results.parent.mkdir(parents=True, exist_ok=True)
        run(args, settings)
    heatmaps_report.write(read_rows(args.results, settings), settings, args.results.with_suffix(""), args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
