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
SIGMA_OF_MEANS = 32  # of a Gaussian, in means of pixels that stand for the pixels
ROWS_AT_ONCE = 64
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
    bands = zip(small.split(ROWS_AT_ONCE), area.split(ROWS_AT_ONCE))
    return small if all(torch.equal(some.to(area.dtype), of_area) for some, of_area in bands) else area


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
    spare = torch.empty_like(sheet)  # fresh memory for each step would take longer than the step
    for length, down, right in ((2 * square, 0, 1), (2 * square, 1, 0), (line, 1, 1), (line, -1, 1)):
        sheet, spare = _along(sheet, spare, length, down, right)
    if diamond > 0:
        sheet = _cross(sheet, spare)
    top, left = 1 + square, 1 + square + line
    return sheet[top : top + height, left : left + width]


def _along(sheet: Tensor, spare: Tensor, length: int, down: int, right: int) -> tuple[Tensor, Tensor]:
    """The largest value of each pixel and of the `length` before it in that direction; each pass doubles how far it
    looks. spare: memory of the sheet's size. Returns the result, and the other of the two."""
    seen = 1
    while seen <= length:
        step = min(seen, length + 1 - seen)
        _larger(sheet, sheet, down * step, right * step, spare)
        for dim, moved in ((0, down * step), (1, right * step)):  # what has nothing before it
            spare[_first(dim, moved)] = sheet[_first(dim, moved)]
        sheet, spare, seen = spare, sheet, seen + step
    return sheet, spare


def _larger(sheet: Tensor, other: Tensor, down: int, right: int, out: Tensor) -> None:
    """The larger of each pixel of the sheet and the one of `other` that lies so far before it, where there is one."""
    (rows_from, rows), (columns_from, columns) = _slices(down), _slices(right)
    torch.maximum(sheet[rows, columns], other[rows_from, columns_from], out=out[rows, columns])


def _slices(step: int) -> tuple[slice, slice]:
    """(from, to) along one axis, for a move by `step`."""
    if step >= 0:
        return slice(None, -step or None), slice(step, None)
    return slice(-step, None), slice(None, step)


def _first(dim: int, step: int) -> tuple[slice, slice]:
    """What a move by `step` along that axis does not reach."""
    strip = slice(0, step) if step >= 0 else slice(step, None)
    return (strip, slice(None)) if dim == 0 else (slice(None), strip)


def _cross(sheet: Tensor, spare: Tensor) -> Tensor:
    out = spare.copy_(sheet)
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        _larger(out, sheet, down, right, out)
    return out


def feather_mask(mask: Tensor, pixels: int) -> Tensor:
    """Softens a mask's edge over about `pixels` to each side, by a Gaussian with sigma = pixels / 2.

    mask: (H, W) in [0, 1].
    """
    if pixels <= 0:
        return mask
    sigma = pixels / 2
    soft = _convolved(mask, _gaussian(sigma)) if mask.numel() <= SMALL else _convolved_coarsely(mask, sigma)
    return soft.clamp_(0, 1)


def _gaussian(sigma: float) -> Tensor:
    reach = math.ceil(SIGMAS * sigma)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2) / (2 * sigma**2))
    return kernel / kernel.sum()


def _convolved(mask: Tensor, kernel: Tensor) -> Tensor:
    """With the kernel along both axes; beyond the picture, its edge goes on."""
    reach = len(kernel) // 2
    soft = mask[None, None]
    soft = F.conv2d(F.pad(soft, (reach, reach, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    soft = F.conv2d(F.pad(soft, (0, 0, reach, reach), mode="replicate"), kernel.view(1, 1, -1, 1))
    return soft[0, 0]


def _convolved_coarsely(mask: Tensor, sigma: float) -> Tensor:
    """With a Gaussian along both axes, for large pictures: a wide one on means of `step` × `step` pixels, between which
    the result is straight.

    It differs by at most 1e-4, or 6e-4 where a mask is noise or thin stripes throughout.
    """
    step = int(sigma / SIGMA_OF_MEANS)
    if step < 2:
        return _convolved_in_tiles(mask, _gaussian(sigma))
    height, width = mask.shape
    # a step more on each side: beyond the picture its edge goes on, not the mean of what is near it
    sides = (step, step + -width % step, step, step + -height % step)
    means = F.avg_pool2d(F.pad(mask[None, None], sides, mode="replicate"), step)
    soft = _convolved_in_tiles(means[0, 0], _gaussian_of_means(sigma, step))
    fine = F.interpolate(soft[None, None], scale_factor=step, mode="bilinear")
    return fine[0, 0, step : step + height, step : step + width]


def _gaussian_of_means(sigma: float, step: int) -> Tensor:
    """`_gaussian` for means of so many pixels: it ends where that ends, and is narrower by what they blur.

    That is a variance of step² / 12 each for the means and for the steps of this kernel, and step² / 6 for the straight
    lines between the means.
    """
    end, narrow = math.ceil(SIGMAS * sigma) + 0.5, math.sqrt(sigma**2 - step**2 / 3)
    reach = math.ceil(end / step - 0.5)
    borders = ((torch.arange(-reach, reach + 2) - 0.5) * step).clamp(-end, end)
    kernel = torch.erf(borders / (narrow * math.sqrt(2))).diff()
    return kernel / kernel.sum()


def _convolved_in_tiles(mask: Tensor, kernel: Tensor) -> Tensor:
    """As `_convolved`, up to rounding (1e-6): by Fourier transform, and only near the mask's edges."""
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
