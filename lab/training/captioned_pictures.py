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

from ..world import named_scenes, painting, random_scenes, told_scenes, world
from .autoencoder import LinearEncoder
from .namer import LOOK, MOST_NAMES, NAME_TOKEN
from .networks import token_ids

CHUNK = 500  # pictures that one seed draws
# beside the world's own scenes
KINDS = {
    "named": "scenes in which objects go by names",
    "told": "scenes whose captions tell two colours and a pattern",
    "names": "scenes with names beside other names and words",
    "triples": "scenes of three objects",
}
CALLED = {"told": told_scenes.TOLD, "names": told_scenes.NAMES, "triples": told_scenes.TRIPLES}


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


Drawn = tuple[world.Scene, tuple[named_scenes.Look, ...]]


def _sample(kind: str, rng: random.Random, reserved: frozenset[str]) -> Drawn:
    """A scene of a kind, and the looks behind its names. reserved: captions that are not drawn."""
    if kind == "named":
        return named_scenes.sample_named_scene(rng)
    while True:
        drawn = told_scenes.sample_told_scene(rng, CALLED[kind])
        if drawn[0].caption not in reserved:
            return drawn


def _render_kind(job: tuple[str, int, int]) -> tuple[np.ndarray, list[str], np.ndarray]:
    kind, seed, count = job
    rng, reserved = random.Random(seed), told_scenes.reserved_captions()
    pairs = [_sample(kind, rng, reserved) for _ in range(count)]
    looks = np.zeros((count, MOST_NAMES, LOOK), np.float32)
    for row, (_, named) in zip(looks, pairs):
        row[: len(named)] = np.array(named).reshape(-1, LOOK)
    return np.stack([painting.render(scene)[0] for scene, _ in pairs]), [scene.caption for scene, _ in pairs], looks


def kind_set(kind: str, count: int, seed: int) -> Iterator[tuple[np.ndarray, list[str], Tensor]]:
    """Scenes of a kind (a key of KINDS), 500 at a time: pictures (500, 128, 128, 3) uint8, captions, and
    looks (500, 3, 12), zero where there is no name."""
    jobs = [(kind, seed * 1_000_003 + i, CHUNK) for i in range(count // CHUNK)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for pictures, captions, looks in pool.imap(_render_kind, jobs):
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
class Part:
    """Pictures of one kind. latents: (N, 4, 16, 16). looks: (N, 3, 12), zero where there is no name."""

    latents: Tensor
    captions: list[str]
    looks: Tensor


def _world_part(count: int, seed: int, folder: pathlib.Path, encoder: LinearEncoder, simple: bool = False) -> Part:
    pictures, captions = data_set(count, seed, folder, simple)
    return Part(encode_all(encoder, pictures), captions, torch.zeros(len(captions), MOST_NAMES, LOOK))


def _kind_part(kind: str, count: int, seed: int, folder: pathlib.Path, encoder: LinearEncoder) -> Part:
    """Rendered once, and kept in `folder` as latents."""
    kept = folder / f"{kind}_{seed}_{count}.pt"
    if not kept.exists():
        stacks, captions, looks = [], [], []
        for pictures, some, named in kind_set(kind, count, seed):
            stacks.append(encode_all(encoder, pictures))
            captions += some
            looks.append(named)
        torch.save({"latents": torch.cat(stacks), "captions": captions, "looks": torch.cat(looks)}, kept)
    part = torch.load(kept, weights_only=True)
    part["looks"] = torch.nn.functional.pad(part["looks"], (0, 0, 0, MOST_NAMES - part["looks"].shape[1]))
    return Part(**part)


@dataclass(frozen=True)
class CaptionedPictures:
    """Pictures of several kinds, one kind after another.

    latents: (N, 4, 16, 16). ids: (N + 1, 77), the captions' tokens, the empty caption's last. looks: (N, 3, 12), zero
    where there is no name. parts: each kind's first picture and how many there are.
    """

    latents: Tensor
    ids: Tensor
    looks: Tensor
    parts: dict[str, tuple[int, int]]

    @property
    def used_tokens(self) -> Tensor:
        """Every token that some caption uses, but a name's."""
        return torch.unique(self.ids[self.ids != NAME_TOKEN])


def gather(options: argparse.Namespace, encoder: LinearEncoder) -> CaptionedPictures:
    """All pictures that `lab.training.train_model`'s options ask for."""
    folder, seed = options.folder, options.seed
    found = {"scenes": _world_part(options.pictures, seed + 1, folder, encoder)}
    if options.simple:
        found["simple"] = _world_part(options.simple_pictures, seed + 2, folder, encoder, simple=True)
    for place, kind in enumerate(KINDS):
        if getattr(options, kind):
            found[kind] = _kind_part(kind, getattr(options, f"{kind}_pictures"), seed + 3 + place, folder, encoder)
    return together(found)


def together(found: dict[str, Part]) -> CaptionedPictures:
    """Parts of several kinds as one."""
    parts, first = {}, 0
    for kind, part in found.items():
        parts[kind] = (first, len(part.captions))
        first += len(part.captions)
    ids = token_ids([*(caption for part in found.values() for caption in part.captions), ""])
    latents, looks = (torch.cat([getattr(part, name) for part in found.values()]) for name in ("latents", "looks"))
    return CaptionedPictures(latents, ids, looks, parts)
