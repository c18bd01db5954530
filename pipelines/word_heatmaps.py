"""Draws pictures with the host's own sampler, and shows where in them the words of their prompt are attended to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion.regions import of_range
from ..evaluation.regions import fitted
from ..host.checks import require_sd1_clip, require_sd1_layers, require_vae
from ..host.conditioning import check_conditioning
from ..host.latents import decode, require_latents, try_decoder
from ..host.noise_masks import noise_mask_of
from ..host.stock_sampling import Sampling, sample, with_own_channels
from ..host.word_looks import WordLooks, looked_for, recording
from ..host.word_places import words_of
from ..pictures.heatmap import heat_overlay
from ..support import checks
from ..support.errors import InputError
from ..support.wires import require_masks

PIXELS = 8
"""Of a picture to one of its latents, each way."""
LEAST_DENOISE = 0.01
_TINY = 1e-12


@dataclass(frozen=True)
class Look:
    """Where one word is in one picture.

    highest: the place where it is attended to most, as shares of the width and height. above_half: the share of the
    picture where its map is above the middle of its own range. in_mask: the share of its attention that falls into the
    mask; mask_area: the share that would, were attention even. None without a mask.
    """

    picture: int
    word: str
    highest: tuple[float, float]
    above_half: float
    in_mask: float | None = None
    mask_area: float | None = None

    def sentence(self) -> str:
        where = f"picture {self.picture}, {self.word!r}: most at {self.highest[0]:.0%} from the left and"
        where += f" {self.highest[1]:.0%} from the top, above half of its range on {self.above_half:.0%} of the picture"
        if self.in_mask is None or self.mask_area is None:
            return f"{where}."
        return f"{where}; {self.in_mask:.0%} of it in the mask, which is {self.mask_area:.0%} of the picture."


@dataclass(frozen=True)
class Heatmaps:
    """latent: the sampled LATENT. overlays: (P · W, H, W, 3), the words of the first picture first. heatmaps: (P · W,
    H, W) in [0, 1], each over its own range. report: in words, then as JSON."""

    latent: dict[str, Any]
    overlays: Tensor
    heatmaps: Tensor
    report: str


@dataclass(frozen=True, kw_only=True)
class HeatmapWires:
    """What is drawn with. vae: draws the maps over the pictures; None: over black. mask: (B, H, W), 1 = inside."""

    model: Any
    clip: Any
    negative: Any
    latent: dict[str, Any]
    vae: Any = None
    mask: Tensor | None = None


def word_heatmaps(wires: HeatmapWires, prompt: str, words: str, sampling: Sampling) -> Heatmaps:
    """words: as `host.word_places.words_of` reads them.

    Raises: InputError for what cannot work; the host's InterruptProcessingException when the user has pressed cancel.
    """
    _check(wires)
    for name, value in (("prompt", prompt), ("words", words)):
        checks.text(name, value)
    if sampling.denoise < LEAST_DENOISE:
        raise InputError(f"`denoise` is {sampling.denoise:g}, so nothing is drawn and no word is looked for: raise it.")
    tokens = wires.clip.tokenize(prompt)
    places = words_of(wires.clip, tokens, words)
    positive = wires.clip.encode_from_tokens_scheduled(tokens)
    looks = WordLooks(list(places))
    latent = sample(recording(wires.model, looks), looked_for(positive, places), wires.negative, wires.latent, sampling)
    if looks.attention is None or looks.shape is None:
        raise InputError(
            "`model` carries another pack's patch that cuts its calls, so no word could be followed: take it off."
        )
    attention, shape = _in_pixels(looks.attention), of_range(_in_pixels(looks.shape))
    found = [
        _look(attention[picture, index], shape[picture, index], picture, word, wires.mask)
        for picture in range(len(shape))
        for index, word in enumerate(looks.words)
    ]
    return Heatmaps(latent, _overlays(shape, looks.words, latent, wires.vae), shape.flatten(0, 1), _report(found))


def _check(wires: HeatmapWires) -> None:
    """Raises: InputError for wires that cannot work, before anything is drawn."""
    require_sd1_layers(wires.model)
    require_sd1_clip(wires.clip, wires.model)
    check_conditioning(wires.model, "negative", wires.negative)
    drawn_on = with_own_channels(wires.model, wires.latent)
    samples = require_latents("latent_image", drawn_on, "VAE Encode or an Empty Latent Image")
    noise_mask_of(wires.latent, samples.shape, "latent_image")
    if wires.mask is not None:
        require_masks("mask", wires.mask)
    if wires.vae is not None:
        require_vae(wires.vae)
        try_decoder(wires.vae)


def _in_pixels(maps: Tensor) -> Tensor:
    size = [side * PIXELS for side in maps.shape[-2:]]
    return F.interpolate(maps, size, mode="bilinear", align_corners=False)


def _look(attention: Tensor, shape: Tensor, picture: int, word: str, mask: Tensor | None) -> Look:
    """Of one word's maps in one picture, (H, W) both."""
    height, width = shape.shape
    row, column = divmod(int(shape.argmax()), width)
    look = Look(picture + 1, word, ((column + 0.5) / width, (row + 0.5) / height), float((shape > 0.5).float().mean()))
    if mask is None:
        return look
    masks = mask.reshape(-1, *mask.shape[-2:])
    inside = fitted(masks[picture % len(masks)].cpu(), height, width)
    share = float((attention * inside).sum() / attention.sum().clamp(min=_TINY))
    return replace(look, in_mask=share, mask_area=float(inside.mean()))


def _overlays(maps: Tensor, words: Sequence[str], latent: dict[str, Any], vae: Any) -> Tensor:
    black = torch.zeros(len(maps), *maps.shape[-2:], 3)
    pictures = black if vae is None else decode(vae, latent).cpu()
    pairs = ((picture, heat, word) for picture, of in zip(pictures, maps) for heat, word in zip(of, words))
    return torch.stack([heat_overlay(picture, heat, word) for picture, heat, word in pairs])


def _report(looks: Sequence[Look]) -> str:
    """The sentences are a Markdown list, as which Preview Any shows them."""
    return "\n".join(
        [*(f"- {look.sentence()}" for look in looks), "", json.dumps([asdict(look) for look in looks], indent=1)]
    )
