"""Where each concept on a MODEL is in the pictures of one sampling: given by a mask, or found in the first steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion.regions import FirstSteps, find_regions, grid_of, shared
from ..support.warnings import warn
from .progress import courtesy
from .token_marks import Chunk, Rows

PIXELS = 8
"""Of a picture to one of its latents, each way."""
_TINY = 1e-6


class Placed(Protocol):
    """What a region is asked of: see `host.unet_apart.ApartConcept`."""

    @property
    def name(self) -> str: ...
    @property
    def region(self) -> Tensor | None: ...
    @property
    def found(self) -> Callable[[Tensor], None] | None: ...


class Regions:
    """The regions of one sampling.

    shape: of its latents, (B, 4, h, w). sigmas: its noise levels, noisiest first, and where it ends.
    words: of all its prompts, those beside the phrases. version: a number that grows whenever regions change.
    """

    def __init__(
        self, concepts: Sequence[Placed], shape: Sequence[int], sigmas: Sequence[float], words: Sequence[str]
    ) -> None:
        self._concepts, self.words, self.version = concepts, tuple(words), 0
        self._pictures, self._size = shape[0], (shape[-2], shape[-1])
        self._steps = FirstSteps.of(sigmas)
        self._given = [_fitted(concept, self._pictures, self._size) for concept in concepts]
        _warn_of_overlaps(concepts, self._given)
        self._found: Tensor | None = None
        self._sums: dict[int, Tensor] = {}
        self._seen_at = float("inf")

    @property
    def wanted(self) -> list[str]:
        """The concepts whose regions are to be found."""
        return [concept.name for concept in self._concepts if concept.region is None]

    @property
    def known(self) -> tuple[bool, ...]:
        """Of each concept, whether its region is."""
        return tuple(given is not None or self._found is not None for given in self._given)

    def begin(self, sigma: float) -> bool:
        """Before a call at a noise level. Returns whether attention is to be averaged in it."""
        if self._found is not None:
            if not self._steps.begins(sigma):
                return False  # samplers may look ahead of a step, and come back
            self._found, self._sums = None, {}  # a new picture
            self.version += 1
        if not self._steps.over(sigma):
            return self._steps.averaged(sigma)
        if self._sums and sigma < self._seen_at:
            self._find()
        return self._found is None  # what is named late is looked for late; a step may have several calls

    def add(self, chosen: Sequence[Chunk], maps: Sequence[Tensor], sigma: float) -> None:
        """What a call's attention was: one map a layer, (rows of the chosen chunks, groups, h, w)."""
        if not maps:
            return
        self._seen_at = sigma
        mean, first = torch.stack(list(maps)).mean(0), 0
        for chunk in chosen:
            height, width, top, left = chunk.area or (*self._size, 0, 0)
            part = mean[first : first + chunk.rows]
            first += chunk.rows
            part = torch.cat([part, torch.ones_like(part[:, :1])], dim=1)  # the last counts how often a place was seen
            frame = (left, self._size[1] - left - width, top, self._size[0] - top - height)
            whole = F.pad(part, frame) * self._seat(chunk, part.device)
            self._sums[chunk.rows] = self._sums.get(chunk.rows, torch.zeros_like(whole)) + whole

    def _seat(self, chunk: Chunk, device: torch.device) -> Tensor | float:
        """How far a prompt has a say at each place: (rows, 1, h, w), or 1."""
        mask = chunk.prompt.mask
        if mask is None:
            return 1.0
        fitted = _resized(mask.to(device), self._size)
        return fitted[torch.arange(chunk.rows, device=device) % len(fitted)][:, None]

    def fits(self, rows: Rows, size: Sequence[int]) -> bool:
        """Whether rows of this height and width are what the sampler has made, and no tiles of it."""
        return all((chunk.area[:2] if chunk.area else self._size) == tuple(size) for chunk in rows.chunks)

    def at(self, rows: Rows, device: torch.device) -> Tensor | None:
        """Each row's regions, as its area crops them: (rows, concepts, h, w); None while no region is known."""
        if not any(self.known):
            return None
        return torch.cat([self._of_chunk(chunk, device) for chunk in rows.chunks])

    def _of_chunk(self, chunk: Chunk, device: torch.device) -> Tensor:
        whole = self._whole(device)
        whole = whole[torch.arange(chunk.rows, device=device) % len(whole)]
        if chunk.area is None:
            return whole
        height, width, top, left = chunk.area
        return whole[..., top : top + height, left : left + width]

    def _whole(self, device: torch.device) -> Tensor:
        """Of all concepts and pictures: (B, concepts, h, w), overlaps shared."""
        pictures = self._pictures if self._found is None else len(self._found)
        blank = torch.zeros(pictures, *self._size, device=device)
        regions = []
        for index, given in enumerate(self._given):
            if given is not None:
                regions.append(given.to(device)[torch.arange(pictures) % len(given)])
            else:
                regions.append(blank if self._found is None else self._found[:, index].to(device))
        return shared(torch.stack(regions, dim=1))

    def _find(self) -> None:
        sums = self._sums[max(self._sums)]
        maps = sums[:, :-1] / sums[:, -1:].clamp(min=_TINY)
        count = len(self._concepts)
        grid = grid_of(*self._size)
        found = find_regions(F.interpolate(maps, grid, mode="area"), count)
        found = F.interpolate(found, self._size, mode="nearest-exact")
        for given in self._given:
            if given is not None:  # what is given to another concept is not free to be found
                found = found * (1 - given.to(found)[torch.arange(len(found)) % len(given)])[:, None]
        self._found = found
        self.version += 1
        for index, concept in enumerate(self._concepts):
            if concept.region is None and concept.found is not None:
                with courtesy("A region"):
                    concept.found(found[:, index].cpu())


def _fitted(concept: Placed, pictures: int, size: tuple[int, int]) -> Tensor | None:
    """A concept's mask at the size of the latents: (pictures, h, w)."""
    mask = concept.region
    if mask is None:
        return None
    if not mask.any():
        warn("region_empty", name=concept.name)
    with torch.inference_mode(False), torch.no_grad():
        height, width = size[0] * PIXELS, size[1] * PIXELS
        if tuple(mask.shape[-2:]) not in ((height, width), size, (1, 1)):
            warn("region_resized", name=concept.name, mask=f"{mask.shape[-1]}×{mask.shape[-2]}",
                 picture=f"{width}×{height}")  # fmt: skip
        fitted = _resized(mask, size)
        if len(fitted) not in (1, pictures):
            warn("region_repeated", name=concept.name, masks=len(fitted), pictures=pictures)
        return fitted[torch.arange(pictures) % len(fitted)]


def _resized(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask (…, H, W) at the size of the latents: (B, h, w) in [0, 1]."""
    flat = mask.detach().float().reshape(-1, 1, *mask.shape[-2:]).clamp(0, 1)
    return F.interpolate(flat, size, mode="area")[:, 0]


def _warn_of_overlaps(concepts: Sequence[Placed], given: Sequence[Tensor | None]) -> None:
    regions = [(concept.name, region) for concept, region in zip(concepts, given, strict=True) if region is not None]
    if len(regions) > 1 and (torch.stack([region for _, region in regions]).sum(0) > 1.01).any():
        warn("regions_overlap", names=", ".join(name for name, _ in regions))
