"""What the exact oracle finds in the pictures of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ...world import oracle, seeing, world
from .. import sampling
from ..concepts import BACKGROUNDS, free_background
from ..learning import pack_module
from .asked import Asked, prompts
from .lessons import NAME, Learned, Teacher

SCORES = {
    "likeness": "likeness",
    "color": "mean colour",
    "found": "colours and pattern",
    "source": "source background",
    "class": "class",
    "esr": "ESR",
    "both": "goals and likeness",
}
"""What is found in a concept's pictures, and its column's title."""
LOWER = frozenset({"source"})  # of which less is better
HEAT_PICTURES = 2


def scores(pictures: np.ndarray, asked: Sequence[Asked], scene: world.Scene) -> dict[str, float]:
    """`SCORES` of pictures (N, 128, 128, 3) uint8, the prompt of each being in `asked`."""
    cls = scene.objects[0].cls
    matches = [oracle.concept_match(picture, scene) for picture in pictures]
    goals = [
        (one.points(picture, cls), match.found) for picture, match, one in zip(pictures, matches, asked) if one.goals
    ]
    alone = [
        oracle.judge(p, {"classes": (cls,)}).classes[0]
        for p, one in zip(pictures, asked)
        if "neighbour" not in one.goals
    ]
    return {
        "likeness": float(np.mean([match.score for match in matches])),
        "color": float(np.mean([match.mean_color for match in matches])),
        "found": float(np.mean([match.found for match in matches])),
        "source": float(np.mean([oracle.background_near(picture, scene.background) for picture in pictures])),
        "class": float(np.mean(alone)),
        "esr": float(np.mean([points for points, _ in goals])),
        "both": float(np.mean([points == 1 and found for points, found in goals])),
    }


def judge(
    teacher: Teacher, learned: Learned, scene: world.Scene, first_seed: int, seeds: int
) -> tuple[dict[str, float], np.ndarray]:
    """A row's scores on one concept, and its pictures, (prompts · seeds, 128, 128, 3): all seeds of a prompt together.

    Every row draws from the same noises.
    """
    asked = [one for one in prompts(scene) for _ in range(seeds)]
    pictures = teacher.draw(learned, [one.template for one in asked], [first_seed + i for i in range(len(asked))])
    return scores(pictures, asked, scene), pictures


def heat(
    teacher: Teacher, learned: Learned, scene: world.Scene, seed: int
) -> tuple[dict[str, float] | None, np.ndarray]:
    """How much more the concept's word and its class word look at the object than they would if they looked evenly: the
    share of each word's map that lies inside, by the object's share of the picture; None where no object is seen. And
    the first picture with both maps over it, (2, 128, 128, 3) uint8.

    Of pictures of the phrase on a background that was asked for.
    """
    background, cls = free_background([scene], BACKGROUNDS[0]), scene.objects[0].cls
    found = _maps(teacher, learned, f"{learned.phrase} on a {background} background", f"<{NAME}>, {cls}", seed)
    with torch.inference_mode():
        pictures = sampling.levels(teacher.vae.decode(found.latent["samples"]))
    maps = found.heatmaps.reshape(len(pictures), -1, world.SIZE, world.SIZE).numpy()
    looks: list[list[float]] = []
    for picture, words in zip(pictures, maps):
        seen = seeing.objects(picture)[:1]
        looks += [[_inside(one, seen[0].mask) for one in words]] if seen else []
    overlays = sampling.levels(found.overlays[: maps.shape[1]])
    if not looks:
        return None, overlays
    star, name = np.mean(looks, axis=0)
    return {"star": float(star), "class word": float(name)}, overlays


def _inside(heat_map: np.ndarray, mask: np.ndarray) -> float:
    return float(heat_map[mask].sum() / max(float(heat_map.sum()), 1e-9) / mask.mean())


def _maps(teacher: Teacher, learned: Learned, prompt: str, words: str, seed: int) -> Any:
    """What Word Heat Maps gives."""
    side = world.SIZE // sampling.DOWNSCALE
    with torch.inference_mode():
        model, clip = learned.apply(teacher.model, teacher.clip)
        heatmaps = pack_module("pipelines.word_heatmaps")
        negative = clip.encode_from_tokens_scheduled(clip.tokenize(""))
        blank = {"samples": torch.zeros(HEAT_PICTURES, 4, side, side)}
        wires = heatmaps.HeatmapWires(model=model, clip=clip, negative=negative, latent=blank, vae=teacher.vae)
        return heatmaps.word_heatmaps(wires, prompt, words, teacher.stock_sampling(seed))
