"""From masks of single boxes to the mask that an artist uses: joined, grown, feathered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..support.finite import require_finite
from .interfaces import BROKEN_MODEL, Embedding, Segmenter, Thing

PIXELS_AT_ONCE = 1 << 24  # of masks at full size: 64 MB
SIGMAS = 3  # a Gaussian's reach
SMALL = 1 << 22  # pixels; larger masks are feathered in tiles
TILE = 511  # pixels, at least
_DIAGONAL = math.sqrt(2) - 1  # the square's share of the radius that makes a regular octagon


@dataclass(frozen=True)
class CutOut:
    """The mask of one thing. box: of its pixels, from x0, y0 up to x1, y1. mask: (y1 - y0, x1 - x0), bool."""

    box: tuple[int, int, int, int]
    mask: Tensor

    def without(self, away: Tensor) -> CutOut:
        """What is left of it. away: (H, W), 0 or 1."""
        x0, y0, x1, y1 = self.box
        return CutOut(self.box, self.mask & (away[y0:y1, x0:x1] == 0))


def cut_out(segmenter: Segmenter, embedding: Embedding, things: Sequence[Thing]) -> list[CutOut]:
    """The mask of each thing. Masks of a large picture are made a few at a time.

    Raises: InputError when the segmenter gives numbers that are not finite.
    """
    height, width = embedding.size
    batch = max(1, PIXELS_AT_ONCE // (height * width))
    cuts: list[CutOut] = []
    for i in range(0, len(things), batch):
        logits = segmenter.masks(embedding, list(things[i : i + batch]))
        require_finite("segmenter", BROKEN_MODEL, logits, verb="gives")
        cuts.extend(map(trimmed, logits > 0))
    return cuts


def trimmed(mask: Tensor) -> CutOut:
    """mask: (H, W), bool; one that marks nothing becomes a cut-out of no size."""
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    if len(rows) == 0:
        return CutOut((0, 0, 0, 0), mask[:0, :0])
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return CutOut((x0, y0, x1, y1), mask[y0:y1, x0:x1].clone())


def union(cuts: Sequence[CutOut], height: int, width: int) -> Tensor:
    """What any of the cut-outs holds: (H, W), 0 or 1."""
    joined = torch.zeros(height, width)
    for cut in cuts:
        x0, y0, x1, y1 = cut.box
        joined[y0:y1, x0:x1][cut.mask] = 1
    return joined


def grow_mask(mask: Tensor, pixels: int) -> Tensor:
    """Grows a mask by so many pixels in every direction, or shrinks it by -pixels.

    mask: (H, W) in [0, 1]. The structuring element is a disc of that radius: a square and a diamond, whose radii are in
    the ratio of √2 - 1 to what is left, make an octagon within 4 % of it. What is outside the picture counts as more of
    its edge.
    """
    if pixels == 0:
        return mask
    radius = abs(pixels)
    square = math.floor(radius * _DIAGONAL)
    grown = _octagon(_in_bytes(mask if pixels > 0 else 1 - mask), square, radius - square).to(mask.dtype)
    return grown if pixels > 0 else 1 - grown


def _in_bytes(area: Tensor) -> Tensor:
    """A mask of 0 and 1 alone takes a quarter of the memory, and of the time."""
    small = area.to(torch.uint8)
    return small if torch.equal(small.to(area.dtype), area) else area


def _octagon(area: Tensor, square: int, diamond: int) -> Tensor:
    """The largest value in the square of that radius, widened by the diamond of that radius, around each pixel.

    area: (H, W), at least 0 everywhere. A diamond is two diagonal lines and a cross: the lines reach every second pixel
    of it like the white fields of a chessboard, the cross fills the black ones. The lines begin at the pixel, so the
    result lies so much further to the right and below, and the sheet is that much larger.
    """
    height, width = area.shape
    line = max(0, diamond - 1)
    reach = square + line + 1
    sheet = F.pad(area, (1, reach, 1, reach))
    for length, down, right in ((2 * square, 0, 1), (2 * square, 1, 0), (line, 1, 1), (line, -1, 1)):
        sheet = _along(sheet, length, down, right)
    if diamond > 0:
        sheet = _cross(sheet)
    top, left = 1 + square, 1 + square + line
    return sheet[top : top + height, left : left + width]


def _along(sheet: Tensor, length: int, down: int, right: int) -> Tensor:
    """The largest value of each pixel and of the `length` before it in that direction; each pass doubles how far it
    looks."""
    seen = 1
    while seen <= length:
        step = min(seen, length + 1 - seen)
        rows, columns = _slices(down * step), _slices(right * step)
        wider = sheet.clone()
        torch.maximum(sheet[rows[1], columns[1]], sheet[rows[0], columns[0]], out=wider[rows[1], columns[1]])
        sheet, seen = wider, seen + step
    return sheet


def _slices(step: int) -> tuple[slice, slice]:
    """(from, to) along one axis, for a move by `step`."""
    if step >= 0:
        return slice(None, -step or None), slice(step, None)
    return slice(-step, None), slice(None, step)


def _cross(sheet: Tensor) -> Tensor:
    out = sheet
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        rows, columns = _slices(down), _slices(right)
        wider = out.clone()
        torch.maximum(out[rows[1], columns[1]], sheet[rows[0], columns[0]], out=wider[rows[1], columns[1]])
        out = wider
    return out


def feather_mask(mask: Tensor, pixels: int) -> Tensor:
    """Softens a mask's edge over about `pixels` to each side, by a Gaussian with sigma = pixels / 2.

    mask: (H, W) in [0, 1].
    """
    if pixels <= 0:
        return mask
    sigma = pixels / 2
    reach = math.ceil(SIGMAS * sigma)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    soft = _convolved(mask, kernel) if mask.numel() <= SMALL else _convolved_in_tiles(mask, kernel)
    return soft.clamp(0, 1)


def _convolved(mask: Tensor, kernel: Tensor) -> Tensor:
    """With the kernel along both axes; beyond the picture, its edge goes on."""
    reach = len(kernel) // 2
    soft = mask[None, None]
    soft = F.conv2d(F.pad(soft, (reach, reach, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    soft = F.conv2d(F.pad(soft, (0, 0, reach, reach), mode="replicate"), kernel.view(1, 1, -1, 1))
    return soft[0, 0]


def _convolved_in_tiles(mask: Tensor, kernel: Tensor) -> Tensor:
    """The same up to rounding (1e-6), for large pictures: by Fourier transform, and only near the mask's edges."""
    reach = len(kernel) // 2
    side = (1 << max(TILE, 4 * reach).bit_length()) - 2 * reach  # with its surroundings a power of two
    padded = F.pad(mask[None, None], (reach,) * 4, mode="replicate")[0, 0]
    soft = mask.clone()
    for y in range(0, mask.shape[0], side):
        for x in range(0, mask.shape[1], side):
            tile = padded[y : y + side + 2 * reach, x : x + side + 2 * reach]
            low, high = tile.aminmax()
            if low < high:
                soft[y : y + side, x : x + side] = _convolved_by_fourier(tile, kernel)
    return soft


def _convolved_by_fourier(tile: Tensor, kernel: Tensor) -> Tensor:
    """What of a tile is not near its own edges."""
    height, width = tile.shape
    waves = torch.fft.fft(kernel, height)[:, None] * torch.fft.rfft(kernel, width)
    return torch.fft.irfft2(torch.fft.rfft2(tile) * waves, (height, width))[len(kernel) - 1 :, len(kernel) - 1 :]
