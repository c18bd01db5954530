"""Brings a picture and its mask into the form that training takes: square, sides a multiple of 64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor

from ..support.errors import InputError
from ..support.finite import require_finite
from ..support.warnings import Warned

MULTIPLE = 64  # SD 1.x halves latents three times: 8 pixels × 8


@dataclass(frozen=True)
class Prepared:
    """picture: (1, S, S, 3) in [0, 1]. mask: (1, S, S), 1 = subject. notes: what was changed."""

    picture: Tensor
    mask: Tensor
    notes: tuple[Warned, ...] = field(default=())


def prepare(image: Tensor, mask: Tensor, resolution: int) -> Prepared:
    """Crops to a square that holds the subject, and reduces to `resolution`.

    image: (1, H, W, 3 or 4) in [0, 1]. mask: (1, H', W') or (H', W').
    A picture that is not square is cropped over the subject; a subject longer than that square is kept whole, with the
    picture's edge repeated beside it. Larger pictures are reduced to `resolution`, smaller ones stay as they are.
    Raises: InputError for a batch, an empty mask, values that are not finite, or a picture under 64 pixels.
    """
    prepared = _with_mask_of_its_size(*_checked(image, mask))
    if prepared.picture.shape[1] != prepared.picture.shape[2]:
        picture, cover, note = _square(prepared.picture, prepared.mask)
        prepared = Prepared(picture, cover, (*prepared.notes, note))
    prepared = _reduced(prepared, min(resolution, prepared.picture.shape[1]) // MULTIPLE * MULTIPLE)
    cover = prepared.mask
    if float(cover.max()) == 0:
        raise InputError("`mask` marks nothing: paint or detect the subject, so that it is white in the mask.")
    notes = prepared.notes if float(cover.min()) < 1 else (*prepared.notes, Warned("mask_covers_all"))
    return Prepared(prepared.picture.contiguous(), cover.contiguous(), notes)


def _with_mask_of_its_size(picture: Tensor, cover: Tensor) -> Prepared:
    if cover.shape[1:] == picture.shape[1:3]:
        return Prepared(picture, cover)
    sizes = {"mask": f"{cover.shape[2]}x{cover.shape[1]}", "picture": f"{picture.shape[2]}x{picture.shape[1]}"}
    note = Warned("mask_resized", sizes)
    return Prepared(picture, _resized_mask(cover, picture.shape[1:3]), (note,))


def _reduced(prepared: Prepared, side: int) -> Prepared:
    """A square picture with sides of `side` pixels."""
    before = prepared.picture.shape[1]
    if side == before:
        return prepared
    channels_first = prepared.picture.movedim(-1, 1)
    picture = F.interpolate(channels_first, (side, side), mode="bicubic", antialias=True).movedim(1, -1).clamp(0, 1)
    note = Warned("picture_resized", {"before": before, "after": side})
    return Prepared(picture, _resized_mask(prepared.mask, (side, side)), (*prepared.notes, note))


def _resized_mask(cover: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(cover[None], tuple(size), mode="bilinear", antialias=True)[0].clamp(0, 1)


def _checked(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    if not isinstance(image, Tensor) or image.is_complex() or image.dim() != 4 or image.shape[-1] not in (3, 4):
        raise InputError("`image` is not one RGB picture: connect a Load Image, or another node that gives an IMAGE.")
    if image.shape[0] != 1:
        raise InputError(
            f"`image` is a batch of {image.shape[0]} and a concept is learned from one picture: take one with"
            " ImageFromBatch."
        )
    if min(image.shape[1:3]) < MULTIPLE:
        raise InputError(
            f"`image` is {image.shape[2]}x{image.shape[1]} pixels: use one of at least {MULTIPLE} pixels a side, better"
            " 512."
        )
    if not isinstance(mask, Tensor) or mask.is_complex() or mask.dim() not in (2, 3) or 0 in mask.shape:
        raise InputError("`mask` is no mask of one picture: connect a Load Image's mask, or Mask from Prompt.")
    cover = mask if mask.dim() == 3 else mask[None]
    if cover.shape[0] != 1:
        raise InputError(f"`mask` is a batch of {cover.shape[0]} and there is one picture: connect one mask.")
    picture = image[..., :3].float()
    cover = cover.float()
    require_finite("image", "check the node before it", picture)
    require_finite("mask", "check the node before it", cover)
    if float(cover.max()) <= 0:
        raise InputError("`mask` marks nothing: paint or detect the subject, so that it is white in the mask.")
    return picture.clamp(0, 1), cover.clamp(0, 1)


def _extent(line: Tensor) -> tuple[int, int]:
    """First and one past the last place where a line of the mask is more than half on, or on at all."""
    on = (line > 0.5).nonzero()
    if len(on) == 0:
        on = (line > 0).nonzero()
    return int(on[0]), int(on[-1]) + 1


def _square(picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Warned]:
    height, width = picture.shape[1:3]
    short = min(height, width)
    along = 2 if width > height else 1  # the longer axis
    first, last = _extent(mask[0].amax(0 if along == 2 else 1))
    if last - first > short:
        extra = max(height, width) - short
        pads = [0, 0, extra // 2, extra - extra // 2] if along == 2 else [extra // 2, extra - extra // 2, 0, 0]
        padded = F.pad(picture.movedim(-1, 1), pads, mode="replicate").movedim(1, -1)
        return padded, F.pad(mask, pads), Warned("edge_repeated", {"size": f"{width}x{height}"})
    start = min(max((first + last - short) // 2, 0), max(height, width) - short)
    return (
        picture.narrow(along, start, short),
        mask.narrow(along, start, short),
        Warned("picture_cropped", {"size": f"{width}x{height}"}),
    )
