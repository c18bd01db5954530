"""The captioned pictures that UNet and text encoder learn from: rendered once, kept as latents and token ids."""

from __future__ import annotations

import argparse
import multiprocessing
import pathlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..world import named_scenes, painting, random_scenes, world
from .autoencoder import LinearEncoder
from .namer import LOOK, MOST_NAMES, NAME_TOKEN
from .networks import token_ids

CHUNK = 500  # pictures that one seed draws


def _render_many(job: tuple[int, int, bool]) -> tuple[np.ndarray, list[str]]:
    seed, count, simple = job
    rng = random.Random(seed)
    scenes = [random_scenes.sample_scene(rng, simple) for _ in range(count)]
    return np.stack([painting.render(scene)[0] for scene in scenes]), [scene.caption for scene in scenes]


def data_set(count: int, seed: int, folder: pathlib.Path, simple: bool = False) -> tuple[np.ndarray, list[str]]:
    """Pictures (count, 128, 128, 3) uint8 and their captions, rendered once and kept in `folder`."""
    name = f"{'simple' if simple else 'scenes'}_{seed}_{count}"
    pictures, captions = folder / f"{name}.npy", folder / f"{name}.txt"
    if not captions.exists():
        jobs = [(seed * 1_000_003 + i, CHUNK, simple) for i in range(count // CHUNK)]
        store = np.lib.format.open_memmap(
            pictures, mode="w+", dtype=np.uint8, shape=(len(jobs) * CHUNK, world.SIZE, world.SIZE, 3)
        )
        words: list[str] = []
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for i, (stack, texts) in enumerate(pool.imap(_render_many, jobs)):
                store[i * CHUNK : (i + 1) * CHUNK] = stack
                words += texts
        store.flush()
        captions.write_text("\n".join(words))
    return np.load(pictures, mmap_mode="r"), captions.read_text().split("\n")


def _render_named(job: tuple[int, int]) -> tuple[np.ndarray, list[str], np.ndarray]:
    seed, count = job
    rng = random.Random(seed)
    pairs = [named_scenes.sample_named_scene(rng) for _ in range(count)]
    looks = np.zeros((count, MOST_NAMES, LOOK), np.float32)
    for row, (_, named) in zip(looks, pairs):
        row[: len(named)] = named
    return np.stack([painting.render(scene)[0] for scene, _ in pairs]), [scene.caption for scene, _ in pairs], looks


def named_set(count: int, seed: int) -> Iterator[tuple[np.ndarray, list[str], Tensor]]:
    """Scenes with names, 500 at a time: pictures (500, 128, 128, 3) uint8, captions, and looks (500, 2, 12), zero where
    there is no second name."""
    jobs = [(seed * 1_000_003 + i, CHUNK) for i in range(count // CHUNK)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for pictures, captions, looks in pool.imap(_render_named, jobs):
            yield pictures, captions, torch.from_numpy(looks)


def encode_all(encoder: LinearEncoder, pictures: np.ndarray) -> Tensor:
    """(N, 128, 128, 3) uint8 pictures as latents, (N, 4, 16, 16)."""
    with torch.no_grad():
        parts = [
            encoder(torch.from_numpy(np.array(pictures[i : i + 256])).permute(0, 3, 1, 2).float() / 255)
            for i in range(0, len(pictures), 256)
        ]
    return torch.cat(parts)


@dataclass(frozen=True)
class CaptionedPictures:
    """Scenes of the world, then simple ones, then those in which objects go by names.

    latents: (N, 4, 16, 16). ids: (N + 1, 77), the captions' tokens, the empty caption's last. looks: (named, 2, 12).
    scenes, simple: how many there are of the first two kinds.
    """

    latents: Tensor
    ids: Tensor
    looks: Tensor
    scenes: int
    simple: int

    @property
    def first_named(self) -> int:
        return self.scenes + self.simple

    @property
    def used_tokens(self) -> Tensor:
        """Every token that some caption uses, but a name's."""
        return torch.unique(self.ids[self.ids != NAME_TOKEN])


def gather(options: argparse.Namespace, encoder: LinearEncoder) -> CaptionedPictures:
    """All pictures that `lab.training.train_model`'s options ask for."""
    pictures, captions = data_set(options.pictures, options.seed + 1, options.folder)
    latents, simple = [encode_all(encoder, pictures)], 0
    if options.simple:
        simple_pictures, texts = data_set(options.simple_pictures, options.seed + 2, options.folder, simple=True)
        latents.append(encode_all(encoder, simple_pictures))
        captions += texts
        simple = len(texts)
    looks = [torch.zeros(0, MOST_NAMES, LOOK)]
    for stack, texts, named in named_set(options.named_pictures if options.named else 0, options.seed + 3):
        latents.append(encode_all(encoder, stack))
        captions += texts
        looks.append(named)
    ids = token_ids([*captions, ""])
    return CaptionedPictures(torch.cat(latents), ids, torch.cat(looks), len(pictures), simple)
